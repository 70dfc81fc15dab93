"""How good do keypoints get in the same seconds of training: conv_head, inception_lite, ours, the mean face?

    python -m bench.keypoints [--seconds 400] [--missing 0.6]

On ``keypoints.csv.gz`` of the sample folder (``SMIELFY_SAMPLES``, default ``../shared/samples``), 30 % of the people
held out. With ``--missing`` that share of the training people's points is blanked at random, and our network is
trained once with a loss masked by presence and once on the rows that are still whole.
"""

from __future__ import annotations

from bench._nets import SAMPLES, Table, options, said_of_the_machine
from ml.config import TrainConfig
from ml.data.keypoint_sources import blank_points
from ml.data.packed import DataError, divided_by_picture
from ml.data.sources import load_data

PUBLISHED = ("conv_head", "inception_lite")


def main() -> None:
    parser = options(__doc__, 400)
    parser.add_argument("--missing", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--random-split", action="store_true", help="ours once more, people not kept apart")
    chosen = parser.parse_args()
    file = SAMPLES / "keypoints.csv.gz"
    data = load_data("keypoints", file, size=96, seed=chosen.seed, shares=(0.6, 0.1, 0.3))
    print(f"{len(data)} pictures, {len(set(data.persons))} people; {said_of_the_machine()}\n")
    table = Table(chosen, ("rmse", "nme"))
    ours = TrainConfig.of("keypoints")
    if chosen.missing:
        blanked = blank_points(data, chosen.missing, seed=chosen.seed)
        table.row(f"{chosen.missing:.0%} blanked, masked loss", ours, [blanked])
        try:
            whole = blank_points(data, chosen.missing, seed=chosen.seed, drop_rows=True)
        except DataError as error:
            print(f"{chosen.missing:.0%} blanked, rows dropped: {error}")
        else:
            table.row(f"{chosen.missing:.0%} blanked, rows dropped", ours, [whole])
    else:
        evaluations = table.row("ours", ours, [data])
        for name in PUBLISHED:
            evaluations += table.row(name, TrainConfig.of("keypoints", name), [data])
        if evaluations:
            table.baselines(evaluations[:1])
        if chosen.random_split:
            table.row("ours, random split", ours, [divided_by_picture(data, seed=chosen.seed)])
    print(f"\n{said_of_the_machine()}")


if __name__ == "__main__":
    main()
