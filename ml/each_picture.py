"""What commands that look at pictures have in common: a line for each, and a bad one does not stop the others."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml.pictures import UnreadablePicture


class NotDone(Exception):
    """Nothing can be done with a picture that can be read; says why."""


def each_picture(
    options: argparse.Namespace,
    look: Callable[[str, str], Mapping[str, Any]],
    line: Callable[[Mapping[str, Any]], str],
) -> int:
    """Print a row for each of `options.pictures`, as JSON or by `line`; returns 0 if all were done, else 1.

    `look` is given a picture's path, and a name for files about it which no other picture of this call has: two
    folders may hold pictures of the same name. It raises UnreadablePicture or NotDone for one that it cannot do.
    """
    failed, taken = False, set[str]()
    for file in options.pictures:
        name = _free(Path(file).stem, taken)
        taken.add(name)
        try:
            row = {"file": file, **look(file, name)}
        except (UnreadablePicture, NotDone) as error:
            failed = True
            if options.json:
                print(json.dumps({"file": file, "error": str(error)}, ensure_ascii=False), flush=True)
            else:
                said = str(error) if isinstance(error, UnreadablePicture) else f"{file}: {error}"
                print(said, file=sys.stderr, flush=True)
            continue
        print(json.dumps(row, ensure_ascii=False) if options.json else line(row), flush=True)
    return 1 if failed else 0


def _free(stem: str, taken: set[str]) -> str:
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name
