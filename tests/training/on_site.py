"""The running site with photos of people in it, and a look into its database that costs nothing."""

import csv
import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

from tests.conftest import SAMPLES, LiveSite, wait_until

PHOTOS = SAMPLES / "photos"


def rows(site: LiveSite, query: str, *values: Any) -> list[dict[str, Any]]:
    """What a query finds; texts that hold JSON are read."""
    place = f"file:{site.data_dir / 'smielfy.sqlite3'}?mode=ro"
    with sqlite3.connect(place, uri=True, timeout=20) as database:
        database.row_factory = sqlite3.Row
        found = [dict(row) for row in database.execute(query, values)]
    for row in found:
        for name, value in row.items():
            if isinstance(value, str) and value[:1] in ("[", "{"):
                row[name] = json.loads(value)
    return found


def runs(site: LiveSite) -> list[dict[str, Any]]:
    return rows(site, "SELECT * FROM training_trainingrun ORDER BY created_at")


def models(site: LiveSite) -> list[dict[str, Any]]:
    return rows(site, "SELECT * FROM training_modelversion ORDER BY number")


def labelled_photos() -> list[dict[str, str]]:
    with (PHOTOS / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def photos_import(site: LiveSite, folder: Path, table: list[dict[str, str]], *, name: str) -> int:
    """Import photos as what they are labelled, and wait until all have been looked at; how many were accepted."""
    path = site.data_dir / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "person", "smiley"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    facts = ("--source", name, "--licence", "research", "--legal-basis", "public research pictures, locally")
    site.manage("import_photos", str(folder), "--labels", str(path), *facts, "--accept")
    waiting = "SELECT count(*) AS n FROM collector_photo WHERE processed_at IS NULL"
    wait_until(lambda: rows(site, waiting)[0]["n"] == 0, "every photo is looked at", seconds=600)
    (accepted,) = rows(site, "SELECT count(*) AS n FROM collector_photo WHERE state = 'accepted'")
    return int(accepted["n"])


def run_ended(site: LiveSite, number: int, *, seconds: float = 1800) -> dict[str, Any]:
    """The run of this number, counted from 1, once it has ended well, and what the rule said of its model."""

    def ended() -> dict[str, Any] | None:
        found = runs(site)
        return found[number - 1] if len(found) >= number and found[number - 1]["finished_at"] else None

    run: dict[str, Any] = wait_until(ended, f"run {number} has ended", seconds=seconds)
    assert run["state"] == "done", run["error"]

    def over() -> bool:
        jobs = rows(
            site,
            "SELECT state FROM operations_job WHERE kind = 'training.train' AND subject = ?",
            str(uuid.UUID(run["id"])),
        )
        return bool(jobs) and all(job["state"] == "done" for job in jobs)

    wait_until(over, f"what comes of run {number} is promoted or not", seconds=60)
    (model,) = rows(site, "SELECT * FROM training_modelversion WHERE run_id = ?", run["id"])
    return {**run, "model": model}


def told(run: dict[str, Any]) -> str:
    """What came of a run, in a few lines."""
    model, metrics = run["model"], run["metrics"]
    judgement, apart = model["judgement"], metrics.get("random_split") or {}
    tried = ", ".join(
        f"{trial['name']} {trial['figures']['validation_accuracy']:.3f}" + " (kept)" * trial["kept"]
        for trial in run["trials"]
        if "figures" in trial
    )
    return (
        f"model {model['number']} ({model['state']}), {run['photos']} photos: accuracy {metrics['accuracy']:.3f} on "
        f"{metrics['people']} test people, people not kept apart {apart.get('accuracy') or 0:.3f}\n"
        f"  validation: {tried}\n  {judgement['reason']} {judgement.get('difference') or 0:+.3f}, 95 % "
        f"{judgement.get('interval')}"
    )
