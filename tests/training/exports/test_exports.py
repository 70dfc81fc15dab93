"""Exports as jobs: asked for, written whole or not at all, taken along, gone with what was withdrawn."""

import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from collector.models import Photo, Scope
from collector.services import consent_change, photo_withdraw
from operations.jobs import running
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import AuditEvent, Job
from operations.problems import Problem
from tests.operations.conftest import do_round, visitor
from training.exports import building, check_tombstones
from training.exports.building import export_execute
from training.exports.models import Export, ExportDownload
from training.exports.services import JOB, export_link, export_request, state_of
from training.models import DatasetVersion

from .conftest import RELEASE

Exported = Callable[..., Export]


def content(export: Export) -> bytes:
    with default_storage.open(export.file) as file:
        return bytes(file.read())


def names_in(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "exports").rglob("*") if path.is_file())


def claimed(export: Export) -> RunningJob:
    job = running.claim(str(job_enqueue(name=JOB, subject=str(export.pk), announced=False).pk))
    assert job is not None
    return job


def erase() -> None:
    """Let the jobs run that erase files."""
    for job in Job.objects.filter(kind="collector.erase_files", state=Job.State.QUEUED):
        running.run(str(job.pk))


def rebuild() -> None:
    for job in Job.objects.filter(kind__in=("training.revise_dataset", JOB), state=Job.State.QUEUED):
        running.run(str(job.pk))


# --- written


def test_same_version_gives_the_same_bytes_and_the_row_says_which(exported: Exported) -> None:
    one, two = exported("imagefolder"), exported("imagefolder")
    assert one.sha256 == two.sha256 == hashlib.sha256(content(one)).hexdigest()
    assert one.file != two.file
    assert (one.size, one.photos) == (len(content(one)), 18)
    assert one.download_name == "smielfy-1-imagefolder.tar"
    said = AuditEvent.objects.get(action="export_written", subject=f"export:{one.pk}")
    assert said.actor == "staff:mona"
    assert said.details["sha256"] == one.sha256


@pytest.mark.parametrize("format", Export.Format.values)
def test_each_export_says_what_it_is_and_how_to_forget(format: str, exported: Exported) -> None:
    names = {name.partition("/")[2] for name in names_in(content(exported(format)))}
    assert names >= {
        "README.md", "LICENCE.txt", "CITATION.txt", "croissant.json", "samples.csv", "tombstones.csv",
        "check_tombstones.py", "datasheet.html", "datasheet.md",
    }  # fmt: skip


def test_nothing_is_offered_before_it_is_whole(
    version: DatasetVersion, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill at any moment leaves a part, which nobody is given, and which the next attempt erases."""
    export, job = export_request(version=version, format="imagefolder", actor="x", announced=False)

    class Killed(BaseException):
        pass

    def killed(*args: Any, **facts: Any) -> None:
        raise Killed

    monkeypatch.setattr(building, "_offer", killed)
    with pytest.raises(Killed):
        running.run(str(job.pk))
    export.refresh_from_db()
    assert files(private_folder) == [export.file]
    with pytest.raises(Problem, match="no file"):
        export_link(export=export, actor="x")
    # Another is killed while it writes: that leaves a part.
    folder, _, name = export.file.rpartition("/")
    (private_folder / folder / f".{name}.part").write_bytes(b"half")
    monkeypatch.undo()
    running.run(str(job.pk))
    export.refresh_from_db()
    assert export.ready_at is not None
    assert files(private_folder) == [export.file]
    assert hashlib.sha256(content(export)).hexdigest() == export.sha256


def test_release_without_licence_or_citation_is_refused(version: DatasetVersion) -> None:
    for left_out in ("licence", "citation"):
        with pytest.raises(Problem, match="licence and a citation"):
            export_request(version=version, format="table", actor="x", **{**RELEASE, left_out: "  "})
    assert not Export.objects.exists()


def test_release_of_nobody_who_shares_fails_and_says_why(version: DatasetVersion) -> None:
    for participant in {photo.participant for photo in Photo.objects.filter(import_batch=None)}:
        consent_change(participant=participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)
    export, job = export_request(version=version, format="table", actor="x", announced=False, **RELEASE)
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == Job.State.QUARANTINED
    assert "no consent in it allows to share" in job.error
    assert state_of(export, job) == "failed"


# --- forgotten


def test_withdrawn_photo_leaves_what_was_written_and_is_named_there(
    exported: Exported, private_folder: Path
) -> None:
    exports = [exported("imagefolder"), exported("imagefolder", **RELEASE)]
    photo = Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE).order_by("pk").last()
    former = [export.file for export in exports]
    photo_withdraw(photo=photo, actor="participant")
    for export in exports:
        export.refresh_from_db()
        assert export.ready_at is None, "nobody is given it from this moment on"
    erase()
    assert not any(default_storage.exists(name) for name in former)
    rebuild()
    for export in exports:
        export.refresh_from_db()
        assert str(export) == "1.r1-imagefolder"
        data = content(export)
        assert not any(str(photo.pk) in name for name in names_in(data))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            stones = tar.extractfile(f"smielfy-{export}/tombstones.csv")
            assert stones is not None
            assert str(photo.pk) in stones.read().decode()
    assert len(files(private_folder)) == 2


def test_photo_withdrawn_while_an_export_is_written_is_not_in_it(
    version: DatasetVersion, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, _ = export_request(version=version, format="imagefolder", actor="x", announced=False)
    photo = Photo.objects.order_by("pk").first()
    begun: list[str] = []
    write = building._write

    def withdrawn_meanwhile(export: Export, *args: Any) -> int:
        begun.append(export.file)
        done = write(export, *args)
        if len(begun) == 1:
            photo_withdraw(photo=Photo.objects.get(pk=photo.pk), actor="participant")
            erase()
        return done

    monkeypatch.setattr(building, "_write", withdrawn_meanwhile)
    export_execute(job=claimed(export), page=4)
    export.refresh_from_db()
    assert len(begun) == 2
    assert files(private_folder) == [export.file]
    assert export.photos == 17
    assert not any(str(photo.pk) in name for name in names_in(content(export)))


def test_who_shares_no_more_leaves_the_releases_alone(exported: Exported) -> None:
    internal, release = exported("table"), exported("table", **RELEASE)
    photo = Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE).order_by("pk").last()
    consent_change(participant=photo.participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)
    before = release.photos
    rebuild()
    for export in (internal, release):
        export.refresh_from_db()
    assert release.photos == before - 2
    assert (internal.photos, internal.changed) == (18, False)


def test_export_goes_when_it_is_over(exported: Exported, private_folder: Path) -> None:
    export, release = exported("table"), exported("table", **RELEASE)
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Problem, match="no file"):
        export_link(export=Export.objects.get(pk=export.pk), actor="x")
    do_round("training.expire_exports")
    erase()
    assert files(private_folder) == [release.file], "a release stays"


# --- taken along


@pytest.fixture
def manager(staff: Callable[..., Any]) -> Client:
    client = visitor()
    client.force_login(staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def link_to(export: Export, **said: Any) -> str:
    return f"/api/v1/exports/files/{export_link(export=export, actor='staff:mona', **said)}/"


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_download_is_resumed_where_it_broke_off(exported: Exported) -> None:
    export = exported("imagefolder")
    link, client, whole = link_to(export), visitor(), content(export)
    answer = client.get(link, secure=True)
    assert body(answer) == whole
    assert answer["ETag"] == f'"{export.sha256}"'
    assert answer["Content-Disposition"] == 'attachment; filename="smielfy-1-imagefolder.tar"'
    for asked, expected in (
        ("bytes=1000-", whole[1000:]),
        ("bytes=0-0", whole[:1]),
        ("bytes=10-19", whole[10:20]),
        ("bytes=-7", whole[-7:]),
        (f"bytes=5-{10**12}", whole[5:]),
    ):
        answer = client.get(link, secure=True, headers={"Range": asked, "If-Range": answer["ETag"]})
        assert answer.status_code == 206
        assert body(answer) == expected
        assert answer["Content-Length"] == str(len(expected))
    assert client.get(link, secure=True, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    endless = client.get(link, secure=True, headers={"Range": f"bytes={'9' * 5000}-"})
    assert (endless.status_code, len(body(endless))) == (200, len(whole)), "no number of bytes: not a range"
    other = client.get(link, secure=True, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (other.status_code, len(body(other))) == (200, len(whole)), "the file has changed: all of it anew"
    taken = AuditEvent.objects.filter(action="export_downloaded", subject=f"export:{export.pk}")
    assert [event.actor for event in taken] == ["staff:mona"] * 4, (
        "each beginning is one; what is resumed is not"
    )


def test_link_expires_and_is_for_one_export(exported: Exported, settings: Any) -> None:
    link = link_to(exported("table"))
    assert visitor().get(link[:-3] + "x/", secure=True).status_code == 404
    settings.EXPORT_LINK_HOURS = -1
    assert visitor().get(link, secure=True).json()["code"] == "link_expired"


def test_release_is_given_to_who_says_who_they_are_and_accepts(exported: Exported) -> None:
    export = exported("table", **RELEASE)
    for said in ({}, {"contact": "ada@example.org"}, {"contact": "nobody", "accepted": True}):
        with pytest.raises(Problem, match=r"accepts this|e-mail address"):
            link_to(export, **said)
    assert (
        visitor().get(link_to(export, contact="ada@example.org", accepted=True), secure=True).status_code
        == 200
    )
    taken = ExportDownload.objects.get()
    assert (taken.contact, taken.sha256) == ("ada@example.org", export.sha256)
    assert "identify nobody" in taken.terms


def test_api_from_the_list_of_versions_to_the_file(manager: Client, version: DatasetVersion) -> None:
    (listed,) = manager.get("/api/v1/datasets/", secure=True).json()
    assert (listed["name"], listed["sha256"]) == ("1", version.sha256)
    asked = manager.post(
        "/api/v1/datasets/1/exports/", {"format": "table"}, content_type="application/json", secure=True
    )
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    url = f"/api/v1/exports/{asked.json()['id']}/"
    early = manager.post(f"{url}links/", {}, content_type="application/json", secure=True)
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    rebuild()
    ready = manager.get(url, secure=True).json()
    assert (ready["state"], ready["progress"]) == ("ready", [18, 18])
    link = manager.post(f"{url}links/", {}, content_type="application/json", secure=True).json()["url"]
    data = body(visitor().get(link, secure=True))
    assert hashlib.sha256(data).hexdigest() == ready["sha256"]
    assert manager.get("/api/v1/datasets/9/exports/", secure=True).json()["code"] == "no_dataset"


def test_admin_asks_and_downloads(manager: Client, version: DatasetVersion) -> None:
    form = {"version": 1, "format": "table", "release": "on", "licence": "", "citation": ""}
    answer = manager.post("/admin/training/export/add/", form, secure=True, follow=True)
    assert b"needs a licence and a citation" in answer.content
    manager.post("/admin/training/export/add/", {**form, "release": ""}, secure=True)
    form |= {"licence": "CC BY 4.0", "citation": "Smielfy, 2026"}
    manager.post("/admin/training/export/add/", form, secure=True)
    internal, release = Export.objects.order_by("release")
    page = f"/admin/training/export/{release.pk}/change/"
    assert b"waits for a worker" in manager.get(page, secure=True).content
    rebuild()
    assert b"accept_terms" in manager.get(page, secure=True).content
    url = f"/admin/training/exports/{release.pk}/download/"
    assert b"e-mail address" in manager.post(url, {}, secure=True, follow=True).content
    given = manager.post(url, {"contact": "ada@example.org", "accept_terms": "on"}, secure=True, follow=True)
    assert len(body(given)) > 0
    manager.post(
        "/admin/training/export/", {"action": "remove", "_selected_action": str(internal.pk)}, secure=True
    )
    internal.refresh_from_db()
    assert state_of(internal, None) == "expired"


def test_command_writes_the_file_and_overwrites_none(version: DatasetVersion, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    call_command("export_dataset", "1", "--format", "coco", "--out", str(out))
    export = Export.objects.get()
    assert hashlib.sha256(out.read_bytes()).hexdigest() == export.sha256
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_dataset", "1", "--format", "coco", "--out", str(out))
    with pytest.raises(CommandError, match="no data set version 9"):
        call_command("export_dataset", "9", "--format", "coco", "--out", str(tmp_path / "x"))


# --- the script inside


@pytest.mark.parametrize("format", Export.Format.values)
def test_script_finds_and_removes_what_was_withdrawn(
    format: str, unpacked: Callable[..., Path], tmp_path: Path
) -> None:
    folder = unpacked(format)
    with_mask = Photo.objects.filter(faces__masked__isnull=False).order_by("pk").first()
    gone = tmp_path / "gone.csv"
    gone.write_text(f"{with_mask.pk},2026-01-01\n")

    def run(*arguments: str) -> tuple[int, str]:
        # As a downloader runs it: in a Python that knows nothing of the site.
        command = [sys.executable, "-I", str(folder / "check_tombstones.py"), "--list", str(gone), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    status, said = run()
    assert status == 1, said
    assert run("--remove")[0] == 0
    assert run() == (0, f"1 tombstones; 0 places in {folder}.\n")
    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert str(with_mask.pk).encode() not in left
    other = Photo.objects.filter(faces__masked__isnull=False).order_by("pk").last()
    assert str(other.pk).encode() in left


def test_script_reads_all_pages_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        "https://site/1": b'{"next": "https://site/2", "results": [{"photo_id": "a"}]}',
        "https://site/2": b'{"next": null, "results": [{"photo_id": "b", "scope": "releases"}]}',
    }
    monkeypatch.setattr(
        check_tombstones.urllib.request, "urlopen", lambda url, timeout: io.BytesIO(pages[url])
    )
    assert check_tombstones.fetched("https://site/1") == {"a", "b"}
    assert check_tombstones.fetched("https://site/1", internal=True) == {"a"}, (
        "it may keep what is not shared"
    )


@pytest.mark.parametrize(("asked", "internal"), [({}, True), (RELEASE, False)])
def test_script_knows_whether_it_lies_in_a_release(
    asked: dict[str, Any], internal: bool, unpacked: Callable[..., Path]
) -> None:
    assert check_tombstones.is_internal(str(unpacked("table", **asked))) == internal


def test_end_of_sharing_is_named_in_the_release_alone(exported: Exported) -> None:
    exports = exported("table"), exported("table", **RELEASE)
    photo = Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE).order_by("pk").last()
    consent_change(participant=photo.participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)
    rebuild()
    named = []
    for export in exports:
        export.refresh_from_db()
        with tarfile.open(fileobj=io.BytesIO(content(export))) as tar:
            stones = tar.extractfile(f"smielfy-{export}/tombstones.csv")
            assert stones is not None
            named.append(str(photo.pk) in stones.read().decode())
    assert named == [False, True]
