"""A large video by admin on the whole running site: memory stays flat, and kills in the middle cost nothing."""

import json
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil
import pytest

from tests.conftest import LiveSite, wait_until
from tests.ml import films

from .soak_kills import kill, processes

ADD = "/admin/labeling/videoimport/add/"
WORDS = {"source": "A film", "licence": "CC0", "legal_basis": "public domain"}
PADDING = 300_000_000
MANAGER = (
    "from django.contrib.auth.models import Group, User;"
    "u = User.objects.create_user('mona', password='correct horse mona', is_staff=True);"
    "u.groups.add(Group.objects.get(name='manager'))"
)
STATE = (
    "import json; from labeling.models import VideoImport; from collector.models import ImportBatch, Photo;"
    "v = VideoImport.objects.get(); assert ImportBatch.objects.count() == 1;"
    "print(json.dumps([v.stage, Photo.objects.count(), v.result]))"
)
FILM_BYTES = 300_000_000


@pytest.fixture
def site() -> Iterator[LiveSite]:
    folder = Path(tempfile.mkdtemp(prefix="smielfy-soak-"))
    site = LiveSite(folder, JOB_LEASE_SECONDS="10")
    site.start()
    yield site
    site.stop()
    shutil.rmtree(folder, ignore_errors=True)


def token_in(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    return found[1]


def sign_in(site: LiveSite) -> httpx.Client:
    site.manage("shell", "-v0", "-c", MANAGER)
    client = site.client()
    client.timeout = httpx.Timeout(300)
    token = token_in(client.get("/admin/login/").text)
    who = {"username": "mona", "password": "correct horse mona", "csrfmiddlewaretoken": token}
    assert client.post("/admin/login/", data=who).status_code == 302
    return client


def state(site: LiveSite) -> tuple[str, int, dict[str, int] | None]:
    """(stage of the only video, photos, what came of it)."""
    return tuple(json.loads(site.manage("shell", "-v0", "-c", STATE)))  # type: ignore[return-value]


def kept(site: LiveSite) -> list[Path]:
    return [path for path in (site.data_dir / "private" / "videos").rglob("*") if path.is_file()]


def large_film(path: Path, astronaut: np.ndarray) -> Path:
    """Two people before a wall of noise, frame by frame as JPEG, until the file is as large as it shall be."""
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 24.0, (1280, 720))
    for frame in films.frames(astronaut, 10_000, width=1280, height=720, faces=2):
        wall = (frame == films.wall(1280, 720)).all(axis=2)
        writer.write(np.where(wall[..., None], noise, frame[..., ::-1]))
        if path.stat().st_size > FILM_BYTES:
            break
    writer.release()
    return path


class Watch(threading.Thread):
    """The largest resident memory of some processes while it runs, in MB."""

    def __init__(self, watched: list[psutil.Process]) -> None:
        super().__init__(daemon=True)
        self._watched, self._over = watched, threading.Event()
        self.before = self.now()
        self.largest = self.before

    def now(self) -> float:
        return max(process.memory_info().rss for process in self._watched) / 1e6

    def run(self) -> None:
        while not self._over.wait(0.05):
            self.largest = max(self.largest, self.now())

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self.largest - self.before


@pytest.mark.timeout(900)
def test_large_video_survives_a_kill_and_nothing_is_there_twice(
    site: LiveSite, tmp_path: Path, astronaut: np.ndarray
) -> None:
    film = films.write(tmp_path / "film.mp4", films.frames(astronaut, 24 * 30, width=720, faces=2))
    with film.open("ab") as file:  # as large as a long one, and no longer to go through
        file.write((PADDING + 8).to_bytes(4, "big") + b"free")
        for _ in range(PADDING // 1_000_000):
            file.write(bytes(1_000_000))
    client = sign_in(site)
    page = client.get(ADD).text
    grin = re.search(r'<option value="(\d+)">:D', page)
    assert grin
    said = {**WORDS, "smiley": grin[1], "who": "each", "rate": "6", "name": "film.mp4"}
    size = film.stat().st_size
    client.headers["X-CSRFToken"] = token_in(page)
    watch = Watch(processes(site, "granian"))
    watch.start()
    place = client.post(ADD, data={**said, "size": size}).json()
    with film.open("rb") as file:
        for at in range(0, size, place["piece_bytes"]):
            answer = client.post(f"{place['pieces']}?at={at}", content=file.read(place["piece_bytes"]))
            assert answer.status_code == 200, answer.text
    grown = watch.stop()
    assert answer.json() == {"received": size}
    assert grown < 40, f"the web process grew by {grown:.0f} MB while it took {PADDING / 1e6:.0f} MB"

    wait_until(lambda: state(site)[1], "the first photo is in", seconds=120)
    victims = processes(site, "-Q bulk")
    for victim in victims:
        victim.kill()
    stage, photos, _ = state(site)
    assert victims
    assert stage == "running", "the kill came too late to tell anything"

    wait_until(lambda: state(site)[0] == "done", "a worker has gone on and finished", seconds=400)
    _, count, result = state(site)
    assert result
    assert result["before"] >= photos
    assert result["before"] + result["new"] == count
    again = site.manage("import_video", str(film), "--smiley", "grin", "--rate", "6",
                        *(f"--{name.replace('_', '-')}={words}" for name, words in WORDS.items()))  # fmt: skip
    assert f"0 photos new, {count:,} there before" in again

    wait_until(lambda: not kept(site), "the video is erased", seconds=60)
    print(
        f"\n{PADDING / 1e6:.0f} MB taken while the web process grew by {grown:.0f} MB; killed after {photos} photos,"
        f" {count} in the end, none twice."
    )


@pytest.mark.timeout(1800)
def test_upload_goes_on_after_the_web_server_was_killed_and_comes_in_once(
    site: LiveSite, tmp_path: Path, astronaut: np.ndarray
) -> None:
    film = large_film(tmp_path / "film.avi", astronaut)
    size = film.stat().st_size
    assert size > FILM_BYTES
    client = sign_in(site)
    page = client.get(ADD).text
    grin = re.search(r'<option value="(\d+)">:D', page)
    assert grin
    client.headers["X-CSRFToken"] = token_in(page)
    said = {**WORDS, "smiley": grin[1], "who": "each", "rate": "2", "name": "film.avi", "size": size}
    place = client.post(ADD, data=said).json()
    length = place["piece_bytes"]
    pieces = -(-size // length)
    # Between pieces, in the middle of one, and while they are put together.
    kills = {pieces // 4: 0.0, pieces // 2: 0.02, pieces - 1: 0.3}
    repeated = 0

    def send(at: int, data: bytes) -> int:
        """From where to go on; as the page's script does, again and again while the server is away."""
        nonlocal repeated

        def answer() -> int | None:
            nonlocal repeated
            try:
                answer = client.post(f"{place['pieces']}?at={at}", content=data)
            except httpx.TransportError:
                repeated += 1
                return None
            assert answer.status_code in (200, 409) or answer.status_code >= 500, answer.text
            return None if answer.status_code >= 500 else answer.json()["received"]

        return int(wait_until(answer, f"byte {at} is taken", seconds=120))

    at = 0
    with film.open("rb") as file:
        while at < size:
            wait = kills.pop(at // length, None)
            killer = threading.Timer(wait or 0, kill, (site, "granian")) if wait is not None else None
            if killer:
                killer.start()
            file.seek(at)
            at = send(at, file.read(length))
            if killer:
                killer.join()
    assert not kills
    assert repeated, "no kill met an upload"

    wait_until(lambda: state(site)[1], "the first photo is in", seconds=180)
    kill(site, "-Q bulk")
    photos = state(site)[1]
    wait_until(lambda: state(site)[0] == "done", "a worker has gone on and finished", seconds=900)
    _, count, result = state(site)
    assert result
    assert result["refused"] == 0
    assert result["before"] + result["new"] == count
    wait_until(lambda: not kept(site), "nothing of the video is left", seconds=60)
    print(
        f"\n{size / 1e6:.0f} MB in {pieces} pieces, the web server killed three times ({repeated} attempts failed),"
        f" the worker after {photos} photos: one import of {count} photos, no file left."
    )
