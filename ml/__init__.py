"""Smielfy's machine-learning library: arrays and files in, arrays and files out.

It knows nothing of the site. Coordinates everywhere in this package are **pixel indices**: the centre of the
top-left pixel is (0, 0), that of the bottom-right one (W−1, H−1), x to the right, y down. Boxes are the one
exception: they are drawn on pixel **edges**, so that ``Box(0, 0, W, H)`` is the whole picture.
"""
