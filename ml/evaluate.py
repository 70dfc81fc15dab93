"""How good a trained model is on people it never saw, measured on the file that is served."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ml.data.manifest import DataError, PackedData
from ml.data.splits import TEST
from ml.metrics import classification_metrics
from ml.predict import SmileyClassifier


def evaluate(
    artifact_dir: str | os.PathLike[str],
    data: PackedData,
    *,
    split: str = TEST,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Measure a smiley model on one split of a data set.

    Args:
        artifact_dir: as ``ml.train.train`` returns it.
        data: the data set; of a class the model does not know, its pictures are left out and counted.
        split: "test" unless something else is wanted.
        progress: told (pictures done, pictures in all).

    Returns:
        JSON values: those of ``ml.metrics.classification_metrics``, and ``task``, ``architecture``,
            ``classes``, ``split``, ``people``, ``left_out`` (pictures of unknown classes), ``data_hash``,
            ``same_data`` (whether the model was trained on this very data set, so that the split is known to
            be of unseen people).

    Raises:
        ArtifactError: no usable model.
        DataError: nobody to test on.
    """
    model = SmileyClassifier(artifact_dir)
    index = {name: i for i, name in enumerate(model.classes)}
    everything = data.indices(split)
    labels = np.array([index.get(data.classes[data.labels[i]], -1) for i in everything], dtype=np.int32)
    chosen, labels = everything[labels >= 0], labels[labels >= 0]
    if len(chosen) == 0:
        raise DataError(
            f"The {split} split has no picture of a class that the model knows: add people to it."
        )
    parts, step = [], 64
    for start in range(0, len(chosen), step):
        parts.append(model.predict(np.asarray(data.images[chosen[start : start + step]])))
        progress(min(start + step, len(chosen)), len(chosen))
    return {
        "task": model.info.task,
        "architecture": model.info.architecture,
        "classes": list(model.classes),
        "split": split,
        "people": len(np.unique(data.persons[chosen])),
        "left_out": len(everything) - len(chosen),
        "data_hash": data.data_hash,
        "same_data": data.data_hash == model.info.data_hash,
        **classification_metrics(np.concatenate(parts), labels, model.classes),
    }
