"""What training has to know of each task: what is learnt, how wrong an answer is, and when a network is better."""

from __future__ import annotations

from ml.config import TrainConfig
from ml.data.packed import KEYPOINTS, SMILEY, UNMASK, DataError, PackedData
from ml.tasks.base import Task

__all__ = ["Task", "choose_task"]


def choose_task(config: TrainConfig, data: PackedData) -> Task:
    """The learnable part of a data set.

    Raises:
        DataError: it is for another task, or too little to learn from.
    """
    from ml.tasks.keypoints import KeypointTask
    from ml.tasks.smiley import SmileyTask
    from ml.tasks.unmask import UnmaskTask

    if data.task != config.task:
        raise DataError(f"This data set is for {data.task}, not for {config.task}: name another.")
    kinds: dict[str, type[Task]] = {SMILEY: SmileyTask, KEYPOINTS: KeypointTask, UNMASK: UnmaskTask}
    return kinds[config.task](config, data)
