"""The supervisor with small programs in the site's place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operations.launch import processes
from operations.launch.options import ROOT, Options
from tests.waiting import wait_until

if sys.platform != "linux":
    pytest.skip("ending with the parent is Linux's", allow_module_level=True)

# A program with a child, as a web server has workers: both write their process ids.
_FAMILY = "sleep 1000 & echo $! >>$DATA_DIR/children; echo $$ >>$DATA_DIR/parents; wait"
_STUBBORN = "trap '' TERM; echo $$ >>$DATA_DIR/parents; while :; do sleep 1; done"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Supervised:
    def __init__(self, data_dir: Path, script: str) -> None:
        self._dir = data_dir
        options = Options.from_environment({"DATA_DIR": str(data_dir)})
        for folder in (options.run_dir, options.log_dir):
            folder.mkdir(parents=True)
        program = processes.Program("family", ("/bin/sh", "-c", script), stop_seconds=1)
        configuration = options.run_dir / "supervisor.conf"
        configuration.write_text(processes.supervisor_configuration(options, [program]))
        # A parent between us and the supervisor, which a test may kill.
        command = "import os, subprocess, sys; p = subprocess.Popen([*sys.argv[1:], str(os.getpid())]);"
        command += "print(p.pid, flush=True); sys.exit(p.wait())"
        self.launcher = subprocess.Popen(
            [
                *(sys.executable, "-c", command),
                *(sys.executable, "-m", "operations.launch.supervise", str(configuration)),
            ],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.launcher.stdout
        self.pid = int(self.launcher.stdout.readline())

    def pids(self, name: str) -> list[int]:
        try:
            return [int(line) for line in (self._dir / name).read_text().split()]
        except FileNotFoundError:
            return []

    def all_gone(self) -> bool:
        return not any(map(alive, [self.pid, *self.pids("parents"), *self.pids("children")]))

    def end(self) -> None:
        for pid in [self.pid, *self.pids("parents"), *self.pids("children"), self.launcher.pid]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.launcher.wait()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[[str], Supervised]]:
    started: list[Supervised] = []

    def start(script: str) -> Supervised:
        started.append(Supervised(tmp_path / "data", script))
        wait_until(lambda: started[-1].pids("parents"), "a program")
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_killed_program_is_started_again_and_leaves_no_orphan(
    supervised: Callable[[str], Supervised],
) -> None:
    site = supervised(_FAMILY)
    wait_until(lambda: site.pids("children"), "its child")
    child = site.pids("children")[0]
    os.kill(site.pids("parents")[0], signal.SIGKILL)
    wait_until(lambda: len(site.pids("parents")) == 2, "the program again")
    wait_until(lambda: not alive(child), "the end of the old child")
    assert alive(site.pids("parents")[1])


def test_program_that_fails_at_once_is_tried_again_after_a_pause(
    supervised: Callable[[str], Supervised],
) -> None:
    site = supervised("echo $$ >>$DATA_DIR/parents; exit 3")
    started = time.monotonic()
    wait_until(lambda: len(site.pids("parents")) == 2, "the program again")
    assert time.monotonic() - started > 0.5
    os.kill(site.pid, signal.SIGTERM)
    assert "family ended right after its start, for the 1. time" in (site.launcher.stdout or sys.stdin).read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_everything_ends(
    supervised: Callable[[str], Supervised], number: signal.Signals
) -> None:
    site = supervised(_FAMILY)
    wait_until(lambda: site.pids("children"), "its child")
    os.kill(site.pid, number)
    wait_until(site.all_gone, "the end of all processes", 10)


def test_program_that_will_not_stop_is_killed(supervised: Callable[[str], Supervised]) -> None:
    site = supervised(_STUBBORN)
    os.kill(site.pid, signal.SIGTERM)
    wait_until(site.all_gone, "the end of all processes", 10)


def test_everything_ends_with_a_killed_launcher(supervised: Callable[[str], Supervised]) -> None:
    site = supervised(_FAMILY)
    wait_until(lambda: site.pids("children"), "its child")
    os.kill(site.launcher.pid, signal.SIGKILL)
    wait_until(site.all_gone, "the end of all processes", 10)


def test_programs_end_with_a_killed_supervisor(supervised: Callable[[str], Supervised]) -> None:
    site = supervised("echo $$ >>$DATA_DIR/parents; exec sleep 1000")
    os.kill(site.pid, signal.SIGKILL)
    wait_until(site.all_gone, "the end of all processes", 10)
