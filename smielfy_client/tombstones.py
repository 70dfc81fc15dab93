"""The public list of what people have taken back, kept on disk and refreshed.

It is a CSV of ids and scopes, which is what the `check_tombstones.py` in every export takes with `--list`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import TombstonesTooOld

#: What whoever takes a release along accepts: to look at the list at least so often.
MAX_AGE = timedelta(days=30)


class Tombstones:
    """The ids of photos that were withdrawn, as the site listed them at `checked_at`.

    `scopes`: photo → `everywhere`, or `releases` for one that is not shared any more and stays in internal exports; the
    ids are the same in all versions and exports. `etag`: by it the site tells whether the list has changed.
    """

    def __init__(self, scopes: Mapping[str, str], *, checked_at: datetime, etag: str = "") -> None:
        self.scopes = dict(scopes)
        self.checked_at = checked_at
        self.etag = etag

    def __len__(self) -> int:
        return len(self.scopes)

    def gone(self, *, internal: bool) -> frozenset[str]:
        """What has to be left out of an internal export, or of a release."""
        return frozenset(one for one, scope in self.scopes.items() if not (internal and scope == "releases"))

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
            head, *lines = path.read_text(encoding="utf-8").splitlines()
            facts = json.loads(head.partition("#")[2])
            checked_at = datetime.fromisoformat(facts["checked_at"])
            if _sha256(lines) != facts["sha256"] or checked_at.tzinfo is None:
                return None
            return cls(dict(line.split(",") for line in lines), checked_at=checked_at, etag=facts["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Write the list, whole or not at all."""
        lines = sorted(",".join(one) for one in self.scopes.items())
        facts = {"checked_at": self.checked_at.isoformat(), "etag": self.etag, "sha256": _sha256(lines)}
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write("\n".join([f"#{json.dumps(facts)}", *lines]) + "\n")
            os.replace(part, path)
        except BaseException:
            os.remove(part)
            raise


def _sha256(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
