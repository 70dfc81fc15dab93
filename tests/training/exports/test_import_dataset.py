"""Bringing in an export: whole or not at all, and the same data set afterwards."""

import csv
import gzip
import hashlib
import io
import json
import tarfile
import tracemalloc
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from collector.models import ImportBatch, Participant, Photo, Scope, Tombstone
from collector.services import photo_withdraw
from collector.signals import photo_submitted
from labeling.analysis import photo_analyse
from labeling.imports import batch_open
from labeling.keypoints import keypoints_best
from labeling.models import ImportedFace, KeypointSet
from tests.conftest import jpeg
from tests.labeling.conftest import newcomer
from training.datasets import dataset_freeze
from training.exports.columns import COLUMNS, CROP, NUMBERS, VISIBLE
from training.exports.models import Export
from training.models import DatasetItem, DatasetVersion, SplitAssignment

from .conftest import accepted_photo, noise, pixels

WORDS = {"source": "Another site", "licence": "internal", "legal_basis": "moved with the project"}


def bring_in(path: Path, **words: str) -> str:
    out = io.StringIO()
    call_command("import_dataset", str(path), **{**WORDS, **words}, stdout=out, stderr=out)
    return out.getvalue()


def empty_the_site() -> None:
    for model in (Export, DatasetItem, DatasetVersion, Photo, Participant, ImportBatch):
        model.objects.all().delete()


def facts() -> dict[str, Any]:
    """All that the newest version says of each photo."""
    found = {}
    for item in DatasetItem.objects.filter(version=DatasetVersion.objects.latest()).select_related(
        "photo", "smiley"
    ):
        face = item.photo.faces.prefetch_related("keypoint_sets").get(is_subject=True)
        best = keypoints_best(face)
        measured = [
            getattr(face, name) for name in ("score", "yaw", "pitch", "roll", "sharpness", "brightness")
        ]
        found[str(item.photo_id)] = (
            str(item.photo.participant_id), item.smiley.slug, item.split, item.photo.width, item.photo.height,
            face.box, measured, sorted(face.flags), face.transform, best.source, best.points, best.visible,
        )  # fmt: skip
    return found


def pictures() -> dict[str, bytes]:
    return {str(photo.pk): default_storage.open(photo.file).read() for photo in Photo.objects.all()}


@pytest.mark.database
def test_exported_and_imported_on_an_empty_site_it_is_the_same_data_set(
    exported: Callable[..., Export], tmp_path: Path
) -> None:
    blank = KeypointSet.objects.filter(source="human").first()
    blank.points[3], blank.visible[3] = [None, None], False
    blank.save()
    files = {}
    for format in ("imagefolder", "coco", "webdataset", "parquet"):
        files[format] = tmp_path / f"{format}.tar"
        files[format].write_bytes(default_storage.open(exported(format).file).read())
    version, before, photos = DatasetVersion.objects.get(), facts(), pictures()
    assert len(before) == 18
    for path in files.values():
        empty_the_site()
        assert "18 new, 0 there before, 0 refused" in bring_in(path)
        for photo in Photo.objects.all():
            photo_analyse(photo_id=photo.pk)
        again, _ = dataset_freeze(actor="system")
        assert facts() == before
        assert (again.photos, again.people, again.counts) == (version.photos, version.people, version.counts)
        assert not ImportedFace.objects.exists()
        for photo, data in pictures().items():
            assert abs(pixels(data).astype(int) - pixels(photos[photo])).mean() < 2, (
                "encoded anew, and no more"
            )
    empty_the_site()
    with tarfile.open(files["coco"]) as tar:
        tar.extractall(tmp_path / "coco", filter="data")
    folder = tmp_path / "coco" / "smielfy-1-coco"
    ours = {photo: fact[:2] for photo, fact in before.items() if fact[2] == "train"}
    out = io.StringIO()
    options = {"images": folder / "images" / "train", "accept": True, "stdout": out, **WORDS}
    call_command("import_coco", str(folder / "annotations" / "train.json"), **options)
    assert f"{len(ours)} new" in out.getvalue()
    assert Participant.objects.count() == len({participant for participant, _ in ours.values()})
    assert sorted(Photo.objects.values_list("accepted_as__slug", flat=True)) == sorted(
        smiley for _, smiley in ours.values()
    )
    assert not Photo.objects.examples().exists()
    assert not Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE).exists()


class Handmade:
    """An export of two photos, in which something may be wrong."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "export.tar"
        self.pictures = {str(uuid.UUID(int=number)): jpeg(noise(number)) for number in (1, 2)}
        self.rows = [self._row(photo, data) for photo, data in self.pictures.items()]
        self.columns = list(COLUMNS)
        self.tombstones: list[str] = []
        self.about: dict[str, Any] = {"format_version": 1, "format": "imagefolder", "photos": 2}
        self.extra: list[tuple[tarfile.TarInfo, bytes]] = []

    @staticmethod
    def _row(photo: str, data: bytes) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(NUMBERS, 1.5) | dict.fromkeys(VISIBLE, 1)
        row |= dict(zip(CROP, (1, 0, 0, 0), strict=True))
        texts = {"id": photo, "participant": str(uuid.UUID(int=9)), "smiley": "tongue", "split": "test"}
        return row | texts | {
            "width": 256, "height": 256, "sha256": hashlib.sha256(data).hexdigest(), "scopes": "train",
            "source": "volunteer", "flags": "none", "keypoints": "human",
        }  # fmt: skip

    def member(self, name: str, data: bytes = b"", **facts: Any) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for fact, value in facts.items():
            setattr(info, fact, value)
        self.extra.append((info, data))

    def write(self) -> Path:
        table = io.StringIO()
        writer = csv.DictWriter(table, self.columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        samples = table.getvalue().encode()
        about = {"samples_sha256": hashlib.sha256(samples).hexdigest(), **self.about}
        stones = "".join(f"{photo},2026-01-01T00:00:00+00:00\n" for photo in self.tombstones)
        with tarfile.open(self.path, "w") as tar:
            for photo, data in self.pictures.items():
                self._add(tar, f"s/test/tongue/{photo}.jpg", data)
            self._add(tar, "s/samples.csv", samples)
            self._add(tar, "s/tombstones.csv", f"id,withdrawn_at\n{stones}".encode())
            self._add(tar, "s/smielfy.json", json.dumps(about).encode())
            for info, data in self.extra:
                tar.addfile(info, io.BytesIO(data))
        return self.path

    def _add(self, tar: tarfile.TarFile, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def handmade(private_folder: Path, db: None, tmp_path: Path) -> Handmade:
    return Handmade(tmp_path)


@contextmanager
def nothing_comes_in() -> Iterator[None]:
    models = (ImportBatch, Participant, Photo, SplitAssignment, Tombstone)
    before = [model.objects.count() for model in models]
    yield
    assert [model.objects.count() for model in models] == before


Spoil = Callable[[Handmade], Any]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "out of the folder": (lambda e: e.member("s/../../etc/passwd", b"x"), r"'s/../../etc/passwd' in .* leads out"),
    "absolute": (lambda e: e.member("/etc/passwd", b"x"), "'/etc/passwd' in .* leads out"),
    "symbolic link": (
        lambda e: e.member("s/a.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "'s/a.jpg' in .* is no plain file",
    ),
    "hard link": (lambda e: e.member("s/a.jpg", type=tarfile.LNKTYPE, linkname="s/b"), "is no plain file"),
    "device": (lambda e: e.member("s/null", type=tarfile.CHRTYPE), "'s/null' in .* is no plain file"),
    "fifo": (lambda e: e.member("s/pipe", type=tarfile.FIFOTYPE), "is no plain file"),
    "endless name": (
        lambda e: e.member("s/name", bytes(10**6), type=tarfile.GNUTYPE_LONGNAME),
        "the header of 's/name' has 1,000,000 bytes",
    ),
    "samples changed": (lambda e: e.about.update(samples_sha256="0" * 64), "samples.csv has the SHA-256"),
    "picture changed": (
        lambda e: e.pictures.update({str(uuid.UUID(int=2)): jpeg(noise(3))}),
        "line 3: the picture of 00000000-0000-0000-0000-000000000002 has another SHA-256",
    ),
    "picture missing": (
        lambda e: e.pictures.popitem(),
        "line 3: there is no picture of 00000000-0000-0000-0000-000000000002",
    ),
    "picture in no line": (lambda e: e.rows.pop() and e.about.update(photos=1), "stands in no line of samples.csv"),
    "picture twice": (
        lambda e: e.member(f"s/train/{uuid.UUID(int=1)}.jpg", b"x"),
        "there are two pictures of this photo",
    ),
    "rows missing": (lambda e: e.about.update(photos=3), "samples.csv has 2 photos, and smielfy.json says 3"),
    "later format": (lambda e: e.about.update(format_version=2), "version 2 of the format, and this site knows 1"),
    "without photos": (lambda e: e.about.update(format="kaggle"), "'kaggle' has no photos"),
    "no about": (lambda e: e.about.update(format_version=None), "does not say what"),
    "column missing": (lambda e: e.columns.remove("nose_tip_y"), "samples.csv lacks the column nose_tip_y"),
    "id twice": (lambda e: e.rows.append(e.rows[0]), "Line 4, .*0001: it is there twice, at first as Line 2"),
    "no id": (lambda e: e.rows[1].update(participant="Anna"), "line 3: participant is 'Anna', which is no id"),
    "unknown smiley": (lambda e: e.rows[1].update(smiley="sneer"), "line 3: smiley is 'sneer'"),
    "unknown split": (lambda e: e.rows[1].update(split="dev"), "line 3: split is 'dev'"),
    "two splits": (lambda e: e.rows[1].update(split="train"), "Line 3, .* is in train here, and in test at Line 2"),
    "not a number": (lambda e: e.rows[1].update(nose_tip_x="nan"), "Line 3: nose_tip_x is 'nan'"),
    "half a point": (lambda e: e.rows[1].update(nose_tip_x=""), "line 3: nose_tip_x is half a point"),
    "no visibility": (lambda e: e.rows[1].update(nose_tip_visible=2), "line 3: nose_tip_visible is '2'"),
    "no source": (lambda e: e.rows[1].update(keypoints="oracle"), "line 3: keypoints is 'oracle'"),
    "no width": (lambda e: e.rows[1].update(width="-1"), "line 3: width is '-1'"),
    "half a face": (lambda e: e.rows[1].update(crop_a=""), "line 3: crop_a is blank"),
    "withdrawn, and there": (lambda e: e.tombstones.append(str(uuid.UUID(int=2))), "is in tombstones.csv, too"),
    "no tombstone": (lambda e: e.tombstones.append("Anna"), "tombstones.csv, line 2"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", SPOILT)
def test_refused_by_name_and_nothing_comes_in(handmade: Handmade, wrong: str) -> None:
    spoil, said = SPOILT[wrong]
    spoil(handmade)
    with nothing_comes_in(), pytest.raises(CommandError, match=said):
        bring_in(handmade.write())


def test_handmade_export_is_fine_when_nothing_is_wrong(handmade: Handmade) -> None:
    assert "2 new, 0 there before, 0 refused" in bring_in(handmade.write())


def test_bombs_and_broken_files_are_refused_without_being_unpacked(
    handmade: Handmade, tmp_path: Path
) -> None:
    whole = handmade.write().read_bytes()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.jpg", "w") as file:
        for _ in range(50):
            file.write(bytes(2**20))
    spoilt = {
        "bomb.zip": (bomb.getvalue(), "is compressed"),
        "bomb.tar.gz": (gzip.compress(bytes(50 * 2**20)), "is compressed"),
        "short.tar": (
            whole[: len(whole) // 2],
            r"no whole tar file|ends in the middle|it has no smielfy.json",
        ),
        "noise.tar": (b"no tar" * 1000, "no whole tar file"),
        "empty.tar": (bytes(10240), "it has no smielfy.json"),
    }
    tracemalloc.start()
    for name, (data, said) in spoilt.items():
        (tmp_path / name).write_bytes(data)
        with nothing_comes_in(), pytest.raises(CommandError, match=said):
            bring_in(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()
    with nothing_comes_in(), pytest.raises(CommandError, match="cannot be read"):
        bring_in(tmp_path / "none.tar")


def test_unpacked_folder_comes_in_and_links_in_it_do_not(handmade: Handmade, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with tarfile.open(handmade.write()) as tar:
        tar.extractall(folder, filter="data")
    (folder / "s" / "link.jpg").symlink_to("/etc/passwd")
    with nothing_comes_in(), pytest.raises(CommandError, match=r"link.jpg is no plain file"):
        bring_in(folder)
    (folder / "s" / "link.jpg").unlink()
    assert "2 new" in bring_in(folder)


def test_interrupted_it_goes_on_where_it_stopped(handmade: Handmade) -> None:
    path = handmade.write()
    came = []

    def interrupt(**kwargs: Any) -> None:
        came.append(kwargs["photo"])
        if len(came) == 2:
            raise KeyboardInterrupt

    photo_submitted.connect(interrupt)
    try:
        with pytest.raises(CommandError, match="1 photos came in, and stay"):
            bring_in(path)
    finally:
        photo_submitted.disconnect(interrupt)
    assert Photo.objects.count() == 1
    assert "1 new, 1 there before, 0 refused" in bring_in(path)
    assert "0 new, 2 there before, 0 refused" in bring_in(path, source="Under another name")
    assert {photo.import_batch.source for photo in Photo.objects.all()} == {"Another site"}


def test_withdrawn_here_it_stays_out(handmade: Handmade) -> None:
    path = handmade.write()
    bring_in(path)
    photo_withdraw(photo=Photo.objects.get(pk=uuid.UUID(int=1)), actor="staff:mona")
    for source in ("Another site", "Under another name"):
        said = bring_in(path, source=source)
        assert "Line 2, 00000000-0000-0000-0000-000000000001: It was withdrawn" in said
        assert "0 new, 1 there before, 1 refused" in said


@pytest.mark.database
def test_withdrawn_there_it_is_withdrawn_here_and_an_older_export_does_not_bring_it_back(
    handmade: Handmade,
) -> None:
    older = handmade.write().read_bytes()
    bring_in(handmade.path)
    ours = accepted_photo("grin", newcomer(), 5)
    gone, _ = handmade.pictures.popitem()
    handmade.rows.pop()
    handmade.tombstones += [gone, str(uuid.UUID(int=7)), str(ours.pk)]
    handmade.about["photos"] = 1
    assert "1 photos were withdrawn where they were given" in bring_in(handmade.write())
    assert not Photo.objects.filter(pk=gone).exists()
    assert set(Tombstone.objects.values_list("pk", flat=True)) == {uuid.UUID(gone), uuid.UUID(int=7)}
    handmade.path.write_bytes(older)
    assert "0 new, 1 there before, 1 refused" in bring_in(handmade.path)
    ours.refresh_from_db()


def test_nothing_is_imported_in_a_volunteers_name_and_nobody_moves(handmade: Handmade) -> None:
    volunteer = newcomer()
    handmade.rows[0]["participant"] = str(volunteer.pk)
    SplitAssignment.objects.create(participant=Participant.objects.create(pk=uuid.UUID(int=9)), split="train")
    said = bring_in(handmade.write())
    assert f"Participant {volunteer.pk} gives photos to this site" in said
    assert "1 people of it stand in another split here already" in said
    assert "1 new, 0 there before, 1 refused" in said
    assert not volunteer.photos.exists()
    assert set(SplitAssignment.objects.values_list("split", flat=True)) == {"train"}


def test_label_that_reviewers_gave_to_a_photo_of_this_site_stays(handmade: Handmade) -> None:
    photo = accepted_photo(
        "grin", Participant.objects.create(), 1, batch=batch_open(**{**WORDS, "source": "before"})
    )
    Photo.objects.filter(pk=photo.pk).update(state="in_review", accepted_as=None)
    handmade.rows[0]["id"] = str(photo.pk)
    handmade.pictures = {
        str(photo.pk) if key.endswith("1") else key: data for key, data in handmade.pictures.items()
    }
    assert "1 new, 1 there before" in bring_in(handmade.write())
    photo.refresh_from_db()
    assert photo.accepted_as is None


def test_what_only_decoding_shows_is_reported_by_name(handmade: Handmade, private_folder: Path) -> None:
    handmade.rows[0] |= {"width": 255}
    said = bring_in(handmade.write())
    assert (
        "Line 2, 00000000-0000-0000-0000-000000000001: It has 256 × 256 pixels, and its coordinates are for"
        in said
    )
    assert "1 new, 0 there before, 1 refused" in said
    assert len(list(private_folder.rglob("*.jpg"))) == Photo.objects.count() == 1
    assert Participant.objects.count() == 1


def test_what_is_left_after_tombstones_were_honoured_comes_in(
    unpacked: Callable[..., Path], tmp_path: Path
) -> None:
    import subprocess
    import sys

    folder = unpacked("imagefolder")
    gone = str(Photo.objects.first().pk)
    (tmp_path / "list").write_text(f"{gone}\n")
    script = [
        sys.executable,
        str(folder / "check_tombstones.py"),
        "--list",
        str(tmp_path / "list"),
        "--remove",
    ]
    assert subprocess.run(script, capture_output=True, check=False).returncode == 0
    empty_the_site()
    assert "17 new, 0 there before, 0 refused" in bring_in(folder)
    assert not Photo.objects.filter(pk=gone).exists()
