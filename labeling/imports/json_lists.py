"""The lists in a large JSON object, item by item, in memory that does not grow with them."""

import json
from collections.abc import Collection, Iterator
from typing import IO, Any, NoReturn

from operations.problems import Problem

_CHUNK = 64 * 1024
#: Characters of one item.
LONGEST_ITEM = 4_000_000


def list_items(file: IO[str], name: str, lists: Collection[str]) -> Iterator[tuple[str, Any]]:
    """(name of a list, item) of those lists that are values of the object in `file`; other values are passed over.

    Raises Problem when the file holds no such object, or no item of a sensible length.
    """
    try:
        yield from _Scanner(file, name).items(lists)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise Problem("json_unreadable", f"{name} cannot be read as JSON: {error}") from error


class _Scanner:
    def __init__(self, file: IO[str], name: str) -> None:
        self._file, self._name = file, name
        self._decoder = json.JSONDecoder(parse_constant=_refuse)
        self._text, self._at, self._ended = "", 0, False

    def items(self, lists: Collection[str]) -> Iterator[tuple[str, Any]]:
        seen = set()
        self._take("{")
        while self._next() != "}":
            key = self._value()
            if key in seen:
                raise ValueError(f"{key!r} is there twice")
            seen.add(key)
            self._take(":")
            if self._next() == "[" and key in lists:
                for item in self._list():
                    yield key, item
            elif key in lists:
                raise ValueError(f"{key!r} is no list")
            else:
                self._value()
            self._comma("}")
        if missing := sorted(set(lists) - seen):
            raise ValueError(f"it lacks {', '.join(missing)}")

    def _list(self) -> Iterator[Any]:
        self._take("[")
        while self._next() != "]":
            yield self._value()
            self._comma("]")
        self._take("]")

    def _comma(self, end: str) -> None:
        if self._next() != end:
            self._take(",")

    def _next(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _take(self, wanted: str) -> None:
        if (found := self._next()) != wanted:
            raise ValueError(f"{wanted!r} is expected, and there is {found or 'the end'!r}")
        self._at += 1

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            if end < len(self._text) or not self._more():  # a number may go on
                self._at = end
                return value

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        if len(self._text) - self._at > LONGEST_ITEM:
            raise ValueError(f"an item is longer than {LONGEST_ITEM:,} characters")
        chunk = self._file.read(max(_CHUNK, len(self._text) - self._at))
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
