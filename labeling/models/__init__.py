"""What detectors and people say of a photo."""

from .duplicates import DroppedDuplicate
from .faces import (
    BANDS,
    CROP_SIZE,
    Analysis,
    Face,
    KeypointSet,
    MaskedFace,
    NearDuplicate,
    NearDuplicateQuerySet,
    hash_bands,
)
from .imported import ImportedFace
from .keypoints import KeypointDoubt
from .quality import PairCount, PatternCount, ReviewerCount, UncountedDay
from .queue import Check, GoldPhoto, QueueEntry, SmileyQueue
from .reviews import Decision, Review
from .videos import VideoImport

__all__ = [
    "BANDS",
    "CROP_SIZE",
    "Analysis",
    "Check",
    "Decision",
    "DroppedDuplicate",
    "Face",
    "GoldPhoto",
    "ImportedFace",
    "KeypointDoubt",
    "KeypointSet",
    "MaskedFace",
    "NearDuplicate",
    "NearDuplicateQuerySet",
    "PairCount",
    "PatternCount",
    "QueueEntry",
    "Review",
    "ReviewerCount",
    "SmileyQueue",
    "UncountedDay",
    "VideoImport",
    "hash_bands",
]
