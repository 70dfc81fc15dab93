"""The training process: what it prints is heard, it is watched, and it never outlives its supervisor."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, wait_until
from training.supervise import TrainingFailed, ml_command


def test_records_come_as_they_are_printed(stand_in: Callable[[str], Path]) -> None:
    log = stand_in(
        """
        import json, sys
        for epoch in (1, 2):
            print(json.dumps({"event": "epoch", "epoch": epoch}), flush=True)
        print(json.dumps(sys.argv[1:]))
        print("a word to the log", file=sys.stderr)
        """
    )
    records: list[dict[str, Any]] = []
    ml_command(["train", "smiley"], log=log, on_record=records.append)
    assert [record["epoch"] for record in records] == [1, 2]
    assert "a word to the log" in log.read_text()


def test_failed_training_says_how_it_ended(stand_in: Callable[[str], Path]) -> None:
    log = stand_in("import sys; sys.exit('the loss is not a number')")
    with pytest.raises(TrainingFailed, match="the loss is not a number"):
        ml_command(["train"], log=log, on_record=lambda record: None)


def test_training_ends_when_nobody_listens(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    log = stand_in(
        """
        import json, os, time
        print(json.dumps({"pid": os.getpid()}), flush=True)
        time.sleep(600)
        """
    )
    pids: list[int] = []

    class LeaseLost(Exception):
        pass

    def lose(record: dict[str, Any]) -> None:
        pids.append(record["pid"])
        raise LeaseLost

    with pytest.raises(LeaseLost):
        ml_command(["train"], log=log, on_record=lose)
    assert gone(pids[0])


def test_silent_training_is_watched(stand_in: Callable[[str], Path]) -> None:
    log = stand_in("import time; time.sleep(600)")

    class NotNeededAnyMore(Exception):
        pass

    def stop() -> None:
        raise NotNeededAnyMore

    with pytest.raises(NotNeededAnyMore):
        ml_command(["train"], log=log, on_record=lambda record: None, watch=stop)


def test_line_that_comes_in_pieces_is_one_record(stand_in: Callable[[str], Path]) -> None:
    log = stand_in(
        """
        import sys
        for piece in ('{"epo', 'ch": 1}', chr(10) + '{"epoch": 2}' + chr(10) + '{"epoch"', ": 3}"):
            sys.stdout.write(piece)
            sys.stdout.flush()
        """
    )
    records: list[dict[str, Any]] = []
    ml_command(["train"], log=log, on_record=records.append)
    assert [record["epoch"] for record in records] == [1, 2, 3]


def test_training_dies_with_its_supervisor(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """A real supervisor, killed by SIGKILL, and a training that would go on for ten minutes."""
    log = stand_in(
        """
        import os, pathlib, time
        pathlib.Path("pid.aside").write_text(str(os.getpid()))
        os.rename("pid.aside", "pid")
        time.sleep(600)
        """
    )
    supervisor_program = f"""
        import pathlib
        import django
        django.setup()
        from django.conf import settings
        from training.supervise import ml_command
        settings.BASE_DIR = pathlib.Path({str(tmp_path)!r})
        ml_command(["train"], log=pathlib.Path({str(log)!r}), on_record=print)
    """
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(supervisor_program)], cwd=ROOT, env=environment
    )
    try:
        wait_until((tmp_path / "pid").exists, "the training runs")
        training = int((tmp_path / "pid").read_text())
        assert not gone(training)
    finally:
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(10)
    wait_until(lambda: gone(training), "the training has ended", seconds=5)


def gone(pid: int) -> bool:
    """Ended; a zombie that nobody has waited for yet counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
