"""A photo with a marker in its pixels, looked for in everything that is left once it has been withdrawn: as its bytes,
its hash, and its pixels wherever they can be decoded, in files, in the database with its free pages and its log, and
in an object store with its older versions."""

import base64
import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from PIL import Image

from collector.models import Participant, Photo, Tombstone
from collector.services import photo_withdraw
from operations.jobs import running
from operations.jobs.running import RunningJob
from operations.models import Job
from operations.stores import local
from operations.stores.base import PrivateStore
from operations.stores.objects import ObjectStore
from tests.conftest import jpeg
from tests.operations.conftest import do_round
from tests.storage import all_files
from training.exports.models import Export
from training.models import DatasetVersion, ModelVersion

from .exports.conftest import accepted_photo, mask, noise

_NEAR = 8.0  # grey levels: how far the marker's 8 × 8 fields may be off after JPEG and shrinking
_KAGGLE = re.compile(rb"[a-z_,]+,Image\r?\n")
_INLINE = re.compile(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)")


class Planted:
    """A photo that looks like no other, with a crop and a masked face that look like no other, either."""

    def __init__(self, participant: Participant, number: int, slug: str = "grin") -> None:
        seed = 5000 + number
        self.photo = accepted_photo(slug, participant, seed, data=jpeg(noise(seed)))
        face = self.photo.faces.get()
        mask(face, seed, jpeg(noise(seed + 2000)))
        names = [self.photo.file, face.crop, face.masked.get().image]
        self.marks = [self.photo.sha256.encode(), bytes.fromhex(self.photo.sha256)]
        self.marks += [middle_of(name) for name in names]
        self._fields = [fields(noise(one)) for one in (seed, seed + 1000, seed + 2000)]

    def withdraw(self) -> None:
        photo_withdraw(photo=Photo.objects.get(pk=self.photo.pk), actor="participant")
        work("collector.erase_files")

    def found_in(self, data: bytes) -> bool:
        return any(mark in data for mark in self.marks) or any(map(self._shows, pictures_in(data)))

    def places(self, store: PrivateStore, *folders: Path) -> list[str]:
        """Wherever it is found."""
        there = [(f"stored {name}", data) for name, data in all_files(store).items()]
        paths = [path for folder in {*folders, Path(settings.DATA_DIR)} for path in folder.rglob("*")]
        paths += database_files()
        there += [(str(path), path.read_bytes()) for path in set(paths) if path.is_file()]
        return sorted(name for name, data in there if self.found_in(data))

    def _shows(self, picture: np.ndarray) -> bool:
        seen = fields(picture)
        return any(np.abs(seen - known).mean() < _NEAR for known in self._fields)


def middle_of(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        data = file.read()
    return bytes(data[len(data) // 2 :][:40])


def fields(picture: np.ndarray) -> np.ndarray:
    """The grey levels of 8 × 8 fields."""
    grey = np.asarray(Image.fromarray(picture.squeeze()).convert("L").resize((64, 64), Image.Resampling.BOX))
    return grey.reshape(8, 8, 8, 8).mean((1, 3))


def pictures_in(data: bytes) -> Iterator[np.ndarray]:
    """All pictures in a file: of its own, in an array, or in files inside it; uint8 [H, W] or [H, W, C]."""
    if data[:2] == b"\xff\xd8" or data[:4] == b"\x89PNG":
        yield np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    elif data[:6] == b"\x93NUMPY":
        yield from _of_array(np.load(io.BytesIO(data), allow_pickle=False))
    elif data[:4] == b"PAR1":
        yield from _of_table(data)
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                yield from pictures_in(tar.extractfile(member).read())  # type: ignore[union-attr]
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from pictures_in(archive.read(name))
    elif _KAGGLE.match(data):
        for row in csv.DictReader(io.StringIO(data.decode())):
            yield np.array(row["Image"].split(), np.uint8).reshape(96, 96)
    else:
        for found in _INLINE.findall(data):
            yield from pictures_in(base64.b64decode(found))


def _of_array(array: np.ndarray) -> Iterator[np.ndarray]:
    names = array.dtype.names or ("",)
    for column in (array[name] if name else array for name in names):
        if column.dtype == np.uint8 and column.ndim >= 3 and min(column.shape[1:3]) >= 8:
            yield from column.reshape(-1, *column.shape[-3:]) if column.ndim > 3 else column


def _of_table(data: bytes) -> Iterator[np.ndarray]:
    import pyarrow.parquet

    for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist():
        for value in row.values():
            value = value.get("bytes") if isinstance(value, dict) else value
            if isinstance(value, bytes):
                yield from pictures_in(value)


def database_files() -> list[Path]:
    if connection.vendor != "sqlite":
        return []
    database = Path(connection.settings_dict["NAME"])
    return [database.with_name(database.name + end) for end in ("", "-wal")]


def work(*kinds: str) -> None:
    """Do what waits, as the workers do. A job that failed would wait for its second attempt: it ends the test."""
    while waiting := list(Job.objects.filter(kind__in=kinds, state=Job.State.QUEUED).order_by("created_at")):
        for job in waiting:
            running.run(str(job.pk))
            job.refresh_from_db()
            assert job.state == Job.State.DONE, job.error


def work_all() -> None:
    """What a withdrawal sets off, and the round that clears up after packs."""
    work("collector.erase_files", "training.revise_dataset", "training.export")
    do_round("training.tidy_packs")


def assert_forgotten(marked: Planted, store: PrivateStore, *folders: Path) -> None:
    """Nothing holds it, and whatever is left of what it was in says that it is gone."""
    assert marked.places(store, *folders) == []
    stone = Tombstone.objects.get(pk=marked.photo.pk)
    name = str(marked.photo.pk)
    for version in DatasetVersion.objects.frozen():
        assert name.encode() not in read(version.manifest)
        assert version.revision or version.number not in stone.dataset_versions
    for export in Export.objects.exclude(ready_at=None):
        with tarfile.open(fileobj=io.BytesIO(read(export.file))) as tar:
            members = {each.partition("/")[2]: each for each in tar.getnames()}
            assert [each for each in members if name in each] == []
            stones = tar.extractfile(members["tombstones.csv"])
            assert stones is not None
            assert (name in stones.read().decode()) == (export.version_id in stone.dataset_versions)
    for model in ModelVersion.objects.filter(run__version__in=stone.dataset_versions):
        learned = model.run.photos == model.run.version.items.count()
        assert learned or model.stale_since is not None, "it learned from what is gone, and does not say so"


def read(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        return bytes(file.read())


class Steps:
    """Calls `then` at the step with a given number. A step is whatever tells of progress, or begins or ends a read, a
    write, a deletion or a transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, then: Callable[[], None]) -> None:
        self.taken, self.at, self.then = 0, at, then
        for owner, name in (
            (RunningJob, "progress"),
            (local.os, "replace"),
            (local, "_sync_folder"),
            (local.LocalStore, "_open"),
            (local.LocalStore, "delete"),
            (ObjectStore, "_open"),
            (ObjectStore, "_save"),
            (ObjectStore, "delete"),
            (transaction.Atomic, "__enter__"),
            (transaction.Atomic, "__exit__"),
        ):
            monkeypatch.setattr(owner, name, self._stepping(getattr(owner, name)))

    def _stepping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            self._step()
            done = call(*arguments, **named)
            self._step()
            return done

        return stepping

    def _step(self) -> None:
        # Inside a transaction nobody else can write: a withdrawal waits until it is over.
        if transaction.get_connection().in_atomic_block or self.taken < 0:
            return
        self.taken += 1
        if self.taken == self.at:
            taken, self.taken = self.taken, -1  # what it does itself is no step
            self.then()
            self.taken = taken


def forgotten_at_each_step(
    people: list[Participant],
    store: PrivateStore,
    prepare: Callable[[], Callable[[], None]],
    *folders: Path,
    stride: int = 1,
) -> int:
    """Do the same work again and again. A planted photo is withdrawn before it, then at one step after another, some
    `stride` apart, and in the end after it. Returns how often."""
    at, times = 0, 0
    while True:
        marked = Planted(people[0], times)
        do = prepare()
        if at == 0:
            marked.withdraw()
        with pytest.MonkeyPatch.context() as patched:
            steps = Steps(patched, at, marked.withdraw)
            do()
        over = at and steps.taken < at
        if over:
            assert marked.places(store), "it was looked for where it is"
            marked.withdraw()
        work_all()
        assert_forgotten(marked, store, *folders)
        times += 1
        if over:
            return times
        at += stride if at else 1
