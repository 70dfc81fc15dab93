"""How well does a mask come off in the same seconds of training: the published U-Nets, ours, Telea, copying the input?

    python -m bench.unmask [--seconds 600] [--size 128]

On ``photos`` of the sample folder (``SMIELFY_SAMPLES``, default ``../shared/samples``) with synthetic masks, people
divided. For two cores the published networks have a quarter of their filters (the full ``unet_resnet`` has 53.6
million parameters and makes two pictures a second there); ``--full`` trains them as published.
"""

from __future__ import annotations

from bench._nets import SAMPLES, Table, options, said_of_the_machine
from ml.config import TrainConfig
from ml.data.sources import load_data

FIGURES = ("masked_ssim", "masked_psnr", "masked_l1", "ssim", "psnr", "l1")


def main() -> None:
    parser = options(__doc__, 600)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--full", action="store_true", help="the published networks with all their filters")
    chosen = parser.parse_args()
    data = load_data(
        "unmask",
        SAMPLES / "photos",
        size=chosen.size,
        seed=chosen.seed,
        shares=(0.75, 0.05, 0.2),
        notice=print,
    )
    print(f"{len(data)} pairs, {len(set(data.persons))} people; {said_of_the_machine()}\n")
    table = Table(chosen, FIGURES)
    reduced = {} if chosen.full else {"filters": (16, 32, 32, 64, 64, 128)}
    plain = {} if chosen.full else {"filters": (8, 16, 32, 64, 64)}
    evaluations = table.row("ours", TrainConfig.of("unmask", "smielfy_unmask", size=chosen.size), [data])
    for title, settings in (("unet_resnet", reduced), ("unet", plain)):
        config = TrainConfig.of("unmask", title, size=chosen.size, **settings)
        evaluations += table.row(f"{title}{'' if chosen.full else ', fewer filters'}", config, [data])
    if evaluations:
        table.baselines(evaluations[:1])
    print(f"\n{said_of_the_machine()}")


if __name__ == "__main__":
    main()
