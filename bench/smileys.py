"""How good do smileys get in the same seconds of training: garage_cnn, ours, the majority class?

    python -m bench.smileys [--data ckplus48.npz] [--seconds 160] [--folds 4] [--vote]

On ``ckplus48.npz`` (7 classes) or ``photos`` (5 smileys, cut out by the site's own detection) of the sample folder
(``SMIELFY_SAMPLES``, default ``../shared/samples``). People are divided into folds, each tested once by a network that
never saw them.
"""

from __future__ import annotations

import numpy as np

from bench._nets import SAMPLES, Table, folds, options, said_of_the_machine
from ml.config import TrainConfig
from ml.data.packed import divided_by_picture
from ml.data.sources import load_data


def main() -> None:
    parser = options(__doc__, 160)
    parser.add_argument("--data", default="ckplus48.npz", metavar="NAME", help="in the sample folder")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--vote", action="store_true", help="45 windows a picture, too")
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
    for title, config in (
        ("ours", TrainConfig.of("smiley", "smielfy_faces")),
        ("garage_cnn", TrainConfig.of("smiley", "garage_cnn")),
    ):
        rows = table.row(title, config, parts, vote=chosen.vote)
        evaluations += rows
        if chosen.vote and rows:
            weight = np.array([len(row.chosen) for row in rows])
            voted = {
                name: float(np.average([row.result["vote"][name] for row in rows], weights=weight))
                for name in ("accuracy", "macro_f1")
            }
            table.line(f"{title}, vote of 45 windows", ("", "", "", ""), voted, {})
    if evaluations:
        table.baselines(evaluations[0])
    if chosen.random_split:
        table.row(
            "ours, random split",
            TrainConfig.of("smiley", "smielfy_faces"),
            [divided_by_picture(parts[0], seed=chosen.seed)],
        )
    print(f"\n{said_of_the_machine()}")


if __name__ == "__main__":
    main()
