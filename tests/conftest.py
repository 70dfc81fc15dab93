"""Fixtures that several folders share: people, pictures, a broker, and the whole running site."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from django.conf import settings
from django.utils import translation
from PIL import Image

from operations.launch import broker as launch_broker
from operations.launch.static_collection import collect_if_changed
from operations.stores.base import PrivateStore
from operations.stores.local import LocalStore
from operations.stores.objects import ObjectStore
from tests.storage import new_bucket, running_object_server, stored_by
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
__all__ = ["wait_until"]

SAMPLES = (ROOT / os.environ["SMIELFY_SAMPLES"]).resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SAMPLES.is_dir():
        return
    missing = pytest.mark.skip(reason=f"no sample photos in {SAMPLES} (SMIELFY_SAMPLES)")
    for item in items:
        if item.get_closest_marker("samples"):
            item.add_marker(missing)


# Their fixtures start sites and train networks, each once for all tests of a module.
_TOGETHER = ("tests/browser/", "tests/ml/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of a module in these folders go to one process; any other goes wherever there is room."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0] if nodeid.startswith(_TOGETHER) else nodeid

    return ByModule(config, log)


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """Pages name static files by their hash, so these have to be collected; nothing is done when nothing changed."""
    collect_if_changed(announce=lambda: None)


@pytest.fixture(autouse=True)
def languages_end_with_the_test() -> Iterator[None]:
    """A request leaves its language active in the thread, and the next test's sentences would be in it."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real face in the public domain: uint8 [512, 512, 3]."""
    from skimage import data

    return data.astronaut()


def jpeg(image: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", **{"quality": 90, **options})
    return out.getvalue()


@pytest.fixture(scope="session")
def astronaut_jpeg(astronaut: np.ndarray) -> bytes:
    return jpeg(astronaut)


@pytest.fixture
def participant(db: None) -> Any:
    """Somebody who agreed to everything."""
    from collector.models import Scope
    from collector.selectors import consent_text_current
    from collector.services import consent_give

    return consent_give(
        participant=None, text=consent_text_current("en"), scopes=Scope.values, age_affirmed=True
    ).participant


@pytest.fixture
def smiley(db: None) -> Any:
    from collector.models import Smiley

    return Smiley.objects.get(slug="tongue")


@pytest.fixture
def photo(participant: Any, smiley: Any, astronaut_jpeg: bytes, private_folder: Path) -> Any:
    from collector.services import photo_submit

    return photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg)[
        0
    ]


@pytest.fixture
def private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private storage of this test's own."""
    from django.core.files.storage import default_storage

    folder = tmp_path / "private"
    folder.mkdir()
    default_storage.exists("none")  # the storage is made when it is first used
    storage = default_storage._wrapped

    def forget_where() -> None:
        for name in ("base_location", "location"):
            storage.__dict__.pop(name, None)

    monkeypatch.setattr(storage, "_location", str(folder))
    forget_where()
    yield folder
    forget_where()


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """A real S3 server; the address at which it listens."""
    with running_object_server() as address:
        yield address


@pytest.fixture
def object_store(object_server: str) -> Iterator[ObjectStore]:
    """A bucket of this test's own, in which the site keeps its files."""
    store = new_bucket(object_server)
    with stored_by(store):
        yield store


@pytest.fixture(params=["folder", "objects"])
def either_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateStore]:
    """The test runs twice: with files in a folder, and in an object store."""
    if request.param == "objects":
        yield request.getfixturevalue("object_store")
        return
    store = LocalStore(tmp_path / "private")
    with stored_by(store):
        yield store


@pytest.fixture
def staff(db: None) -> Callable[..., Any]:
    """Make a member of staff: `staff("alice", role="reviewer")`, or `superuser=True`."""
    from django.contrib.auth.models import Group, User

    def make(name: str, *, role: str = "", superuser: bool = False) -> User:
        user = User.objects.create_user(
            name, password=f"correct horse {name}", is_staff=True, is_superuser=superuser
        )
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    with running_broker() as url:
        yield url


@contextmanager
def running_broker() -> Iterator[str]:
    """A real broker: the one REDIS_URL names, else one started where the settings expect it."""
    if settings.REDIS_URL:
        yield settings.REDIS_URL
        return
    folder = Path(settings.DATA_DIR)
    (folder / "broker").mkdir(exist_ok=True)
    (folder / "run").mkdir(mode=0o700, exist_ok=True)
    configuration = folder / "run" / "redis.conf"
    configuration.write_text(launch_broker.configuration(folder))
    process = subprocess.Popen(
        [str(launch_broker.find_server()), str(configuration)], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(launch_broker.socket_path(folder).exists, "the broker listens")
        yield settings.CELERY_BROKER_URL
    finally:
        process.terminate()
        process.wait(10)


class LiveSite:
    """The whole site, started as `make up` starts it, in a data folder of its own."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("REDIS_URL", "DATABASE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
        }
        self.environment = {
            **inherited,
            "DATA_DIR": str(data_dir),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SWEEP_SECONDS": "2",
            "UPLOADS_PER_MINUTE": "100000",
            "ADDRESS_UPLOADS_PER_MINUTE": "100000",
            "REQUESTS_PER_MINUTE": "100000",
            "PARTICIPANTS_PER_HOUR": "100000",
            "PHOTOS_PER_DAY": "100000",
            **environment,
        }
        self.log = data_dir / "launch.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "operations.launch", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._ready, f"the site is ready; see {self.log}:\n{self._tail()}", seconds=90)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self._tail()}") from None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)

    def client(self) -> httpx.Client:
        """A browser's worth of cookies; the certificate is self-signed."""
        return httpx.Client(base_url=self.url, verify=False, timeout=30, headers={"Referer": self.url})

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the site did not start:\n{self._tail()}"
        try:
            return httpx.get(f"{self.url}/readyz", verify=False, timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


@contextmanager
def running_site(**environment: str) -> Iterator[LiveSite]:
    """The whole site in a new folder, both gone afterwards; also for what measures it."""
    folder = Path(tempfile.mkdtemp(prefix="smielfy-live-"))
    site = LiveSite(folder, **environment)
    try:
        site.start()
        yield site
    finally:
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def live_site() -> Iterator[LiveSite]:
    with running_site() as site:
        yield site
