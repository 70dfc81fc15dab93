"""The client takes exports along whole, and goes on with nothing that was withdrawn."""

import hashlib
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from collector.models import Photo, Scope
from collector.services import consent_change, photo_withdraw
from labeling.models import KeypointSet
from operations.jobs import running
from operations.models import AuditEvent, Job
from smielfy_client import (
    ChecksumMismatch,
    DownloadInterrupted,
    Export,
    NotAnExport,
    Refused,
    Smielfy,
    SmielfyError,
    Tombstones,
    TombstonesTooOld,
    Unreachable,
    samples,
)
from smielfy_client import __main__ as command
from smielfy_client import download as downloading
from tests.training.exports.conftest import RELEASE
from training.exports.models import ExportDownload
from training.exports.services import TERMS
from training.models import DatasetItem, DatasetVersion

from .conftest import Line

NOTHING = Tombstones({}, checked_at=datetime.now(UTC))
Exported = Callable[..., Any]
Connect = Callable[[str], Smielfy]


def work() -> None:
    """Do what waits, as the workers do."""
    kinds = ("training.revise_dataset", "training.export")
    while waiting := list(Job.objects.filter(kind__in=kinds, state=Job.State.QUEUED).order_by("created_at")):
        for job in waiting:
            running.run(str(job.pk))


def withdraw_one() -> str:
    photo = Photo.objects.order_by("pk").first()
    photo_withdraw(photo=photo, actor="participant")
    work()
    return str(photo.pk)


# --- samples


@pytest.mark.parametrize("format", ["imagefolder", "coco", "webdataset"])
def test_samples_are_those_of_the_version_packed_or_unpacked(
    format: str, exported: Exported, site: Smielfy, tmp_path: Path
) -> None:
    exported(format)
    (version,) = site.versions()
    assert (version.number, version.photos) == (1, 18)
    packed = site.download(1, format, tmp_path)
    with tarfile.open(packed) as tar:
        tar.extractall(tmp_path, filter="data")
    unpacked = tmp_path / packed.stem
    facts = {str(item.photo_id): item for item in DatasetItem.objects.select_related("photo", "smiley")}
    for place in (packed, unpacked):
        given = list(site.samples(place))
        assert sorted(sample.id for sample in given) == sorted(facts)
        for sample in given:
            item = facts[sample.id]
            assert (sample.smiley, sample.split) == (item.smiley.slug, item.split)
            with default_storage.open(item.photo.file) as file:
                assert sample.image() == file.read()
            assert sample.placed_by in ("human", "mesh")
            assert sample.box == (20.5, 30.25, 120.0, 130.0)
            placed = KeypointSet.objects.get(face__photo=item.photo, source=sample.placed_by)
            assert [list(point) for point in sample.keypoints.values()] == placed.points
            assert sum(sample.visible.values()) == 14
            if sample.path is not None:
                assert sample.path.read_bytes() == sample.image()
        train = [sample.id for sample in site.samples(place, split="train")]
        assert train == [sample.id for sample in given if sample.split == "train"]


def test_withdrawn_sample_is_left_out_of_what_was_downloaded_before(
    exported: Exported, site: Smielfy, line: Line, tmp_path: Path, capsys: Any
) -> None:
    exported("imagefolder")
    path = site.download(1, "imagefolder", tmp_path)
    assert len(list(site.samples(path))) == 18
    gone = withdraw_one()
    left = [sample.id for sample in site.samples(path)]
    assert len(left) == 17
    assert gone not in left
    list(site.samples(path))
    asked = [status for path, status, _ in line.asked if path == "/api/v1/tombstones/"]
    assert asked == [200, 200, 304], "the list is sent again only when it has changed"
    # The script in the export takes the same list, and deletes what stands there.
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path, filter="data")
    given = command.parser().parse_args(["tombstones", "--remove", str(tmp_path / path.stem)])
    assert given.act(site, given) == 0
    assert not list((tmp_path / path.stem).rglob(f"{gone}.jpg"))
    assert len(list(samples(tmp_path / path.stem, NOTHING))) == 17


def test_list_that_was_not_looked_at_for_30_days_is_refused(
    exported: Exported, site: Smielfy, line: Line, tmp_path: Path
) -> None:
    exported("table")
    path = site.download(1, "table", tmp_path)
    gone = withdraw_one()
    fresh = site.tombstones()
    line.off = True
    for days, refused in ((29, False), (31, True), (-31, True)):
        aged = Tombstones(fresh.scopes, checked_at=datetime.now(UTC) - timedelta(days=days), etag=fresh.etag)
        aged.save(site.tombstones_file)
        if refused:
            with pytest.raises(TombstonesTooOld, match="days ago, and 30 are allowed: go online"):
                site.samples(path)
        left = [sample.id for sample in site.samples(path, allow_old=refused)]
        assert (len(left), gone in left) == (17, False)
    line.off = False
    assert len(list(site.samples(path))) == 17, "online it is refreshed by itself"
    assert site.tombstones(refresh=False).age < timedelta(hours=1)
    for damaged in (b"", b"#{}\n", site.tombstones_file.read_bytes()[:-20]):
        site.tombstones_file.write_bytes(damaged)
        assert gone in site.tombstones().scopes, "a list that is not whole is fetched anew"
    site.tombstones_file.unlink()
    line.off = True
    with pytest.raises(Unreachable, match="does not answer"):
        site.samples(path)


def test_what_is_not_shared_any_more_leaves_releases_and_stays_in_internal_exports(
    exported: Exported, site: Smielfy, tmp_path: Path
) -> None:
    internal, release = exported("table"), exported("table", **RELEASE)
    said = {"contact": "ada@example.org", "accept_terms": True}
    ours = site.download(1, "table", tmp_path / "ours")
    theirs = site.download(1, "table", tmp_path / "theirs", release=True, **said)
    photo = Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE).order_by("pk").first()
    consent_change(participant=photo.participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)
    assert len(list(site.samples(ours))) == internal.photos
    assert len(list(site.samples(theirs))) == release.photos - 2
    for path, found in ((ours, 0), (theirs, 1)):
        with tarfile.open(path) as tar:
            tar.extractall(path.parent, filter="data")
        look = command.parser().parse_args(["tombstones", "--look", str(path.parent / path.stem)])
        assert look.act(site, look) == found, "the export's own script says the same"


def test_what_is_no_export_is_said_to_be_none(site: Smielfy, exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    (tmp_path / "empty").mkdir()
    for path, said in (
        ("nowhere", "There is no"),
        ("x.tar", "is no tar file"),
        ("empty", "no samples.csv in"),
    ):
        with pytest.raises(NotAnExport, match=said):
            list(site.samples(tmp_path / path))
    exported("table")
    sample = next(iter(site.samples(site.download(1, "table", tmp_path))))
    with pytest.raises(NotAnExport, match="download imagefolder, coco or webdataset"):
        sample.image()


# --- downloads


def test_download_goes_on_where_the_line_was_cut(
    exported: Exported, site: Smielfy, line: Line, tmp_path: Path
) -> None:
    export = exported("imagefolder")
    line.cuts = [10_000, 1, 70_000]
    seen: list[tuple[int, int]] = []
    path = site.download(1, "imagefolder", tmp_path, progress=lambda *at: seen.append(at))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == export.sha256
    ranges = [asked for path, _, asked in line.asked if "/exports/files/" in path]
    assert ranges == ["", "bytes=10000-", "bytes=10001-", "bytes=80001-"]
    assert seen[-1] == (export.size, export.size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["smielfy-1-imagefolder.tar"]
    requests = len(line.asked)
    assert site.download(1, "imagefolder", tmp_path) == path, "what is there is not sent again"
    assert not any("/files/" in asked for asked, _, _ in line.asked[requests:])


def test_line_that_stays_cut_is_given_up_and_a_later_call_goes_on(
    exported: Exported, site: Smielfy, line: Line, tmp_path: Path
) -> None:
    export = exported("imagefolder")
    line.cuts = [5000, *[0] * 9]
    with pytest.raises(DownloadInterrupted, match=r"kept in .*\.part: the same call goes on"):
        site.download(1, "imagefolder", tmp_path)
    (part,) = tmp_path.glob("*.part")
    assert part.stat().st_size == 5000
    line.cuts, line.asked = [], []
    assert site.download(1, "imagefolder", tmp_path).stat().st_size == export.size
    assert [asked for path, _, asked in line.asked if "/exports/files/" in path] == ["bytes=5000-"]


def test_damaged_file_is_not_kept(exported: Exported, site: Smielfy, tmp_path: Path) -> None:
    export = exported("imagefolder")
    file = Path(default_storage.path(export.file))
    data = bytearray(file.read_bytes())
    data[4000] ^= 1
    file.write_bytes(data)
    with pytest.raises(ChecksumMismatch, match="It was removed: try again"):
        site.download(1, "imagefolder", tmp_path)
    assert not [one for one in tmp_path.rglob("*") if "smielfy-" in one.name]


def test_what_is_withdrawn_during_a_download_is_not_in_it(
    exported: Exported, site: Smielfy, line: Line, tmp_path: Path
) -> None:
    exported("imagefolder")
    gone: list[str] = []
    line.cuts, line.when_cut = [50_000], lambda: gone.append(withdraw_one())
    path = site.download(1, "imagefolder", tmp_path)
    assert path.name == "smielfy-1.r1-imagefolder.tar"
    with tarfile.open(path) as tar:
        assert not any(gone[0] in name for name in tar.getnames())
    assert not list(tmp_path.glob("*.part")), "what had come of the former file is not kept"


def test_another_file_of_that_name_is_not_overwritten_nor_a_full_disk_filled(
    exported: Exported, site: Smielfy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported("table")
    (tmp_path / "smielfy-1-table.tar").write_bytes(b"mine")
    with pytest.raises(SmielfyError, match="is another file: move it away"):
        site.download(1, "table", tmp_path)
    assert (tmp_path / "smielfy-1-table.tar").read_bytes() == b"mine"

    def full(folder: Path) -> Any:
        return type("Usage", (), {"free": 100})

    monkeypatch.setattr(downloading.shutil, "disk_usage", full)
    with pytest.raises(DownloadInterrupted, match="There is no room in"):
        site.download(1, "table", tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_release_is_recorded_with_contact_acceptance_and_token(
    exported: Exported, site: Smielfy, tmp_path: Path
) -> None:
    exported("table", **RELEASE)
    for said in ({}, {"contact": "ada@example.org"}, {"accept_terms": True}):
        with pytest.raises(Refused, match=r"e-mail address|accepts this"):
            site.download(1, "table", tmp_path, release=True, **said)
    assert not ExportDownload.objects.exists()
    site.download(1, "table", tmp_path, release=True, contact="ada@example.org", accept_terms=True)
    taken = ExportDownload.objects.get()
    assert (taken.contact, taken.terms, taken.actor) == ("ada@example.org", TERMS, "staff:researcher-program")
    for action in ("export_link_made", "export_downloaded"):
        event = AuditEvent.objects.get(action=action)
        assert event.actor == "staff:researcher-program"
        assert site._token.startswith(event.details["token"])
        assert site._token not in json.dumps(event.details)


# --- what is refused


def test_errors_say_what_to_do(
    version: DatasetVersion, connect: Connect, line: Line, tmp_path: Path, settings: Any
) -> None:
    with pytest.raises(SmielfyError, match="https address"):
        Smielfy("http://smielfy.example.org", "x")
    with pytest.raises(SmielfyError, match="make one in the site's admin"):
        Smielfy("https://testserver", transport=line).versions()
    with pytest.raises(Refused, match="make another in admin") as refused:
        Smielfy("https://testserver", "smielfy_wrong", transport=line).versions()
    assert (refused.value.status, refused.value.code) == (401, "token_invalid")
    with pytest.raises(Refused, match="the role manager"):
        connect("researcher").download(1, "table", tmp_path)
    with pytest.raises(Refused, match="no data set version 9"):
        connect("manager").download(9, "table", tmp_path)
    with pytest.raises(SmielfyError, match="give a PEM file"):
        Smielfy("https://testserver", "x", ca=str(tmp_path))
    manager = Smielfy("https://testserver", "x", transport=line)
    line.off = True
    with pytest.raises(Unreachable, match="look at the address"):
        manager.versions()


def test_export_that_is_asked_for_is_waited_for(
    version: DatasetVersion, connect: Connect, tmp_path: Path, settings: Any
) -> None:
    site = connect("manager")
    asked = site.export(1, "table")
    assert asked.state == "waiting"
    assert site.export(1, "table").id == asked.id, "asked twice is asked once"

    def look(done: int, total: int) -> None:
        work()

    ready = site.wait(asked, look)
    assert ready.state == "ready"
    settings.EXPORT_LINK_HOURS = -1
    with pytest.raises(DownloadInterrupted, match="not valid any more"):
        site.fetch(ready, tmp_path)
    settings.EXPORT_LINK_HOURS = 1
    assert site.fetch(ready, tmp_path).stat().st_size == ready.size
    with pytest.raises(SmielfyError, match="cannot be a file"):
        site.fetch(Export(**{**vars(ready), "name": "../x.tar"}), tmp_path)
