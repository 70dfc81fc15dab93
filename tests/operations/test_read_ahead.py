"""Files that will be wanted are under way at once where the store says so, and are given out in their order."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from operations.stores.ahead import ReadAhead
from operations.stores.base import PrivateStore
from operations.stores.local import LocalStore
from tests.waiting import wait_until

AT_ONCE = 4


class Distant(LocalStore):
    """No file comes before as many are asked for as the store gives at once."""

    at_once = AT_ONCE

    def __init__(self, folder: Path) -> None:
        super().__init__(location=folder)
        self.together = threading.Barrier(AT_ONCE)
        self.begun: list[str] = []

    def open(self, name: str, mode: str = "rb") -> Any:
        self.begun.append(name)
        self.together.wait(timeout=30)
        return super().open(name, mode)


@pytest.fixture
def names(either_store: PrivateStore) -> list[str]:
    names = [f"a/{number}.jpg" for number in range(50)]
    for name in names:
        either_store.save(name, ContentFile(name.encode()))
    return names


@pytest.fixture
def ahead(either_store: PrivateStore) -> Iterator[ReadAhead]:
    with ReadAhead(either_store) as ahead:
        yield ahead


def test_files_come_in_their_order_and_some_may_be_left_out(ahead: ReadAhead, names: list[str]) -> None:
    ahead.expect(names[:20])
    ahead.expect(iter(names[20:40]))
    taken = [ahead.take(name) for name in names[:40] if name not in names[3:30]]
    assert taken == [name.encode() for name in names[:40] if name not in names[3:30]]
    assert ahead.take(names[45]) == names[45].encode(), "nobody expected it"


def test_one_that_is_gone_is_said_to_be_when_it_is_taken(ahead: ReadAhead, names: list[str]) -> None:
    ahead.expect([names[0], "a/none.jpg", names[1]])
    assert ahead.take(names[0]) == names[0].encode()
    with pytest.raises(FileNotFoundError):
        ahead.take("a/none.jpg")
    assert ahead.take(names[1]) == names[1].encode()


def test_many_are_under_way_at_once_and_never_more_than_the_store_gives(tmp_path: Path) -> None:
    store = Distant(tmp_path)
    names = [f"a/{number}.jpg" for number in range(3 * AT_ONCE)]
    for name in names:
        store.save(name, ContentFile(name.encode()))
    with ReadAhead(store) as ahead:
        ahead.expect(names)
        for taken, name in enumerate(names, start=1):
            assert ahead.take(name) == name.encode()
            assert len(store.begun) <= taken + AT_ONCE
    assert sorted(store.begun) == sorted(names)


def test_what_is_not_taken_is_not_asked_for(tmp_path: Path) -> None:
    store = Distant(tmp_path)
    with ReadAhead(store) as ahead:
        ahead.expect(f"a/{number}.jpg" for number in range(100))
        wait_until(lambda: len(store.begun) == AT_ONCE, "as many are under way as the store gives")
    assert len(store.begun) == AT_ONCE


def test_who_is_stopped_does_not_wait_for_a_store_that_hangs(tmp_path: Path) -> None:
    store = Distant(tmp_path)
    with suppress(KeyboardInterrupt), ReadAhead(store) as ahead:
        ahead.expect(["a/1.jpg", "a/2.jpg", "a/3.jpg"])  # too few for any to come
        wait_until(lambda: store.together.n_waiting == 3, "they are under way")
        raise KeyboardInterrupt
    assert store.together.n_waiting == 3
    store.together.abort()
