"""What the site tells of versions and exports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Version:
    """A data set version. `name` has its revision: 7.r1. `counts`: photos by smiley and split."""

    number: int
    name: str
    sha256: str
    photos: int
    people: int
    counts: dict[str, dict[str, int]]

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Version:
        return cls(**{name: facts[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Export:
    """A version in one format. `state`: waiting, running, ready, failed or expired. `progress`: photos written, and of
    how many. `size`: bytes. `name`: of its file."""

    id: str
    version: int
    format: str
    release: bool
    name: str
    state: str
    error: str
    progress: tuple[int, int]
    size: int
    sha256: str

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Export:
        known = {name: facts[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "progress": tuple(facts["progress"])})
