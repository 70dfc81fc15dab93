"""The public list of what people have taken back, kept on disk and refreshed.

It is a CSV whose first column is the id, which is what the `check_tombstones.py` in every export takes with `--list`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import TombstonesTooOld

#: What whoever takes a release along accepts: to look at the list at least so often.
MAX_AGE = timedelta(days=30)


class Tombstones:
    """The ids of photos that were withdrawn, as the site listed them at `checked_at`.

    `ids`: of photos, the same in all versions and exports. `etag`: by it
    the site tells whether the list has changed.
    """

    def __init__(self, ids: Iterable[str], *, checked_at: datetime, etag: str = "") -> None:
        self.ids = frozenset(ids)
        self.checked_at = checked_at
        self.etag = etag

    def __contains__(self, photo: object) -> bool:
        return photo in self.ids

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def age(self) -> timedelta:
        return datetime.now(timezone.utc) - self.checked_at

    def require_fresh(self) -> None:
        """Raises TombstonesTooOld for a list that nobody may go on with."""
        if abs(self.age) > MAX_AGE:  # a clock that is wrong makes no list newer
            raise TombstonesTooOld(
                f"The list of what was withdrawn was last looked at {abs(self.age).days} days ago, and {MAX_AGE.days}"
                " are allowed: go online and refresh it (`python -m smielfy_client tombstones`), or say that you go on"
                " with the old one (`allow_old=True`, `--allow-old`)."
            )

    @classmethod
    def load(cls, path: Path) -> Tombstones | None:
        """The list as it was saved; None where there is none that can be read."""
        try:
            head, *ids = path.read_text(encoding="utf-8").splitlines()
            facts = json.loads(head.partition("#")[2])
            checked_at = datetime.fromisoformat(facts["checked_at"])
            if _sha256(ids) != facts["sha256"] or checked_at.tzinfo is None:
                return None
            return cls(ids, checked_at=checked_at, etag=facts["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Write the list, whole or not at all."""
        ids = sorted(self.ids)
        facts = {"checked_at": self.checked_at.isoformat(), "etag": self.etag, "sha256": _sha256(ids)}
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write("\n".join([f"#{json.dumps(facts)}", *ids]) + "\n")
            os.replace(part, path)
        except BaseException:
            os.remove(part)
            raise


def _sha256(ids: list[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()
