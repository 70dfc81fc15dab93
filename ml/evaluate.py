"""How good a trained model is on people it never saw, measured on the file that is served."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import baselines, metrics
from ml.artifacts import ArtifactInfo, read_artifact
from ml.data.packed import KEYPOINTS, SMILEY, DataError, PackedData
from ml.data.splits import TEST
from ml.faces.quality import MEASURING_SIZE, sharpness
from ml.intervals import Figures, confidence_intervals
from ml.pictures import Picture, resize_squares
from ml.predict import KeypointModel, SmileyClassifier, Unmasker

Tell = Callable[[int, int], None]
_STEP = 64
_WORST = 24
_OF_THE_VOTE = ("accuracy", "macro_f1", "calibration_error", "log_loss")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers on one split, and what they add up to.

    Attributes:
        info: of the model.
        data: the data set.
        chosen: which of its pictures were asked about.
        predictions: what came back, [N, …]: probabilities, points in pixels of the data set's pictures, or pictures
            uint8 [N, S, S, 3] of their size.
        labels: smileys only: int32 [N], index into the model's classes.
        statistics: [N, K], a row a picture, whose sums ``figures`` turns into figures.
        figures: see ``ml.intervals``.
        errors: [N], how wrong each answer is, to find the worst by.
        baselines: name → the same statistics of an answer that looks at nothing, the most trivial first.
        result: everything as JSON values.
        voted: smileys that were asked 45 times: the vote's statistics.
    """

    info: ArtifactInfo
    data: PackedData
    chosen: NDArray[np.intp]
    predictions: NDArray[Any]
    labels: NDArray[np.int32]
    statistics: NDArray[np.float64]
    figures: Figures
    errors: NDArray[np.float64]
    baselines: dict[str, NDArray[np.float64]]
    result: dict[str, Any]
    voted: NDArray[np.float64] | None = None


def evaluate(
    artifact_dir: str | os.PathLike[str],
    data: PackedData,
    *,
    split: str = TEST,
    vote: bool = False,
    progress: Tell = lambda done, total: None,
) -> dict[str, Any]:
    """Measure a model on one split of a data set; see :func:`examine`, whose ``result`` this is."""
    return examine(artifact_dir, data, split=split, vote=vote, progress=progress).result


def examine(
    artifact_dir: str | os.PathLike[str],
    data: PackedData,
    *,
    split: str = TEST,
    vote: bool = False,
    progress: Tell = lambda done, total: None,
) -> Evaluation:
    """Measure a model on one split of a data set.

    Args:
        artifact_dir: as ``ml.train.train`` returns it.
        data: the data set; of a class the model does not know, its pictures are left out and counted.
        split: "test" unless something else is wanted.
        vote: smileys only: ask 45 times a picture, too.
        progress: told (pictures done, pictures in all).

    Returns:
        The answers, and as ``result`` JSON values: the figures of ``ml.metrics``; ``intervals``, 95 % by bootstrap over
        people; ``baselines``, the same figures of answers that look at nothing; ``slices``, the same by brightness and
        sharpness of the crop; ``worst``, the ids of the pictures it was most wrong about; ``task``, ``architecture``,
        ``classes``, ``split``, ``people``, ``left_out`` (pictures of unknown classes), ``data_hash``, ``same_data``
        (whether the model was trained on this very data set, so that the split is known to be of unseen people).

    Raises:
        ArtifactError: no usable model.
        DataError: data for another task, or nobody to test on.
    """
    info = read_artifact(artifact_dir)
    if data.task != info.task:
        raise DataError(f"This data set is for {data.task}; the model is for {info.task}.")
    measure = {SMILEY: _smileys, KEYPOINTS: _keypoints}.get(info.task, _unmask)
    return measure(artifact_dir, info, data, split, vote, progress)


def _smileys(
    artifact_dir: Any, info: ArtifactInfo, data: PackedData, split: str, vote: bool, progress: Tell
) -> Evaluation:
    model = SmileyClassifier(artifact_dir)
    index = {name: i for i, name in enumerate(model.classes)}
    everything = data.indices(split)
    labels = np.array([index.get(data.classes[data.labels[i]], -1) for i in everything], dtype=np.int32)
    chosen, labels = everything[labels >= 0], labels[labels >= 0]
    if len(chosen) == 0:
        raise DataError(
            f"The {split} split has no picture of a class that the model knows: add people to it."
        )
    found = _asked(model.predict, data.images, chosen, progress)
    statistics = metrics.classification_statistics(found, labels, len(model.classes))
    result = metrics.classification_metrics(found, labels, model.classes)
    result["reliability"] = metrics.reliability(found, labels)
    voted = None
    if vote:
        shares = _voted(model, data, chosen, progress)
        full = metrics.classification_metrics(shares, labels, model.classes)
        result["vote"] = {name: full[name] for name in _OF_THE_VOTE}
        voted = metrics.classification_statistics(shares, labels, len(model.classes))
    certain = baselines.majority(data, model.classes, len(chosen))
    majority = metrics.classification_statistics(certain, labels, len(model.classes))
    errors = 1.0 - found[np.arange(len(labels)), labels].astype(np.float64)
    single = _evaluation(
        info, data, split, chosen, found, labels, statistics, metrics.classification_figures, errors,
        {**result, "left_out": len(everything) - len(chosen)}, np.asarray(data.images[chosen]),
        {"majority": majority},
    )  # fmt: skip
    return replace(single, voted=voted)


def _voted(
    model: SmileyClassifier, data: PackedData, chosen: NDArray[np.intp], progress: Tell
) -> NDArray[np.float32]:
    """The shares of the vote over 45 windows [N, C]."""
    from ml.vote import vote_on_crop

    shares = []
    for done, i in enumerate(chosen, start=1):
        shares.append(
            vote_on_crop(model, resize_squares(np.asarray(data.images[i : i + 1]), data.size, 3)[0]).shares
        )
        progress(done, len(chosen))
    return np.stack(shares).astype(np.float32)


def _keypoints(
    artifact_dir: Any, info: ArtifactInfo, data: PackedData, split: str, vote: bool, progress: Tell
) -> Evaluation:
    assert data.points is not None
    chosen = data.indices(split)
    chosen = chosen[np.isfinite(data.points[chosen]).any(axis=(1, 2))]
    if len(chosen) == 0:
        raise DataError(f"The {split} split has no picture with a keypoint: add people to it.")
    found = _asked(KeypointModel(artifact_dir).predict, data.images, chosen, progress)
    # As Kaggle counts them, whatever the size of the pictures.
    here, wanted = (metrics.scaled_points(p, data.size, 96) for p in (found, data.points[chosen]))
    statistics = metrics.keypoint_statistics(here, wanted)
    result: dict[str, Any] = metrics.keypoint_metrics(here, wanted)
    others = {}
    mean = baselines.mean_face(data, len(chosen))
    if mean is not None:
        placed = metrics.scaled_points(mean, data.size, 96)
        others["mean face"] = metrics.keypoint_statistics(placed, wanted)
    errors = np.sqrt(statistics[:, 0] / np.maximum(statistics[:, 1], 1))
    return _evaluation(
        info, data, split, chosen, found, np.empty(0, np.int32), statistics, metrics.keypoint_figures, errors,
        {**result, "left_out": 0}, np.asarray(data.images[chosen]), others,
    )  # fmt: skip


def _unmask(
    artifact_dir: Any, info: ArtifactInfo, data: PackedData, split: str, vote: bool, progress: Tell
) -> Evaluation:
    assert data.masked is not None
    assert data.alpha is not None
    chosen = data.indices(split)
    if len(chosen) == 0:
        raise DataError(f"The {split} split is empty: add people to it.")
    model = Unmasker(artifact_dir)

    def ask(crops: Picture) -> NDArray[Any]:
        """In the size of the data set, as they are served: a small picture is easier to be like than a large one."""
        answers = model.predict(crops)
        if model.input_size == data.size:
            return np.stack([answer.image for answer in answers])
        return np.stack([answer.over(crop) for answer, crop in zip(answers, crops, strict=True)])

    found = _asked(ask, data.masked, chosen, progress)
    bare, masked = np.asarray(data.images[chosen]), np.asarray(data.masked[chosen])
    alpha = resize_squares(np.asarray(data.alpha[chosen]), data.size, 1)[..., 0]
    statistics = metrics.picture_statistics(found, bare, alpha)
    result: dict[str, Any] = _figures(metrics.picture_figures, statistics)
    others = {
        name: metrics.picture_statistics(answer, bare, alpha)
        for name, answer in (
            ("copy the input", masked),
            ("Telea inpainting", baselines.telea(masked, alpha)),
        )
    }
    return _evaluation(
        info, data, split, chosen, found, np.empty(0, np.int32), statistics, metrics.picture_figures,
        statistics[:, metrics.PICTURE_FIGURES.index("masked_l1")],
        {**result, "left_out": 0, "samples": len(chosen), "size": data.size}, bare, others,
    )  # fmt: skip


def _asked(
    ask: Callable[[Picture], NDArray[Any]], images: Picture, chosen: NDArray[np.intp], progress: Tell
) -> NDArray[Any]:
    parts = []
    for start in range(0, len(chosen), _STEP):
        parts.append(ask(np.asarray(images[chosen[start : start + _STEP]])))
        progress(min(start + _STEP, len(chosen)), len(chosen))
    return np.concatenate(parts)


def _figures(figures: Figures, statistics: NDArray[np.float64]) -> dict[str, Any]:
    values = figures(statistics.sum(axis=0, keepdims=True))
    return {name: float(value[0]) if np.isfinite(value[0]) else None for name, value in values.items()}


def _evaluation(
    info: ArtifactInfo,
    data: PackedData,
    split: str,
    chosen: NDArray[np.intp],
    predictions: NDArray[Any],
    labels: NDArray[np.int32],
    statistics: NDArray[np.float64],
    figures: Figures,
    errors: NDArray[np.float64],
    result: dict[str, Any],
    seen: Picture,
    others: dict[str, NDArray[np.float64]],
) -> Evaluation:
    persons = data.persons[chosen]
    common = {
        "task": info.task,
        "architecture": info.architecture,
        "classes": list(info.classes),
        "split": split,
        "people": len(np.unique(persons)),
        "data_hash": data.data_hash,
        "same_data": data.data_hash == info.data_hash,
        "intervals": confidence_intervals(statistics, persons, figures),
        "baselines": {name: _figures(figures, rows) for name, rows in others.items()},
        "slices": _slices(seen, statistics, figures),
        "worst": data.ids[chosen[np.argsort(-errors, kind="stable")[:_WORST]]].tolist(),
    }
    return Evaluation(
        info, data, chosen, predictions, labels, statistics, figures, errors, others, {**common, **result}
    )


def _slices(seen: Picture, statistics: NDArray[np.float64], figures: Figures) -> dict[str, Any]:
    """The figures of the darkest, middle and brightest third of the pictures, and of the blurred to the sharp."""
    crops = resize_squares(seen, MEASURING_SIZE)
    measures = {
        "brightness": (crops.mean(axis=(1, 2, 3)), ("dark", "middle", "bright")),
        "sharpness": (np.array([sharpness(crop) for crop in crops]), ("blurred", "middle", "sharp")),
    }
    result: dict[str, Any] = {}
    for name, (values, labels) in measures.items():
        thirds = np.array_split(np.argsort(values, kind="stable"), 3)
        result[name] = {
            label: {**_figures(figures, statistics[third]), "samples": len(third)}
            for label, third in zip(labels, thirds, strict=True)
            if len(third)
        }
    return result
