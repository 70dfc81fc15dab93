"""Trainings on the running site that are killed in every way, and what they leave in memory."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil
import pytest

from tests.conftest import ROOT, LiveSite, running_site, wait_until
from tests.soak.soak_kills import kill, processes
from tests.training.on_site import PHOTOS, labelled_photos, models, photos_import, rows, run_ended, runs

pytestmark = [pytest.mark.samples, pytest.mark.timeout(3600)]

TRAINING, WORKER, BROKER = "-m ml train", "-Q train", "redis-server"


@pytest.fixture
def site() -> Iterator[LiveSite]:
    with running_site(
        TRAINING_TASKS="smiley", TRAINING_HOURS="0", TRAINING_DECISIONS="100", TRAINING_PAUSE_MINUTES="0",
        TRAINING_SECONDS="90", TRAINING_RANDOM_SPLIT="no", MASKS_PER_FACE="0", JOB_LEASE_SECONDS="10",
    ) as site:  # fmt: skip
        yield site


def people(first: int, last: int) -> list[dict[str, str]]:
    table = labelled_photos()
    chosen = set(sorted({row["person"] for row in table})[first:last])
    return [row for row in table if row["person"] in chosen]


def learned(site: LiveSite, number: int, epochs: int) -> list[dict[str, Any]]:
    """What the run says of its epochs, once there are so many."""
    found = runs(site)
    history = found[number - 1]["history"] if len(found) >= number else []
    return history if len(history) >= epochs else []


def test_killed_training_is_resumed_and_finished_once_and_knows_nobody_who_left(site: LiveSite) -> None:
    # Two beats throughout, as after a mistake in the set-up.
    beat = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "beat",
            "--pidfile=",
            "--schedule",
            str(site.data_dir / "b"),
        ],
        cwd=ROOT,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        photos_import(site, PHOTOS, people(0, 200), name="first")
        before: list[dict[str, Any]] = []
        for victim in (TRAINING, WORKER, BROKER):
            more = partial(learned, site, 1, len(before) + 2)
            seen = wait_until(more, f"it learns until {victim} dies", seconds=300)
            assert seen[: len(before)] == before, "what was learned before the last kill was learned again"
            kill(site, victim)
            before = seen
        first = run_ended(site, 1, seconds=600)
        epochs = [row["epoch"] for row in first["history"]]
        assert epochs == list(range(1, len(epochs) + 1))
        assert first["history"][: len(before)] == before
        (job,) = rows(site, "SELECT * FROM operations_job WHERE kind = 'training.train'")
        assert (len(runs(site)), len(models(site)), job["state"]) == (1, 1, "done")
        print(
            f"\n3 kills after epochs until {len(before)}, {len(epochs)} in all, {job['attempts']} attempts, 1 model"
        )
    finally:
        beat.terminate()
        beat.wait(20)

    site.manage("promote_model", "smiley", "1")
    photos_import(site, PHOTOS, people(200, 400), name="second")
    wait_until(lambda: learned(site, 2, 2), "the next run learns", seconds=300)
    assert [trial["kind"] for trial in runs(site)[1]["trials"]] == ["scratch", "warm"]
    site.manage(
        "shell", "-c",
        "from collector.services import photo_withdraw; from training.models import DatasetItem;"
        "item = DatasetItem.objects.filter(version=1, split='train').first();"
        "photo_withdraw(photo=item.photo, actor='participant')",
    )  # fmt: skip
    assert models(site)[0]["stale_since"]
    second = run_ended(site, 2, seconds=600)
    assert [trial["kind"] for trial in second["trials"]] == ["scratch"], "a stale model is not gone on from"
    (left,) = rows(
        site, "SELECT count(*) AS n FROM training_datasetitem WHERE version_id = ?", second["version_id"]
    )
    assert second["photos"] == left["n"]
    assert second["model"]["stale_since"] is None
    print(
        f"withdrawn in the middle: model 1 is stale, and model 2 ({second['model']['state']}) knows {left['n']} photos"
    )


def test_worker_gives_all_memory_back(site: LiveSite) -> None:
    def held() -> float:
        def both() -> list[psutil.Process]:
            found = processes(site, WORKER)
            return found if len(found) == 2 else []

        found = wait_until(both, "the worker and the process that it trains by are there", seconds=60)
        return float(sum(process.memory_info().rss for process in found) / 2**20)

    photos_import(site, PHOTOS, people(0, 60), name="few")
    site.manage("freeze_dataset")
    figures = [held()]
    for seed in range(3):
        site.manage(
            "shell", "-c",
            "from training.models import DatasetVersion; from training.runs import run_request;"
            "run_request(task='smiley', architecture='garage_cnn', version=DatasetVersion.objects.get(), epochs=2,"
            f"seed={seed}, max_seconds=60, actor='soak')",
        )  # fmt: skip
        run_ended(site, seed + 1, seconds=300)
        # Its process ends once it has said that the job is done.
        wait_until(
            lambda: held() <= figures[0] * 1.05, f"memory is given back, of {held():.0f} MB", seconds=60
        )
        figures.append(held())
    print("\nresident memory of the worker, MB: " + ", ".join(f"{figure:.0f}" for figure in figures))
    assert not processes(site, TRAINING)
