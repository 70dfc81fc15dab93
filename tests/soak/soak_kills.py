"""Kills under load: what was answered with success is there in the end, processed exactly once."""

import json
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.conftest import LiveSite, jpeg, wait_until

UPLOADS = 200
VICTIMS = ("-Q media", "redis-server", "granian")


@pytest.fixture
def site() -> Iterator[LiveSite]:
    folder = Path(tempfile.mkdtemp(prefix="smielfy-soak-"))
    site = LiveSite(folder, JOB_LEASE_SECONDS="10")
    site.start()
    yield site
    site.stop()
    shutil.rmtree(folder, ignore_errors=True)


def agree(client: httpx.Client) -> str:
    """Become a participant; returns the CSRF token."""
    text = client.get("/api/v1/consent-text/")
    token = text.headers["X-CSRFToken"]
    given = {"consent_text": text.json()["id"], "scopes": ["train"], "age_affirmed": True}
    client.post("/api/v1/consents/", json=given, headers={"X-CSRFToken": token}).raise_for_status()
    return token


def processes(site: LiveSite, words: str) -> list[psutil.Process]:
    assert site.process is not None
    found = []
    for process in psutil.Process(site.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ends at this moment
            if words in " ".join(process.cmdline()):
                found.append(process)
    return found


def kill(site: LiveSite, words: str) -> None:
    victims = processes(site, words)
    assert victims, f"nothing runs that is called {words}"
    for victim in victims:
        victim.kill()


@pytest.mark.timeout(900)
def test_nothing_answered_with_success_is_lost_or_done_twice(site: LiveSite, astronaut: np.ndarray) -> None:
    client = site.client()
    token = agree(client)
    answered: set[str] = set()
    lock = threading.Lock()
    kills = {UPLOADS // 4: VICTIMS[0], UPLOADS // 2: VICTIMS[1], 3 * UPLOADS // 4: VICTIMS[2]}
    # All different, and each with the one face: something cut off and put on elsewhere may look like another.
    pictures = [jpeg(astronaut[number % 20 :, number // 20 :]) for number in range(UPLOADS)]

    def upload(number: int) -> None:
        client_id = str(uuid.uuid4())

        def accepted() -> bool:
            try:
                answer = client.post(
                    "/api/v1/photos/",
                    data={"smiley": "tongue", "client_id": client_id},
                    files={"image": ("selfie.jpg", pictures[number], "image/jpeg")},
                    headers={"X-CSRFToken": token},
                )
            except httpx.TransportError:
                return False
            assert answer.status_code in (200, 201) or answer.status_code >= 500, answer.text
            return answer.status_code < 300

        wait_until(accepted, f"upload {number} is accepted", seconds=120)
        with lock:
            answered.add(client_id)
            victim = kills.pop(len(answered), None)
        if victim:
            kill(site, victim)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upload, range(UPLOADS)))
    assert not kills

    script = (
        "import json; from django.db.models import Count; from collector.models import Photo;"
        "rows = Photo.objects.annotate(n=Count('faces', distinct=True))"
        ".values_list('client_id', 'processed_at', 'n', 'analysis__flags');"
        "print(json.dumps([[str(c), p is not None, n, f is not None] for c, p, n, f in rows]))"
    )

    def all_processed() -> list[list[object]]:
        rows = json.loads(site.manage("shell", "-v0", "-c", script))
        return rows if len(rows) >= UPLOADS and all(processed for _, processed, _, _ in rows) else []

    rows = wait_until(all_processed, "every photo is processed", seconds=300)
    assert {client_id for client_id, *_ in rows} == answered
    assert len(rows) == UPLOADS
    assert all(faces == 1 and analysed for _, _, faces, analysed in rows)
    stored = [path for path in (site.data_dir / "private" / "photos").rglob("*") if path.is_file()]
    assert (
        len([path for path in stored if path.suffix == ".jpg"]) >= UPLOADS
    )  # an orphan of a kill is swept later
    assert httpx.get(f"{site.url}/readyz", verify=False, timeout=30).status_code == 200
    print(f"\n{UPLOADS} uploads, {len(VICTIMS)} kills: {len(rows)} photos, each processed once.")
