"""How good do smileys get in the same seconds of training: garage_cnn, ours, the majority class?

    python -m bench.smileys [--data ckplus48.npz] [--seconds 160] [--folds 4] [--vote] [--pretrain 300]

On ``ckplus48.npz`` (7 classes) or ``photos`` (5 smileys, cut out by the site's own detection) of the sample folder
(``SMIELFY_SAMPLES``, default ``../shared/samples``). People are divided into folds, each tested once by a network that
never saw them. With ``--pretrain`` ours is trained a second time, from a keypoint network that so many seconds have
taught on other people, as the site does it; nobody who is in the data named is among them. Beside ``photos`` stands
what the shape of the face tells: a support vector machine that learns from the mesh's points of the same people.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench._meshes import upright
from bench._nets import SAMPLES, Table, folds, options, said_of_the_machine
from ml.artifacts import read_artifact
from ml.config import TrainConfig
from ml.data.keypoint_sources import keypoints_from_csv, keypoints_from_photos
from ml.data.packed import KEYPOINTS, PackedData, divided_by_picture, pack
from ml.data.sources import load_data
from ml.data.splits import split_people
from ml.evaluate import Evaluation
from ml.faces.analyse import FaceAnalyser
from ml.metrics import classification_statistics
from ml.pictures import read_picture, resize_squares
from ml.train import train

PHOTOS = "photos"


def faces_of_others(tested: str, seed: int) -> PackedData:
    """Faces with keypoints of people who are not in the data that is tested: placed by people or by the mesh."""
    rows = [(SAMPLES / "selfies" / row["file"], row["file"]) for row in labels_of("selfies")]
    named = {row["person"] for row in labels_of(PHOTOS)}
    if tested != PHOTOS:
        rows += [(SAMPLES / PHOTOS / row["file"], row["person"]) for row in labels_of(PHOTOS)]
    by_mesh = keypoints_from_photos(rows, size=96, seed=seed)
    by_hand = keypoints_from_csv(SAMPLES / "keypoints.csv.gz", seed=seed)
    kept = [i for i, person in enumerate(by_hand.persons) if tested != PHOTOS or person not in named]
    assert by_mesh.points is not None
    assert by_hand.points is not None
    persons = [*by_mesh.persons.tolist(), *by_hand.persons[kept].tolist()]
    return pack(
        task=KEYPOINTS,
        images=np.concatenate([resize_squares(by_mesh.images, 96, 1), by_hand.images[kept]]),
        points=np.concatenate([by_mesh.points, by_hand.points[kept]]),
        persons=persons,
        splits=split_people(persons, seed=seed, shares=(0.9, 0.1, 0.0)),
        ids=[str(i) for i in range(len(persons))],
    )


def told_by_shapes(parts: Sequence[Evaluation]) -> list[NDArray[np.float64]]:
    """Of each part the statistics of a support vector machine that sees the mesh's 468 points and no pixel."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    meshes = np.stack([mesh_of(file) for file in parts[0].data.ids])
    shapes = upright(meshes).reshape(len(meshes), -1)
    statistics = []
    for part in parts:
        data, classes = part.data, part.info.classes
        learnt = np.concatenate([data.indices("train"), data.indices("validation")])
        machine = make_pipeline(StandardScaler(), PCA(60, random_state=0), SVC(C=3))
        machine.fit(shapes[learnt], data.labels[learnt])
        answers = [classes.index(data.classes[i]) for i in machine.predict(shapes[part.chosen])]
        statistics.append(classification_statistics(np.eye(len(classes))[answers], part.labels, len(classes)))
    return statistics


def mesh_of(file: str) -> NDArray[np.float64]:
    """The mesh [468, 3] on a photo's face."""
    face = FaceAnalyser().analyse(read_picture(SAMPLES / PHOTOS / file)).subject
    assert face is not None, file
    return face.mesh


def labels_of(folder: str) -> list[dict[str, str]]:
    """Its table."""
    with (SAMPLES / folder / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pretrained(chosen: argparse.Namespace, out: Path) -> Path:
    """A keypoint network to start from."""
    data = faces_of_others(chosen.data, chosen.seed)
    config = TrainConfig.of(
        KEYPOINTS, max_seconds=chosen.pretrain, clock=chosen.clock, seed=chosen.seed, epochs=100_000,
        stop_patience=100_000,
    )  # fmt: skip
    done = read_artifact(train(config, data, out)).training
    print(
        f"keypoints of {len(data)} other pictures, {len(set(data.persons))} people: {done['epochs']} epochs in "
        f"{done['cpu_seconds']:.0f} s of processor time"
    )
    return out


def main() -> None:
    parser = options(__doc__, 160)
    parser.add_argument("--data", default="ckplus48.npz", metavar="NAME", help="in the sample folder")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--vote", action="store_true", help="45 windows a picture, too")
    parser.add_argument("--pretrain", type=float, metavar="S", help="ours once more, from a keypoint network")
    parser.add_argument("--random-split", action="store_true", help="ours once more, people not kept apart")
    chosen = parser.parse_args()
    data = load_data("smiley", SAMPLES / chosen.data, size=48, seed=chosen.seed, notice=print)
    parts = folds(data, chosen.folds, chosen.seed)
    print(
        f"{chosen.data}: {len(data)} pictures, {len(set(data.persons))} people, {len(data.classes)} classes, "
        f"{chosen.folds} folds; {said_of_the_machine()}\n"
    )
    table = Table(chosen, ("accuracy", "macro_f1"))
    evaluations = []
    ours = TrainConfig.of("smiley", "smielfy_faces")
    nets = {"ours": ours, "garage_cnn": TrainConfig.of("smiley", "garage_cnn")}
    with tempfile.TemporaryDirectory() as folder:
        if chosen.pretrain:
            start = pretrained(chosen, Path(folder) / "keypoints")
            nets = {"ours, from keypoints": ours.but(warm_start=str(start)), **nets}
        for title, config in nets.items():
            rows = table.row(title, config, parts, vote=chosen.vote)
            evaluations += rows
            if chosen.vote and rows:
                table.untrained(f"{title}, vote of 45 windows", rows, [row.voted for row in rows])
    if evaluations:
        tested = evaluations[: chosen.folds]
        if chosen.data == PHOTOS:
            table.untrained("the shape of the mesh", tested, told_by_shapes(tested))
        table.baselines(tested)
    if chosen.random_split:
        table.row("ours, random split", ours, [divided_by_picture(parts[0], seed=chosen.seed)])
    print(f"\n{said_of_the_machine()}")


if __name__ == "__main__":
    main()
