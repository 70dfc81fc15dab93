"""The client is a package of its own: built and installed without the site, for a Python of 2020 on."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

SOURCE = ROOT / "smielfy_client"


def run(*command: Any, **options: Any) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_built_and_installed_by_itself(tmp_path: Path) -> None:
    """Without the network: nothing is fetched to build it, and what it needs is there already."""
    copy = shutil.copytree(
        SOURCE, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    offline = ("--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *offline, "--no-build-isolation", "-w", tmp_path, copy)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as inside:
        packed = {name for name in inside.namelist() if "dist-info" not in name}
    modules = {f"smielfy_client/{path.name}" for path in SOURCE.glob("*.py")}
    assert packed == {*modules, "smielfy_client/py.typed"}
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel)
    # httpx, its one dependency, is this environment's; the site is not to be found there.
    import httpx

    there = {**os.environ, "PYTHONPATH": str(Path(httpx.__file__).parents[1])}
    program = "import smielfy_client, sys; print(smielfy_client.__file__, 'django' in sys.modules)"
    where, django = run(python, "-c", program, cwd=tmp_path, env=there).split()
    assert Path(where).is_relative_to(tmp_path / "venv")
    assert django == "False"
    said = run(tmp_path / "venv" / "bin" / "smielfy", "--help", cwd=tmp_path, env=there)
    assert "list|download|samples|tombstones" in said


def test_it_is_written_for_python_3_9_and_brings_httpx_alone() -> None:
    allowed = {*sys.stdlib_module_names, "httpx"}
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= allowed, path
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, path
