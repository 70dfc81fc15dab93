"""Database, static files and first account, as the launcher has them prepared."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operations.launch.options import ROOT

COMMAND = [sys.executable, "-m", "operations.launch.first_run"]


@pytest.fixture
def environment(clean_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**clean_environment, "DATA_DIR": str(tmp_path), "SECRET_KEY": "of this test"}


def link(environment: dict[str, str]) -> str:
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Terminal:
    """A person at a terminal."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.output, writer = os.pipe()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.dup2(writer, 1)  # the launcher reads the link, the rest is the terminal
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background of a script ignores it
            os.chdir(ROOT)
            os.execve(COMMAND[0], COMMAND, environment)
        os.close(writer)
        self._shown = ""

    def answer(self, question: str, text: str, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while question not in self._shown:
            assert time.monotonic() < deadline, self._shown
            self._shown += os.read(self._terminal, 4096).decode()
        self._shown = self._shown.partition(question)[2]
        os.write(self._terminal, f"{text}\n".encode())

    def end(self) -> tuple[int, str]:
        """The status and what the launcher got."""
        with os.fdopen(self.output) as output:
            result = output.read()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._terminal)
        return status, result


@pytest.mark.stack
def test_without_a_terminal_there_is_a_link_until_there_is_an_account(environment: dict[str, str]) -> None:
    assert link(environment).startswith("/")

    person = Terminal(environment)
    person.answer("Name: ", "alice")
    person.answer("Password: ", "short")
    person.answer("Name: ", "alice")
    person.answer("Password: ", "seventeen smileys")
    person.answer("Password again: ", "seventeen frowns")
    person.answer("Name: ", "alice")
    person.answer("Password: ", "seventeen smileys")
    person.answer("Password again: ", "seventeen smileys")
    assert person.end() == (0, "")

    assert link(environment) == ""


@pytest.mark.stack
def test_person_at_the_terminal_may_have_the_link_instead(environment: dict[str, str]) -> None:
    person = Terminal(environment)
    person.answer("Name: ", "")
    status, result = person.end()
    assert status == 0
    assert result.startswith("/")


@pytest.mark.stack
def test_person_at_the_terminal_may_give_up(environment: dict[str, str]) -> None:
    person = Terminal(environment)
    person.answer("Name: ", "\x03")
    assert person.end() == (130, "")


def test_database_that_cannot_be_used_is_one_sentence(environment: dict[str, str]) -> None:
    environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"
    done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "name another with DATABASE_URL" in done.stderr
