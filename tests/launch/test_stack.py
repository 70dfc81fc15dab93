"""The whole site, started as a person starts it."""

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from operations.launch.options import ROOT
from tests.waiting import wait_until

PROGRAMS = ("web", "media", "bulk", "train", "beat")


class Stack:
    def __init__(self, data_dir: Path, port: int, environment: dict[str, str]) -> None:
        self.data_dir, self.port = data_dir, port
        self.environment = {**environment, "DATA_DIR": str(data_dir), "PORT": str(port)}
        self.output = data_dir.parent / "terminal.txt"
        self.launcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("w") as terminal:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "operations.launch", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the foreground of a terminal of its own
            )
        # A first start compresses the static files.
        wait_until(lambda: "Ctrl-C" in self.said() or self.launcher.poll() is not None, "greeting", 180)
        assert self.launcher.poll() is None, self.said()

    def said(self) -> str:
        return self.output.read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def pid_of(self, program: str) -> int:
        """As the supervisor wrote it down when it last started the program."""
        log = (self.data_dir / "logs" / "supervisor.log").read_text()
        return int(re.findall(rf"spawned: '{program}' with pid (\d+)", log)[-1])

    def press_ctrl_c(self) -> None:
        os.killpg(self.launcher.pid, signal.SIGINT)

    def processes(self) -> list[int]:
        """Everything that was told of this data folder and still runs."""
        mark = f"DATA_DIR={self.data_dir}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except (OSError, ValueError):
                continue
        return found

    def kill_all(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        if self.launcher:
            self.launcher.wait()


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """A new database beside the one that `url` names, for a start migrates what it is given."""
    parts = urlsplit(url)
    name = f"smielfy_stack_{os.getpid()}"
    with psycopg.connect(url.replace(parts.scheme, "postgresql", 1), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(parts._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def stack(short_dir: Path, free_port: int, clean_environment: dict[str, str]) -> Iterator[Stack]:
    """With the Redis and the PostgreSQL that the environment names, else with what comes along."""
    with ExitStack() as given:
        environment = dict(clean_environment)
        if url := os.environ.get("REDIS_URL"):
            environment["REDIS_URL"] = urlunsplit(urlsplit(url)._replace(path="/15"))
        if url := os.environ.get("DATABASE_URL"):
            environment["DATABASE_URL"] = given.enter_context(own_database(url))
        one = Stack(short_dir / "data", free_port, environment)
        given.callback(one.kill_all)
        yield one


@pytest.mark.stack
@pytest.mark.database
@pytest.mark.broker
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.timeout(420)
def test_starts_survives_kills_and_stops_without_a_trace(stack: Stack) -> None:
    stack.start()
    wait_until(stack.ready, "ready", 60)
    assert {"media", "bulk", "train"} <= {
        name.split()[-1] for name in json.loads(stack.get("/readyz")[1])["checks"]
    }

    # The one-time link that the terminal shows is a page of the site.
    link = re.search(r"https://\S+?(/first-account/\S+)", stack.said())
    assert link
    assert stack.get(link[1])[0] == 200

    second = subprocess.run(
        [sys.executable, "-m", "operations.launch", "up"],
        cwd=ROOT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode != 0
    assert "already runs" in second.stderr

    ours = "REDIS_URL" not in stack.environment
    for program in (*PROGRAMS, *(["broker"] if ours else [])):
        killed = stack.pid_of(program)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda p=program, k=killed: stack.pid_of(p) != k, f"{program} again")
    wait_until(stack.ready, "ready again", 60)

    started = time.monotonic()
    stack.press_ctrl_c()
    stack.press_ctrl_c()  # the impatient
    assert stack.launcher.wait(timeout=30) == 0
    assert time.monotonic() - started < 10
    assert stack.processes() == []
    assert "Smielfy has stopped." in stack.said()
    assert "Traceback" not in stack.said()
