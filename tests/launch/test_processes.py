"""The supervisor's configuration, as the supervisor itself reads it."""

import http.client
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from supervisor.options import ServerOptions

from operations.launch import processes
from operations.launch.certificate import Certificate
from operations.launch.health import answers
from operations.launch.options import ROOT, Options
from operations.launch.problems import LaunchError
from tests.waiting import wait_until

CERTIFICATE = Certificate(Path("/tls/c.pem"), Path("/tls/k.pem"), self_signed=True)


def as_read(
    options: Options, programs: Sequence[processes.Program], first: Sequence[processes.Program]
) -> Any:
    options.run_dir.mkdir(parents=True)
    options.log_dir.mkdir()
    path = options.run_dir / "supervisor.conf"
    path.write_text(processes.supervisor_configuration(options, programs, first))
    read = ServerOptions()
    read.realize(["-n", "-c", str(path)])
    return {group.name: group for group in read.process_group_configs}


@pytest.mark.parametrize("name", ["data", "my 'own' data", "ä;ö#ü", 'a "b" \\c'])
def test_every_folders_name_arrives_unchanged(tmp_path: Path, name: str) -> None:
    options = Options.from_environment({"DATA_DIR": str(tmp_path / name)})
    groups = as_read(
        options, processes.site_programs(options, CERTIFICATE), [processes.broker_program(options)]
    )
    by_name = {program.name: program for group in groups.values() for program in group.process_configs}
    assert shlex.split(by_name["broker"].command)[1] == str(options.run_dir / "redis.conf")
    assert by_name["web"].stdout_logfile == str(options.log_dir / "web.log")
    assert "media@%h" in by_name["media"].command


@pytest.mark.parametrize("name", ["a #b", "a ;b", "50%"])
def test_folder_that_the_format_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    options = Options.from_environment({"DATA_DIR": str(tmp_path / name)})
    with pytest.raises(LaunchError, match="rename that folder"):
        processes.supervisor_configuration(options, processes.site_programs(options, CERTIFICATE))


def test_broker_starts_first_stops_last_and_a_stop_stays_under_ten_seconds(tmp_path: Path) -> None:
    options = Options.from_environment({"DATA_DIR": str(tmp_path / "d")})
    groups = as_read(
        options, processes.site_programs(options, CERTIFICATE), [processes.broker_program(options)]
    )
    assert groups["broker"].priority < groups["site"].priority
    # One group after the other, the processes of a group together.
    slowest = [max(p.stopwaitsecs for p in group.process_configs) for group in groups.values()]
    assert sum(slowest) + len(slowest) < 10


def test_everything_is_restarted_and_killed_with_its_children(tmp_path: Path) -> None:
    options = Options.from_environment({"DATA_DIR": str(tmp_path / "d")})
    groups = as_read(
        options, processes.site_programs(options, CERTIFICATE), [processes.broker_program(options)]
    )
    programs = [program for group in groups.values() for program in group.process_configs]
    assert {program.name for program in programs} == {"broker", "web", "media", "bulk", "train", "beat"}
    assert all(program.killasgroup and program.autorestart for program in programs)


def web_command(**variables: str) -> str:
    options = Options.from_environment({"DATA_DIR": "/d", **variables})
    certificate = None if options.behind_proxy else CERTIFICATE
    return shlex.join(processes.site_programs(options, certificate)[0].command)


def test_without_a_proxy_it_is_always_encrypted() -> None:
    assert "--ssl-certificate /tls/c.pem --ssl-keyfile /tls/k.pem" in web_command()
    assert "--host 0.0.0.0 --port 8443" in web_command()


def test_plain_http_only_on_loopback_or_a_socket() -> None:
    plain = web_command(TRUSTED_PROXIES="1", PORT="8001")
    assert "--ssl" not in plain
    assert "--host 127.0.0.1 --port 8001" in plain
    on_socket = web_command(TRUSTED_PROXIES="1", LISTEN_SOCKET="/run/web.sock")
    assert "--uds /run/web.sock" in on_socket
    assert "--host" not in on_socket


@contextmanager
def running_web(options: Options) -> Iterator["subprocess.Popen[bytes]"]:
    """The web process as the supervisor starts it, until it answers; killed in the end."""
    command = processes.site_programs(options, None)[0].command
    environment = {**os.environ, "TRUSTED_PROXIES": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            wait_until(lambda: answers(options) or server.poll() is not None, "an answer")
            assert server.poll() is None
            yield server
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def test_web_process_answers_on_a_socket_also_after_it_was_killed(short_dir: Path) -> None:
    path = short_dir / "web.sock"
    options = Options.from_environment({"TRUSTED_PROXIES": "1", "LISTEN_SOCKET": str(path)})
    for _ in range(2):
        with running_web(options):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660


# With these the page begins to read the form: anybody can have them.
HEADERS = (
    b"Host: localhost\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 10.1.2.3\r\nOrigin: https://localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nCookie: __Host-csrftoken=" + b"a" * 32 + b"\r\n"
)


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST /api/v1/photos/ HTTP/1.1\r\nContent-Length: 4000\r\n" + HEADERS + b"\r\nhalf of it",
        b"POST /consent/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HEADERS + b"\r\n5\r\nthree",
        b"GET /healthz HTTP/1.1\r\n" + HEADERS,
    ],
    ids=["a body without its end", "chunks without their end", "headers without their end"],
)
def test_a_page_answers_beside_unfinished_requests(free_port: int, request_head: bytes) -> None:
    """More of them than there are threads."""
    options = Options.from_environment({"TRUSTED_PROXIES": "1", "PORT": str(free_port)})
    with running_web(options), ExitStack() as held:
        for _ in range(2 * settings.WEB_THREADS):
            line = held.enter_context(socket.create_connection(("127.0.0.1", free_port)))
            line.sendall(request_head)
        for _ in range(10):
            assert answers(options)


def test_a_body_that_is_too_long_is_answered_in_words(free_port: int) -> None:
    """It is read to its end, for a browser shows no answer while it is still sending."""
    options = Options.from_environment({"TRUSTED_PROXIES": "1", "PORT": str(free_port)})
    length = 2 * settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    with running_web(options):
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=30)
        headers = {"Host": "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3"}
        connection.request("POST", "/api/v1/consents/", b"x" * length, headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (403, "csrf_failed")


def test_trainings_may_be_left_to_another_machine(tmp_path: Path) -> None:
    options = Options.from_environment({"DATA_DIR": str(tmp_path / "d"), "TRAIN_PROCESSES": "0"})
    names = [program.name for program in processes.site_programs(options, CERTIFICATE)]
    assert names == ["web", "media", "bulk", "beat"]
