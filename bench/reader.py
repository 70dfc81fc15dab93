"""How fast are batches read from a packed data set, beside how fast each network learns from them?

    python -m bench.reader [--pictures 4096] [--architectures NAME …]

Reading is one shuffled epoch of `ml.data.batches` over shards on disk. Learning is the network alone, without augmented
views, on one batch that is given to it again and again: as fast as it could ever take them. Seconds of the clock; the
fastest of the rounds counts, for other programs on the machine can only slow one down.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from ml.config import TrainConfig
from ml.data.manifest import pack_opened, read_packed
from ml.data.packed import PackedData
from ml.data.shards import Rows, write_shard
from ml.nets.registry import ARCHITECTURES

ROUNDS, STEPS, SHARD = 3, 8, 256
WANTED = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4096)
    parser.add_argument("--architectures", nargs="*", default=list(ARCHITECTURES), metavar="NAME")
    given = parser.parse_args()
    packs: dict[tuple[str, int], PackedData] = {}
    print(
        "| network | parameters | a batch | learns pictures/s | read pictures/s | |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in given.architectures:
            net = ARCHITECTURES[name]
            kind = (net.task, net.size)
            if kind not in packs:
                out = Path(folder, f"{net.task}-{net.size}")
                packs[kind] = packed(
                    out, net.task, net.size, max(given.pictures * 48 * 48 // net.size**2, 256)
                )
            measure(name, packs[kind])


def packed(out: Path, task: str, size: int, count: int) -> PackedData:
    """Pictures of noise, of which three quarters are learnt from."""
    random, shards = np.random.default_rng(1), []
    with pack_opened(out) as opened:
        for start in range(0, count, SHARD):
            numbers = range(start, min(start + SHARD, count))
            pictures = random.integers(0, 256, (len(numbers), size, size, 7), dtype=np.uint8)
            rows = Rows(
                [str(number) for number in numbers],
                [f"p{number // 4}" for number in numbers],
                [("train", "train", "train", "validation")[number // 4 % 4] for number in numbers],
                [f"c{number % 17:02}" for number in numbers],
                random.uniform(0, size, (len(numbers), 15, 2)).astype(np.float32),
            )
            shards.append(f"{start:06}.npy")
            with open(opened.folder / shards[-1], "xb") as file:
                three = ((each[..., :3], each[..., 3:6], each[..., 6]) for each in pictures)
                given = three if task == "unmask" else ((image,) for image, _, _ in three)
                write_shard(file, task=task, rows=rows, pictures=given)
        opened.close(shards, task=task)
    return read_packed(out)


def measure(name: str, data: PackedData) -> None:
    import keras

    from ml.data.batches import Batches, shuffled
    from ml.learner import Learner
    from ml.tasks import choose_task

    config = TrainConfig.of(data.task, name, augment=False)
    task = choose_task(config, data)
    batches = Batches(task, shuffled(task.train, seed=1, epoch=1), batch_size=config.batch_size)

    def read() -> None:
        for number in range(len(batches)):
            batches[number]

    reading = fastest(read) / len(task.train)
    learner = Learner(ARCHITECTURES[name].build(task.outputs), task, config)
    (batch,) = batches[0]

    class Again(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return STEPS

        def __getitem__(self, index: int) -> Any:
            return (batch,)

    learner.fit(Again(), epochs=1, verbose=0)  # traced then
    learning = fastest(lambda: learner.fit(Again(), epochs=1, verbose=0)) / (STEPS * config.batch_size)
    ratio = learning / reading
    print(
        f"| {name} | {learner.net.count_params():,} | {config.batch_size} | {1 / learning:,.0f} "
        f"| {1 / reading:,.0f} | {ratio:.1f} times{'' if ratio >= WANTED else ', too slow'} |",
        flush=True,
    )


def fastest(work: Callable[[], object]) -> float:
    """Seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
