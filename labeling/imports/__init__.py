"""Bringing pictures in that others have collected, through the same intake as everybody's uploads.

A reader of each format checks all that can be checked without decoding a picture, and gathers it as rows in a
`Staging`, before anything is written. Then the rows are taken in, a picture in a transaction: what was interrupted
goes on where it stopped when it is started again. What only decoding shows is reported by the picture's name.
"""

from .batches import batch_open

__all__ = ["batch_open"]
