"""A large video by admin on the whole running site: memory stays flat, and a kill in the middle costs nothing."""

import json
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.conftest import LiveSite, wait_until
from tests.ml import films

from .soak_kills import processes

ADD = "/admin/labeling/videoimport/add/"
WORDS = {"source": "A film", "licence": "CC0", "legal_basis": "public domain"}
PADDING = 300_000_000
MANAGER = (
    "from django.contrib.auth.models import Group, User;"
    "u = User.objects.create_user('mona', password='correct horse mona', is_staff=True);"
    "u.groups.add(Group.objects.get(name='manager'))"
)
STATE = (
    "import json; from labeling.models import VideoImport; from collector.models import Photo;"
    "v = VideoImport.objects.get();"
    "print(json.dumps([v.stage, Photo.objects.count(), v.result]))"
)


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

    def state() -> tuple[str, int, dict[str, int] | None]:
        return tuple(json.loads(site.manage("shell", "-v0", "-c", STATE)))  # type: ignore[return-value]

    wait_until(lambda: state()[1], "the first photo is in", seconds=120)
    victims = processes(site, "-Q bulk")
    for victim in victims:
        victim.kill()
    stage, photos, _ = state()
    assert victims
    assert stage == "running", "the kill came too late to tell anything"

    wait_until(lambda: state()[0] == "done", "a worker has gone on and finished", seconds=400)
    _, count, result = state()
    assert result
    assert result["before"] >= photos
    assert result["before"] + result["new"] == count
    again = site.manage("import_video", str(film), "--smiley", "grin", "--rate", "6",
                        *(f"--{name.replace('_', '-')}={words}" for name, words in WORDS.items()))  # fmt: skip
    assert f"0 photos new, {count:,} there before" in again

    def kept() -> list[Path]:
        return [path for path in (site.data_dir / "private" / "videos").rglob("*") if path.is_file()]

    wait_until(lambda: not kept(), "the video is erased", seconds=60)
    print(
        f"\n{PADDING / 1e6:.0f} MB taken while the web process grew by {grown:.0f} MB; killed after {photos} photos,"
        f" {count} in the end, none twice."
    )
