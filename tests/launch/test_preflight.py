"""What stops a start: one sentence that names the cure, a status that is not 0, no traceback."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operations.launch import preflight
from operations.launch.options import Options
from operations.launch.problems import LaunchError

from .conftest import Up


def refused(result: "subprocess.CompletedProcess[str]") -> str:
    """The sentence that the start ended with."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    (sentence,) = result.stderr.strip().splitlines()
    assert sentence.startswith("smielfy: ")
    return sentence


def test_port_in_use_names_another(up: Up, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        assert f"`PORT={free_port + 1} make up`" in refused(up())


def test_host_that_is_not_this_machines(up: Up) -> None:
    assert "no address of this machine" in refused(up(HOST="203.0.113.9"))
    assert "no address" in refused(up(HOST="no such host"))


def test_data_folder_that_cannot_be_made(up: Up, short_dir: Path) -> None:
    (short_dir / "file").write_text("in the way")
    assert "name another with DATA_DIR=" in refused(up(DATA_DIR=str(short_dir / "file" / "data")))


def test_data_folder_whose_path_is_too_long_for_a_socket(up: Up, short_dir: Path) -> None:
    assert "shorter folder with DATA_DIR" in refused(up(DATA_DIR=str(short_dir / ("long" * 30))))


def test_half_a_certificate(up: Up) -> None:
    assert "TLS_CERT is set and TLS_KEY is not" in refused(up(TLS_CERT="/etc/hostname"))


def test_certificate_that_is_not_there(up: Up) -> None:
    assert "TLS_CERT (/nowhere/a.pem) cannot be read" in refused(
        up(TLS_CERT="/nowhere/a.pem", TLS_KEY="/nowhere/b.pem")
    )


def test_redis_that_does_not_answer_is_named_without_its_password(up: Up) -> None:
    sentence = refused(up(REDIS_URL="redis://:hunter2@127.0.0.1:1/0"))
    assert "REDIS_URL (redis://127.0.0.1:1/0) does not answer" in sentence
    assert "hunter2" not in sentence


def test_redis_socket_in_celerys_form_is_understood(up: Up, short_dir: Path) -> None:
    assert "does not answer" in refused(up(REDIS_URL=f"redis+socket://{short_dir}/none.sock?virtual_host=1"))


def test_postgresql_that_does_not_answer_is_named_without_its_password(up: Up) -> None:
    sentence = refused(up(DATABASE_URL="postgres://smielfy:hunter2@127.0.0.1:1/smielfy"))
    assert "DATABASE_URL (postgres://127.0.0.1:1/smielfy) does not answer" in sentence
    assert "hunter2" not in sentence


def test_database_of_an_unknown_kind(up: Up) -> None:
    assert "DATABASE_URL begins with oracle" in refused(up(DATABASE_URL="oracle://db/x"))


def test_listening_socket_in_no_folder(up: Up, short_dir: Path) -> None:
    variables = {"TRUSTED_PROXIES": "1", "LISTEN_SOCKET": str(short_dir / "none" / "web.sock")}
    assert "make it first" in refused(up(**variables))


def test_listening_socket_that_is_a_file(up: Up, short_dir: Path) -> None:
    (short_dir / "file").write_text("not a socket")
    assert "is no socket" in refused(up(TRUSTED_PROXIES="1", LISTEN_SOCKET=str(short_dir / "file")))


def test_second_start_with_the_same_data_says_which_process_runs(up: Up, short_dir: Path) -> None:
    options = Options.from_environment({"DATA_DIR": str(short_dir / "data")})
    preflight.prepare_folders(options)
    lock = preflight.take_lock(options)
    assert f"already runs with {options.data_dir} (process {os.getpid()})" in refused(up())
    os.close(lock)


def test_start_waits_for_what_a_killed_launcher_left_to_end(short_dir: Path) -> None:
    options = Options.from_environment({"DATA_DIR": str(short_dir / "data")})
    preflight.prepare_folders(options)
    # A launcher that dies at once, and a supervisor that keeps its lock until its input closes.
    launcher = (
        "import os, subprocess, sys\n"
        "from operations.launch import preflight\n"
        "from operations.launch.options import Options\n"
        "lock = preflight.take_lock(Options.from_environment(os.environ))\n"
        "subprocess.Popen(['cat'], pass_fds=[lock])\n"
    )
    environment = {**os.environ, "DATA_DIR": str(options.data_dir)}
    with subprocess.Popen(
        [sys.executable, "-c", launcher], env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        process.wait(timeout=20)
        assert process.stdin
        started = time.monotonic()
        process.stdin.close()
        os.close(preflight.take_lock(options))
        assert time.monotonic() - started < 10


def test_too_little_room_on_the_disk(tmp_path: Path) -> None:
    preflight.check_free_space(tmp_path, needed=1)
    with pytest.raises(LaunchError, match=r"are needed: make room there, or name a folder on another disk"):
        preflight.check_free_space(tmp_path, needed=1 << 60)


def test_port_of_a_program_that_has_just_ended_is_free(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as listener:
        client = socket.create_connection(("127.0.0.1", free_port))
        served, _ = listener.accept()
        served.close()  # this side waits out its time
        client.close()
    preflight.check_port("127.0.0.1", free_port)
