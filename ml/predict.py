"""What a trained model says of a face, on LiteRT alone: no training framework is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.artifacts import LITERT_MODEL, ArtifactError, ArtifactInfo, read_artifact
from ml.litert import LiteRTModel
from ml.pictures import Picture, resize_squares


class ServedModel:
    """A model from its artifact directory. Safe to share between threads.

    Raises:
        ArtifactError: the directory holds no usable model for :attr:`task`.
    """

    task = ""

    def __init__(self, artifact_dir: str | os.PathLike[str]) -> None:
        self.info: ArtifactInfo = read_artifact(artifact_dir)
        if self.info.task != self.task:
            raise ArtifactError(f"{artifact_dir} is a model for {self.info.task}, not for {self.task}.")
        self._model = LiteRTModel(Path(artifact_dir) / LITERT_MODEL)

    @property
    def input_size(self) -> int:
        """The side of the crop the network sees, in pixels."""
        return self.info.input_size

    def answers(self, crops: Picture) -> NDArray[np.float32]:
        """The network's own output [N, …] for crops uint8 [N, S, S, 3] (or grey [N, S, S]) of any size S.

        Raises:
            ValueError: another shape or type.
            ArtifactError: it answers with something that is no number.
        """
        pictures = resize_squares(crops, self.input_size, self.info.channels).astype(np.float32)
        rows = [self._model(pictures[index : index + 1])[0] for index in range(len(pictures))]
        answers = np.concatenate(rows) if rows else np.empty((0, len(self.info.classes)), np.float32)
        if not np.isfinite(answers).all():
            raise ArtifactError("The model answers with NaN or infinity: it cannot be used. Train again.")
        return answers


class SmileyClassifier(ServedModel):
    """Which smiley an aligned crop shows."""

    task = "smiley"

    @property
    def classes(self) -> tuple[str, ...]:
        """The smileys' names, in the order of the probabilities."""
        return self.info.classes

    def predict(self, crops: Picture) -> NDArray[np.float32]:
        """Probabilities float32 [N, C] of aligned crops, see :meth:`answers`."""
        return self.answers(crops)

    def predict_one(self, crop: Picture) -> dict[str, float]:
        """The distribution over the smileys, likeliest first, of one aligned crop uint8 [S, S, 3]."""
        (row,) = self.predict(crop[None]).tolist()
        return dict(sorted(zip(self.classes, row, strict=True), key=lambda pair: -pair[1]))


class KeypointModel(ServedModel):
    """Where the fifteen keypoints lie."""

    task = "keypoints"

    def predict(self, crops: Picture) -> NDArray[np.float32]:
        """Points float32 [N, 15, 2] in pixels of the crops, see :meth:`answers`; order of ``KEYPOINT_NAMES``."""
        from ml.metrics import scaled_points

        found = self.answers(crops).reshape(-1, 15, 2)
        return scaled_points(found, self.input_size, crops.shape[1])


@dataclass(frozen=True)
class Unmasked:
    """A face as a network imagines it without its mask. It is invented, and no picture of this person.

    Attributes:
        image: uint8 [S, S, 3].
        invented: uint8 [S, S], how much of each pixel is the network's: 255 throughout where it does not say.
    """

    image: Picture
    invented: Picture

    def over(self, masked: Picture) -> Picture:
        """The masked picture uint8 [H, H, 3], of any size, with what was invented laid over it."""
        import cv2

        side = (masked.shape[1], masked.shape[0])
        bare = cv2.resize(self.image, side, interpolation=cv2.INTER_CUBIC)
        share = cv2.resize(self.invented, side, interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        mixed = masked * (1 - share[..., None]) + np.asarray(bare) * share[..., None]
        return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


class Unmasker(ServedModel):
    """Takes the mask off."""

    task = "unmask"

    def predict(self, crops: Picture) -> list[Unmasked]:
        """One answer a crop, at the network's own size; see :meth:`answers`."""
        rows = np.clip(np.rint(self.answers(crops)), 0, 255)
        results = []
        for row in rows:
            invented = row[..., 3] * 1.0 if row.shape[-1] == 4 else np.full(row.shape[:2], 255.0)
            results.append(Unmasked(row[..., :3].astype(np.uint8), invented.astype(np.uint8)))
        return results


#: What serves a task.
MODELS: dict[str, type[ServedModel]] = {one.task: one for one in (SmileyClassifier, KeypointModel, Unmasker)}
