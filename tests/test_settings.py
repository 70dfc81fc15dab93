"""Settings: all documented, no secret by default, and fit for production."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ROOT

DOCS = ROOT / "docs" / "configuration.md"
TYPES = {"int": "number", "number": "number", "bool": "yes or no", "list": "list", "db_url": "address"}


def read_in(path: Path) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Variables that a module reads: name, reading method, default. Reads look like `env.int("NAME", default=…)`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        reader = ast.unparse(node.func.value)
        name = node.args[0]
        if (
            reader in ("env", "read", "os.environ")
            and isinstance(name, ast.Constant)
            and isinstance(name.value, str)
        ):
            yield (
                name.value,
                node.func.attr,
                next((k.value for k in node.keywords if k.arg == "default"), None),
            )


def read_variables() -> dict[str, list[tuple[str, ast.expr | None]]]:
    found: dict[str, list[tuple[str, ast.expr | None]]] = {}
    for path in [ROOT / "config" / "settings.py", *sorted((ROOT / "operations").rglob("*.py"))]:
        for name, method, default in read_in(path):
            found.setdefault(name, []).append((method, default))
    for name in re.findall(r"\$\{([A-Z_]+):-", (ROOT / "operations" / "launch" / "setup.sh").read_text()):
        found.setdefault(name, [])
    for name in re.findall(
        r'environ\.setdefault\("([A-Z_]+)"', (ROOT / "tests" / "environment.py").read_text()
    ):
        found.setdefault(name, [])
    found.pop("DJANGO_SETTINGS_MODULE", None)  # Django's own, and always the same here
    return found


def documented() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert len({row[0] for row in rows}) == len(rows), "a variable is documented twice"
    assert all(row[3].strip().endswith((".", ")")) for row in rows), "what it is for is a sentence"
    return {name: (kind.strip(), default.strip()) for name, kind, default, _ in rows}


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    read, described = set(read_variables()), set(documented())
    assert read, "nothing is read: this test looks in the wrong place"
    assert read - described == set(), "add these to docs/configuration.md"
    assert described - read == set(), "nothing reads these any more"


def test_types_and_defaults_are_documented_as_they_are() -> None:
    described = documented()
    wrong = []
    for name, reads in read_variables().items():
        kind, shown = described[name]
        for method, default in reads:
            if method in TYPES and kind != TYPES[method]:
                wrong.append(f"{name} is documented as {kind} and read with {method}")
            if method == "get" or default is None:
                continue
            try:
                value = eval(compile(ast.Expression(default), "default", "eval"), {"__builtins__": {}})
            except (NameError, SyntaxError):
                continue  # computed from the machine or from another setting: the documentation says how in words
            if value == "":
                expected = None if name.endswith("_URL") else "none"
            elif isinstance(value, bool):
                expected = "`yes`" if value else "`no`"
            else:
                expected = f"`{value}`"
            if expected is not None and shown != expected and name != "ALLOWED_HOSTS":
                wrong.append(f"{name} is documented with {shown}, and its default is {value!r}")
    assert wrong == []


def run_settings(program: str, **variables: str | None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = (
        [sys.executable, *program.split()]
        if program.startswith("manage.py")
        else [sys.executable, "-c", program]
    )
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_without_a_secret_key_it_refuses_to_start_and_names_the_variable(tmp_path: Path) -> None:
    done = run_settings("manage.py check", SECRET_KEY=None, DATA_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert "make up" in done.stderr


def test_secret_key_of_the_data_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("from the file\n")
    show = "from config import settings; print(settings.SECRET_KEY)"
    assert run_settings(show, SECRET_KEY=None, DATA_DIR=str(tmp_path)).stdout == "from the file\n"
    assert run_settings(show, SECRET_KEY="from outside", DATA_DIR=str(tmp_path)).stdout == "from outside\n"


def test_no_setting_has_a_secret_in_it() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    assert not re.search(r"(?i)(secret|password|token)[\w]*\s*=\s*[\"'][^\"']", source)


@pytest.mark.parametrize("variables", [{"SITE_NAME": "smielfy.example"}, {"SITE_NAME": None}])
def test_production_settings_pass_djangos_own_checks(
    variables: dict[str, str | None], tmp_path: Path
) -> None:
    done = run_settings("manage.py check --deploy --fail-level WARNING", DATA_DIR=str(tmp_path), **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_https_is_pinned_for_a_real_name_only() -> None:
    show = "from config import settings as s; print(s.SECURE_HSTS_SECONDS > 31_000_000, s.ALLOWED_HOSTS, s.DEBUG)"
    assert run_settings(show, SITE_NAME="smielfy.example").stdout == "True ['smielfy.example'] False\n"
    assert run_settings(show, SITE_NAME=None).stdout == "False ['localhost', '127.0.0.1'] False\n"


def test_forwarded_https_is_believed_behind_a_proxy_only() -> None:
    show = "from config import settings as s; print(getattr(s, 'SECURE_PROXY_SSL_HEADER', None))"
    assert run_settings(show, TRUSTED_PROXIES=None).stdout == "None\n"
    assert "X_FORWARDED_PROTO" in run_settings(show, TRUSTED_PROXIES="1").stdout


def test_migrations_are_complete(db: None) -> None:
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
