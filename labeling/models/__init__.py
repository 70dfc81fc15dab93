"""What detectors and people say of a photo."""

from .faces import BANDS, CROP_SIZE, Analysis, Face, KeypointSet, MaskedFace, NearDuplicate, hash_bands
from .queue import Check, GoldPhoto, QueueEntry, SmileyQueue
from .reviews import Decision, Review
from .videos import VideoImport

__all__ = [
    "BANDS",
    "CROP_SIZE",
    "Analysis",
    "Check",
    "Decision",
    "Face",
    "GoldPhoto",
    "KeypointSet",
    "MaskedFace",
    "NearDuplicate",
    "QueueEntry",
    "Review",
    "SmileyQueue",
    "VideoImport",
    "hash_bands",
]
