"""Videos by admin: sent, gone through by a worker, named, and erased; whatever happens, nothing comes in twice."""

import hashlib
import re
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from collector.models import ImportBatch, Participant, Photo, Smiley
from labeling import video_work as working
from labeling.models import VideoImport, videos
from labeling.video_arrival import video_begin, video_take
from labeling.video_files import begins_like_a_video
from labeling.video_work import video_erase, video_name, video_retry, video_work
from operations.jobs import running
from operations.jobs.services import jobs_release_expired
from operations.models import AuditEvent, Job
from operations.problems import Problem
from tests.ml import films
from tests.operations.conftest import do_round

from .test_video_imports import ARGUMENTS, WORDS

Stage = VideoImport.Stage
ADD = "/admin/labeling/videoimport/add/"
LOGIN = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> bytes:
    """Two people side by side for two seconds."""
    path = tmp_path_factory.mktemp("films") / "two.mp4"
    return films.write(path, films.frames(astronaut, 48, width=720, faces=2)).read_bytes()


@pytest.fixture
def receive(db: None, private_folder: Path) -> Callable[..., VideoImport]:
    """Have a video come in, all of it or so many bytes."""

    def send(
        data: bytes, *, who: str = "each", name: str = "party.mp4", up_to: int | None = None, **more: Any
    ) -> VideoImport:
        said: dict[str, Any] = {"person": "", "accept": False, "rate": 2.0, "actor": "staff:mona", **more}
        video = video_begin(
            name=name,
            size=len(data),
            words=WORDS,
            smiley=Smiley.objects.get(slug="grin"),
            who=who,
            **said,
        )
        at, length = 0, videos.PIECE_BYTES
        while at < (len(data) if up_to is None else up_to):
            at = video_take(video=VideoImport.objects.get(pk=video.pk), at=at, data=data[at : at + length])
        return VideoImport.objects.get(pk=video.pk)

    return send


def work(video: VideoImport) -> VideoImport:
    """Let the worker do what waits, and the files be erased that are let go."""
    for name in ("labeling.import_video", "collector.erase_files"):
        for job in Job.objects.filter(kind=name, state=Job.State.QUEUED):
            running.run(str(job.pk))
    return VideoImport.objects.select_related("job").get(pk=video.pk)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "videos").rglob("*") if path.is_file())


def page_of(client: Client, video: VideoImport) -> str:
    answer = client.get(f"/admin/labeling/videoimport/{video.pk}/change/", secure=True)
    return " ".join(answer.content.decode().split())


@pytest.fixture
def manager(staff: Any) -> Client:
    client = Client()
    client.force_login(staff("mona", role="manager"), backend=LOGIN)
    return client


def said_of(data: bytes, **more: str) -> dict[str, Any]:
    """What the form's script sends first."""
    grin = Smiley.objects.get(slug="grin").pk
    known = {"name": "party.mp4", "size": len(data), "smiley": grin, "who": "each", "rate": "2"}
    return {**WORDS, **known, **more}


def begin(client: Client, data: bytes, **more: str) -> Any:
    return client.post(ADD, said_of(data, **more), secure=True)


def piece(client: Client, url: str, at: int, data: bytes) -> Any:
    return client.post(f"{url}?at={at}", data, content_type="application/octet-stream", secure=True)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(videos, "PIECE_BYTES", 100_000)
    return 100_000


# --- from the form to the photos


def test_video_is_sent_in_pieces_gone_through_and_erased(
    film: bytes, private_folder: Path, manager: Client, small_pieces: int
) -> None:
    begun = begin(manager, film)
    assert begun.status_code == 201
    place = begun.json()
    assert place["piece_bytes"] == small_pieces
    at = 0
    while at < len(film):
        assert "Is on its way" in page_of(manager, VideoImport.objects.get())
        answer = piece(manager, place["pieces"], at, film[at : at + small_pieces])
        assert answer.status_code == 200
        at = answer.json()["received"]
    assert at > 3 * small_pieces
    video = VideoImport.objects.get()
    assert place["page"] == f"/admin/labeling/videoimport/{video.pk}/change/"
    assert (video.name, video.size, video.stage) == ("party.mp4", len(film), Stage.WAITING)
    assert (private_folder / video.file).read_bytes() == film
    assert video.sha256 == hashlib.sha256(film).hexdigest()
    assert "Waits for a worker" in page_of(manager, video)
    (private_folder / f"{video.file}.1a2b3c4d.part").write_bytes(film)  # joining it was killed once
    assert video.created_by == "staff:mona"

    video = work(video)
    assert video.stage == Stage.DONE
    assert video.result["new"] == Photo.objects.count() >= 2
    assert len(video.result["tracks"]) == Participant.objects.count() == 2
    assert set(Photo.objects.values_list("state", "smiley__slug")) == {("received", "grin")}
    assert kept(private_folder) == []
    shown = page_of(manager, video)
    assert f"{video.result['new']} photos came in" in shown
    assert "The video itself is erased." in shown
    assert "done" in manager.get("/admin/labeling/videoimport/", secure=True).content.decode()
    done = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"video_received", "import_opened", "video_imported"} <= done


def test_line_that_breaks_costs_no_more_than_a_piece(
    film: bytes, private_folder: Path, manager: Client, small_pieces: int
) -> None:
    url = begin(manager, film).json()["pieces"]
    pieces = [film[at : at + small_pieces] for at in range(0, len(film), small_pieces)]
    piece(manager, url, 0, pieces[0])
    # Its answer was lost, so it comes again; then one that should be a later one, and one that was cut.
    assert piece(manager, url, 0, pieces[0]).json() == {"received": small_pieces}
    skipped = piece(manager, url, 2 * small_pieces, pieces[2])
    assert (skipped.status_code, skipped.json()["received"]) == (409, small_pieces)
    cut = piece(manager, url, small_pieces, pieces[1][:-1])
    assert (cut.status_code, cut.json()["received"]) == (409, small_pieces)
    assert piece(manager, url, small_pieces, pieces[1] + b"x").status_code == 409
    for number, data in enumerate(pieces[1:], start=1):
        last = piece(manager, url, number * small_pieces, data)
    assert last.json() == {"received": len(film)}
    assert piece(manager, url, (len(pieces) - 1) * small_pieces, pieces[-1]).json() == last.json()
    video = VideoImport.objects.get()
    assert (private_folder / video.file).read_bytes() == film
    assert Job.objects.filter(kind="labeling.import_video").count() == 1
    work(video)
    assert f"{video.pk}-0.piece" not in kept(private_folder)


def test_kill_before_the_pieces_are_put_together_is_made_good_by_the_next_request(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path, small_pieces: int
) -> None:
    video = receive(film, up_to=len(film) - small_pieces)
    last = video.received
    default_storage.save(video.piece_name(last), ContentFile(film[last:]))
    VideoImport.objects.update(received=len(film))
    video.refresh_from_db()
    assert video.stage == Stage.ARRIVING
    assert video_take(video=video, at=last, data=film[last:]) == len(film)
    video.refresh_from_db()
    assert (private_folder / video.file).read_bytes() == film


def test_video_that_never_arrives_leaves_nothing(
    film: bytes,
    receive: Callable[..., VideoImport],
    private_folder: Path,
    manager: Client,
    small_pieces: int,
    settings: Any,
) -> None:
    video = receive(film, up_to=2 * small_pieces)
    assert len(kept(private_folder)) == 2
    answer = manager.post(f"/admin/videos/{video.pk}/decide/", {"decision": "erase"}, secure=True)
    assert answer.headers["Location"] == "/admin/labeling/videoimport/"
    for job in Job.objects.filter(kind="collector.erase_files"):
        running.run(str(job.pk))
    assert kept(private_folder) == []
    assert not VideoImport.objects.exists()
    assert not ImportBatch.objects.exists()
    assert piece(manager, f"/admin/videos/{video.pk}/pieces/", 0, film).status_code == 404

    receive(film, up_to=2 * small_pieces)
    settings.VIDEO_KEEP_DAYS = 0
    do_round("labeling.expire_videos")
    assert work(VideoImport.objects.get()).stage == Stage.ERASED
    assert kept(private_folder) == []


def test_command_and_admin_bring_in_the_very_same(
    film: bytes, receive: Callable[..., VideoImport], tmp_path: Path
) -> None:
    work(receive(film))
    there = set(Photo.objects.values_list("client_id", "participant"))
    (tmp_path / "party.mp4").write_bytes(film)
    out = StringIO()
    call_command("import_video", str(tmp_path / "party.mp4"), *ARGUMENTS, stdout=out, stderr=out)
    assert f"0 photos new, {len(there)} there before" in out.getvalue()
    assert set(Photo.objects.values_list("client_id", "participant")) == there


def test_progress_is_told_while_a_worker_goes_through_it(
    film: bytes, receive: Callable[..., VideoImport], manager: Client
) -> None:
    video = receive(film)
    told: list[tuple[int, int, str]] = []

    def report(done: int, total: int, said: str) -> None:
        told.append((done, total, said))
        Job.objects.update(state="running", progress_done=done, progress_total=total, message=said)
        assert f"{done} of {total} frames" in page_of(manager, video)

    video_work(video_id=video.pk, report=report, fenced=transaction.atomic)
    assert told[0] == (0, 25, "bringing faces in")
    assert all(done <= total for done, total, _ in told)


# --- who is who


def test_operator_says_who_is_who(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path, manager: Client
) -> None:
    video = work(receive(film, who="ask"))
    assert video.stage == Stage.NAMELESS
    assert [track["number"] for track in video.tracks] == [1, 2]
    assert not Photo.objects.exists()
    assert kept(private_folder) == [f"{video.pk}-1.jpg", f"{video.pk}-2.jpg", f"{video.pk}.video"]
    shown = page_of(manager, video)
    assert "Who is who?" in shown
    picture = manager.get(re.findall(r'src="([^"]*/2\.jpg)"', shown)[0], secure=True)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert "no-store" in picture.headers["Cache-Control"]
    assert manager.get(f"/admin/videos/{video.pk}/3.jpg", secure=True).status_code == 404

    names = {"decision": "name", "person-1": "Anna", "person-2": " Anna "}
    manager.post(f"/admin/videos/{video.pk}/decide/", names, secure=True)
    video = work(video)
    assert video.stage == Stage.DONE
    assert Participant.objects.count() == 1, "the same name is the same person"
    assert (video.people, video.tracks, kept(private_folder)) == (None, None, [])
    everything = [*AuditEvent.objects.values_list("details", flat=True), video.result]
    assert "Anna" not in str(everything), "names are forgotten"


def test_who_stays_out_does_not_come_in(
    film: bytes, receive: Callable[..., VideoImport], manager: Client
) -> None:
    video = work(receive(film, who="ask"))
    said = {"decision": "name", "person-1": "Anna", "out-2": "on"}
    manager.post(f"/admin/videos/{video.pk}/decide/", said, secure=True)
    video = work(video)
    assert [track["number"] for track in video.result["tracks"]] == [1]
    assert video.result["left_out"] >= 1
    assert Participant.objects.count() == 1


def test_one_person_has_a_name_and_is_the_same_in_the_next_video(
    film: bytes, receive: Callable[..., VideoImport], tmp_path: Path, astronaut: np.ndarray
) -> None:
    with pytest.raises(Problem, match="who the one person is"):
        receive(film, who="one")
    alone = films.write(tmp_path / "alone.mp4", films.frames(astronaut, 24)).read_bytes()
    work(receive(alone, who="one", person="Anna"))
    other = films.write(tmp_path / "other.mp4", films.frames(astronaut, 24, height=400)).read_bytes()
    work(receive(other, who="one", person="Anna", accept=True))
    assert Participant.objects.count() == 1
    assert Photo.objects.accepted().exists()


def test_who_is_who_is_said_once(film: bytes, receive: Callable[..., VideoImport]) -> None:
    video = work(receive(film, who="ask"))
    video_name(video=video, people=["Anna", "Ben"], actor="staff:mona")
    with pytest.raises(Problem, match="meanwhile"):
        video_name(video=video, people=["Ben", "Anna"], actor="staff:rita")
    assert VideoImport.objects.get().people == ["Anna", "Ben"]


def test_video_without_anybody_is_done_at_once(
    receive: Callable[..., VideoImport], tmp_path: Path, private_folder: Path, manager: Client
) -> None:
    wall = films.write(tmp_path / "wall.mp4", [np.full((240, 320, 3), 140, np.uint8)] * 24).read_bytes()
    for who in ("ask", "each"):
        video = work(receive(wall, who=who))
        assert video.stage == Stage.DONE
        assert "Nobody was found in it" in page_of(manager, video)
    assert kept(private_folder) == []


# --- what is no good


@pytest.mark.parametrize(
    "data",
    [
        b"garbage" * 500,
        b"\xff\xd8\xff\xe0" + b"\0" * 500,
        b"#EXTM3U\nhttp://127.0.0.1/secret.mp4\n",
    ],
    ids=["garbage", "a photo", "a playlist"],
)
def test_what_is_no_video_is_refused_by_its_first_bytes(
    data: bytes, private_folder: Path, manager: Client
) -> None:
    answer = piece(manager, begin(manager, data).json()["pieces"], 0, data)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_video")
    assert "party.mp4 is no video" in answer.json()["detail"]
    assert not VideoImport.objects.exists()
    assert not ImportBatch.objects.exists()
    assert kept(private_folder) == []


def test_what_is_wrong_is_said_before_anything_is_sent(
    film: bytes, private_folder: Path, manager: Client, settings: Any
) -> None:
    def said(data: bytes = film, **more: str) -> str:
        answer = begin(manager, data, **more)
        assert answer.status_code in (400, 413, 422), answer.content
        return str(answer.json()["detail"])

    assert "is empty" in said(b"")
    assert "Say who the one person is" in said(who="one")
    incomplete = begin(manager, film, source="", rate="50").json()["errors"]
    assert set(incomplete) == {"source", "rate"}
    settings.VIDEO_MAX_BYTES = 10_000
    assert "at most 0 MB are taken" in said()
    settings.VIDEO_MAX_BYTES = 10**18
    full = manager.post(ADD, {**said_of(film), "size": 10**17}, secure=True)
    assert (full.status_code, full.json()["code"]) == (507, "no_room")
    assert not VideoImport.objects.exists()
    assert not ImportBatch.objects.exists()


def test_videos_are_known_by_their_first_bytes(film: bytes, tmp_path: Path, astronaut: np.ndarray) -> None:
    for ending in (".mp4", ".avi", ".mkv", ".mov"):
        written = films.write(tmp_path / f"one{ending}", films.frames(astronaut, 2)).read_bytes()
        assert begins_like_a_video(written[:512]), ending
    assert begins_like_a_video((b"G" + b"\0" * 187) * 3)
    sound = films.sound_alone(tmp_path / "sound.wav").read_bytes()
    for other in (b"", b"RIFF\0\0\0\0WEBP", sound[:512], b"G" * 100, b"%PDF-1.7"):
        assert not begins_like_a_video(other)


def test_truncated_video_comes_in_as_far_as_it_goes(
    film: bytes, receive: Callable[..., VideoImport], manager: Client
) -> None:
    whole = films.index_first(film)
    video = work(receive(whole[: len(whole) * 2 // 3]))
    assert video.stage == Stage.DONE
    assert video.result["new"] == Photo.objects.count() >= 1
    shown = page_of(manager, video)
    assert "party.mp4 ends early" in shown
    assert str(video.pk) + ".video" not in shown


def test_what_cannot_be_decoded_is_kept_until_tried_again_and_says_until_when(
    receive: Callable[..., VideoImport], private_folder: Path, manager: Client
) -> None:
    video = work(receive(b"\0\0\0\x18ftypmp42" + b"\0" * 3000))
    assert video.stage == Stage.FAILED
    assert video.job.attempts == 1, "it can never succeed by itself"
    shown = page_of(manager, video)
    assert "party.mp4 is an MP4 without its index" in shown
    assert f"at the latest until {video.keep_until:%-d %B %Y}" in shown
    assert kept(private_folder) == [f"{video.pk}.video"]

    decide = f"/admin/videos/{video.pk}/decide/"
    manager.post(decide, {"decision": "retry"}, secure=True)
    video.refresh_from_db()
    assert video.stage == Stage.WAITING
    assert work(video).stage == Stage.FAILED
    with pytest.raises(Problem, match="nothing to try again"):
        video_retry(video=receive(b"\0\0\0\x18ftypmp42" + b"\1" * 3000), actor="staff:mona")
    manager.post(decide, {"decision": "erase"}, secure=True)
    video = work(video)
    assert video.stage == Stage.ERASED
    assert f"{video.pk}.video" not in kept(private_folder)


def test_video_whose_file_is_gone_says_so(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path
) -> None:
    video = receive(film)
    (private_folder / video.file).unlink()
    video = work(video)
    assert video.stage == Stage.FAILED
    assert "not in the storage any more" in video.job.error


# --- twice, killed, at once


def test_same_video_is_not_taken_twice_while_it_waits(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path, manager: Client
) -> None:
    first = receive(film)
    answer = piece(manager, begin(manager, film).json()["pieces"], 0, film)
    assert answer.status_code == 409
    assert "is here already, as party.mp4" in answer.json()["detail"]
    first = work(first)
    count = Photo.objects.count()
    assert (kept(private_folder), VideoImport.objects.count()) == ([], 1)
    second = work(receive(film))
    assert (second.result["new"], second.result["before"]) == (0, count)
    assert Photo.objects.count() == count


def test_interrupted_it_goes_on_and_nothing_is_there_twice(
    film: bytes,
    receive: Callable[..., VideoImport],
    private_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = receive(film, rate=12.0)

    class Killed(BaseException):
        pass

    def report(done: int, total: int, said: str) -> None:
        if Photo.objects.exists():
            raise Killed

    monkeypatch.setattr(working, "TOLD_EVERY", 0)  # two seconds of film are soon over
    with pytest.raises(Killed):
        video_work(video_id=video.pk, report=report, fenced=transaction.atomic)
    came_in = Photo.objects.count()
    assert came_in > 0
    # As a killed worker leaves it: the row says that it runs, and its lease runs out.
    past = timezone.now() - timedelta(minutes=1)
    Job.objects.filter(kind="labeling.import_video").update(
        state="running", attempts=1, lease_token=uuid.uuid4(), lease_until=past
    )
    video.refresh_from_db()
    assert video.stage == Stage.RUNNING
    with pytest.raises(Problem, match="A worker is going through it"):
        video_erase(video=video, actor="staff:mona")
    jobs_release_expired()
    video = work(video)
    assert video.stage == Stage.DONE
    assert video.result["before"] == came_in
    assert video.result["new"] > 0
    assert len(set(Photo.objects.values_list("client_id", flat=True))) == Photo.objects.count()
    assert len(list(private_folder.rglob("photos/**/*.jpg"))) == Photo.objects.count()
    assert Participant.objects.count() == 2


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_same_video_sent_twice_at_once_is_kept_once(
    private_folder: Path, film: bytes, receive: Callable[..., VideoImport]
) -> None:
    start, results = threading.Barrier(2), []
    both = [receive(film, up_to=0) for _ in range(2)]

    def send(video: VideoImport) -> None:
        try:
            start.wait()
            results.append(str(video_take(video=video, at=0, data=film)))
        except Problem as problem:
            results.append(problem.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(video,)) for video in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [str(len(film)), "video_waits_already"]
    work(VideoImport.objects.get())
    assert kept(private_folder) == []


# --- what is let go of


def test_what_nobody_named_is_erased_after_some_days(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path, settings: Any
) -> None:
    video = work(receive(film, who="ask"))
    do_round("labeling.expire_videos")
    assert len(kept(private_folder)) == 3
    (private_folder / f"{video.file}.1a2b3c4d.part").write_bytes(film)  # joining it was killed once
    settings.VIDEO_KEEP_DAYS = 0
    do_round("labeling.expire_videos")
    video = work(video)
    assert (video.stage, kept(private_folder)) == (Stage.ERASED, [])


def test_orphans_are_erased_and_what_is_kept_is_not(
    film: bytes, receive: Callable[..., VideoImport], private_folder: Path
) -> None:
    import os

    video = work(receive(film, who="ask"))
    folder = (private_folder / video.file).parent
    for orphan in (f"{uuid.uuid4()}.video", f"{uuid.uuid4()}-1.jpg", "strange"):
        (folder / orphan).write_bytes(b"x")
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    do_round("labeling.erase_orphans")
    assert len(kept(private_folder)) == 3
    assert all(name.startswith(str(video.pk)) for name in kept(private_folder))


# --- who may


def test_only_managers_bring_videos_in(
    film: bytes, private_folder: Path, staff: Any, receive: Callable[..., VideoImport]
) -> None:
    video = receive(film, up_to=0)
    reviewer = Client()
    reviewer.force_login(staff("rita", role="reviewer"), backend=LOGIN)
    assert begin(reviewer, film).status_code == 403
    assert piece(reviewer, f"/admin/videos/{video.pk}/pieces/", 0, film).status_code == 403
    for decision in ("name", "retry", "erase"):
        answer = reviewer.post(f"/admin/videos/{video.pk}/decide/", {"decision": decision}, secure=True)
        assert answer.status_code == 403
    assert begin(Client(), film).headers["Location"].startswith("/admin/login/")
    assert (VideoImport.objects.count(), kept(private_folder)) == (1, [])


def test_pieces_from_another_site_are_refused(
    film: bytes, private_folder: Path, staff: Any, receive: Callable[..., VideoImport]
) -> None:
    video = receive(film, up_to=0)
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("mona", role="manager"), backend=LOGIN)
    assert begin(client, film).status_code == 403
    assert piece(client, f"/admin/videos/{video.pk}/pieces/", 0, film).status_code == 403
    assert (VideoImport.objects.count(), kept(private_folder)) == (1, [])
