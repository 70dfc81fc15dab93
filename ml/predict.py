"""What a trained model says of a face, on LiteRT alone: no training framework is loaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.artifacts import LITERT_MODEL, ArtifactError, ArtifactInfo, read_artifact
from ml.litert import LiteRTModel
from ml.pictures import Picture, resize_squares


class SmileyClassifier:
    """A smiley model from its artifact directory. Safe to share between threads.

    Raises:
        ArtifactError: the directory holds no usable smiley model.
    """

    def __init__(self, artifact_dir: str | os.PathLike[str]) -> None:
        self.info: ArtifactInfo = read_artifact(artifact_dir)
        if self.info.task != "smiley":
            raise ArtifactError(f"{artifact_dir} is a model for {self.info.task}, not for smileys.")
        self._model = LiteRTModel(Path(artifact_dir) / LITERT_MODEL)

    @property
    def classes(self) -> tuple[str, ...]:
        """The smileys' names, in the order of the probabilities."""
        return self.info.classes

    @property
    def input_size(self) -> int:
        """The side of the crop the network sees, in pixels."""
        return self.info.input_size

    def predict(self, crops: Picture) -> NDArray[np.float32]:
        """Probabilities float32 [N, C] of aligned crops uint8 [N, S, S, 3] (or grey [N, S, S]) of any size S.

        Raises:
            ValueError: another shape or type.
        """
        pictures = resize_squares(crops, self.input_size, self.info.channels).astype(np.float32)
        probabilities = np.empty((len(pictures), len(self.classes)), np.float32)
        for index in range(len(pictures)):
            probabilities[index] = self._model(pictures[index : index + 1])[0][0]
        return probabilities

    def predict_one(self, crop: Picture) -> dict[str, float]:
        """The distribution over the smileys, likeliest first, of one aligned crop uint8 [S, S, 3]."""
        (row,) = self.predict(crop[None]).tolist()
        return dict(sorted(zip(self.classes, row, strict=True), key=lambda pair: -pair[1]))
