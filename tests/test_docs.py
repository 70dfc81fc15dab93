"""Every command that the documentation names can be typed as it stands there."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from .conftest import ROOT

FILES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.is_file()]


def commands_in(text: str) -> list[str]:
    """Whatever stands as code, line by line: fenced blocks and spans."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.strip().removeprefix("$ ") for line in [*lines, *spans]]


def parsed(line: str) -> tuple[str, list[str]] | None:
    """`make`, `manage`, `ml` or `smielfy_client`, and the words after it; None for other lines."""
    found = re.match(
        r"(?:[A-Z_]+=\S+ )*(?:(make)|(?:\S*python\S* )?(?:\./)?(manage)\.py|\S*python\S* -m (ml|smielfy_client))"
        r"(?: (.*))?$",
        line,
    )
    if not found:
        return None
    rest = re.sub(r"\s+#.*|\s[|>].*", "", found[4] or "")
    return found[1] or found[2] or found[3], shlex.split(rest.replace("…", "x").replace("...", "x"))


def complaint(line: str) -> str | None:
    """What is wrong with a command; None for one that exists, and for what is no command of ours."""
    match parsed(line):
        case None:
            return None
        case "make", words:
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            unknown = [
                word for word in words if "=" not in word and not word.startswith("-") and word not in targets
            ]
            return f"there is no make {unknown[0]}" if unknown else None
        case "manage", [name, *words]:
            if name not in get_commands():
                return f"there is no manage.py {name}"
            app = get_commands()[name]
            command = load_command_class(app, name) if isinstance(app, str) else app
            return _unknown_option(command.create_parser("manage.py", name), words)
        case "ml", [name, *words]:
            from ml.cli import _parser

            choices = next(a.choices for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
            if "|" in name:
                missing = [one for one in name.split("|") if one not in choices]
                return f"there is no python -m ml {missing[0]}" if missing else None
            if name not in choices:
                return f"there is no python -m ml {name}"
            return _unknown_option(choices[name], words)
        case "smielfy_client", [name, *words]:
            from smielfy_client.__main__ import parser

            choices = next(a.choices for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
            if name not in choices:
                return f"there is no python -m smielfy_client {name}"
            return _unknown_option(choices[name], words)
        case _:
            return None  # the bare `manage.py` or `python -m ml`


def _unknown_option(parser: argparse.ArgumentParser, words: list[str]) -> str | None:
    for word in words:
        option = word.strip("[]").partition("=")[0]
        if option.startswith("--") and option not in parser._option_string_actions:
            return f"{parser.prog} has no {option}"
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_documented_command_exists(path: Path) -> None:
    wrong = {line: said for line in commands_in(path.read_text()) if (said := complaint(line))}
    assert wrong == {}


def test_there_is_documentation() -> None:
    assert ROOT / "docs" / "configuration.md" in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("make up", None),
        ("PORT=9000 make up", None),
        ("make test ARGS='-m database'", None),
        ("make coffee", "there is no make coffee"),
        (".venv/bin/python manage.py train smiley --epochs 10", None),
        ("manage.py train smiley --speed 10", "manage.py train has no --speed"),
        (
            "python manage.py import_photos DIR --labels CSV --source … --licence … --legal-basis … [--accept]",
            None,
        ),
        ("manage.py make_coffee", "there is no manage.py make_coffee"),
        ("python -m ml faces PICTURE --json", None),
        ("python -m ml dance", "there is no python -m ml dance"),
        ("python -m smielfy_client download 7 --format coco", None),
        ("python -m smielfy_client upload", "there is no python -m smielfy_client upload"),
        ("git clone somewhere", None),
    ],
)
def test_this_test_sees_what_is_wrong(line: str, said: str | None) -> None:
    assert complaint(line) == said
