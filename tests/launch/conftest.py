import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operations.launch.options import ROOT

# What would steer a start, were it set where the tests run.
_STEERING = {
    *("HOST", "PORT", "DATA_DIR", "TLS_CERT", "TLS_KEY", "REDIS_URL", "DATABASE_URL", "TRUSTED_PROXIES"),
    *("LISTEN_SOCKET", "SITE_NAME", "ALLOWED_HOSTS", "SECRET_KEY", "WEB_PROCESSES", "MEDIA_PROCESSES"),
    *("TRAIN_PROCESSES", "STATIC_ROOT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON"),
}

Up = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _STEERING}


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, which pytest's own does not always."""
    folder = Path(tempfile.mkdtemp(prefix="smielfy-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(clean_environment: dict[str, str], short_dir: Path, free_port: int) -> Up:
    """Run a start that is expected to end by itself."""

    def run(**variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **clean_environment,
            "DATA_DIR": str(short_dir / "data"),
            "HOST": "127.0.0.1",
            "PORT": str(free_port),
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "operations.launch", "up"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
