"""Requests reach Django whole and unchanged, and slow lines hold no thread."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from operations.bridge import Bridge, Message, Patience

HASTY = Patience(idle=0.05, body=5)


class Visitor:
    """The other end of a connection: sends its messages, then `afterwards`; keeps what it is sent."""

    def __init__(self, *pieces: bytes, afterwards: Callable[[], Any] | None = None) -> None:
        last = len(pieces) - 1 if afterwards is None else None
        self.messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": number != last}
            for number, piece in enumerate(pieces or (b"",))
        ]
        if not pieces:
            self.messages[0]["more_body"] = afterwards is not None
        self.afterwards = afterwards
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        return await (self.afterwards or for_ever)()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def body(self) -> bytes:
        assert not self.sent[-1].get("more_body"), "the answer has an end"
        return b"".join(message["body"] for message in self.sent[1:])


async def for_ever() -> Any:
    await asyncio.Event().wait()


def scope(**changes: Any) -> Message:
    whole = {
        "type": "http",
        "method": "POST",
        "http_version": "1.1",
        "scheme": "https",
        "raw_path": b"/a",
        "query_string": b"",
        "headers": [],
        "server": ("10.0.0.1", "443"),
        "client": ("10.0.0.2", "1234"),
    }
    return {**whole, **changes}


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answers with what it was asked."""
    start("200 OK", [("Content-Type", "application/json")])
    facts = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps({**facts, "body": environ["wsgi.input"].read().decode("latin1")}).encode()]


def bridge(application: Any = echo, **options: Any) -> Bridge:
    return Bridge(application, **{"threads": 2, "max_body": 1000, "patience": HASTY, **options})


def ask(made: Bridge, visitor: Visitor, **changes: Any) -> Any:
    asyncio.run(made(scope(**changes), visitor.receive, visitor.send))
    return json.loads(visitor.body) if visitor.sent else None


def test_a_body_is_let_go_with_its_request() -> None:
    seen = []

    def keeping(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"])  # as circles do, until they are collected
        return echo(environ, start)

    visitor = Visitor(b"x" * 100)
    assert ask(bridge(keeping), visitor)["body"] == "x" * 100
    assert seen[0].closed


def test_a_request_arrives_whole() -> None:
    visitor = Visitor(b"one ", b"", b"two")
    seen = ask(
        bridge(),
        visitor,
        raw_path=b"/a%20b%D1%8F/",
        query_string=b"x=%20y",
        headers=[
            (b"host", b"example.org"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"7"),
            (b"accept", b"a"),
            (b"accept", b"b"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ],
    )
    assert visitor.status == 200
    assert visitor.sent[0]["headers"] == [(b"content-type", b"application/json")]
    assert seen["body"] == "one two"
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/a bя/".encode().decode("latin1"),
        "QUERY_STRING": "x=%20y",
        "SERVER_NAME": "10.0.0.1",
        "SERVER_PORT": "443",
        "REMOTE_ADDR": "10.0.0.2",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "7",
        "HTTP_HOST": "example.org",
        "HTTP_ACCEPT": "a,b",
        "HTTP_COOKIE": "a=1; b=2",
    }
    assert {name: seen.get(name) for name in expected} == expected


def test_body_without_a_length_is_measured() -> None:
    assert ask(bridge(), Visitor(b"abc", b"de"))["CONTENT_LENGTH"] == "5"


def test_no_header_passes_for_another() -> None:
    """Proxies strip X-Forwarded-For from visitors, and X_Forwarded_For reads the same to WSGI."""
    seen = ask(bridge(), Visitor(), headers=[(b"x_forwarded_for", b"1.2.3.4"), (b"x-b", b"2")])
    assert "HTTP_X_FORWARDED_FOR" not in seen
    assert seen["HTTP_X_B"] == "2"


def test_body_over_the_limit_is_thrown_away_and_its_length_told() -> None:
    made = bridge(max_body=10)
    seen = ask(made, Visitor(b"12345678", b"9abcdefg", b"h"))
    assert (seen["body"], seen["CONTENT_LENGTH"]) == ("", "17")
    assert made._held == 0


def test_body_that_stands_still_is_answered_with_408() -> None:
    made = bridge()
    visitor = Visitor(b"abc", afterwards=for_ever)
    assert ask(made, visitor)["code"] == "request_timeout"
    assert visitor.status == 408
    assert made._held == 0


def test_body_that_only_trickles_is_answered_with_408() -> None:
    async def trickle() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    visitor = Visitor(afterwards=trickle)
    ask(bridge(patience=Patience(idle=5, body=0.05)), visitor)
    assert visitor.status == 408


def test_visitor_who_has_gone_is_not_answered() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    visitor = Visitor(b"abc", afterwards=gone)
    assert ask(bridge(), visitor) is None
    assert visitor.sent == []


def test_bodies_held_at_once_are_bounded() -> None:
    made = bridge(max_held=10, patience=Patience(idle=5, body=5))

    async def talk() -> tuple[Visitor, Visitor]:
        first_goes_on, second_is_refused = Visitor(b"12345678", afterwards=for_ever), Visitor(b"12345678")
        first = asyncio.create_task(made(scope(), first_goes_on.receive, first_goes_on.send))
        await asyncio.sleep(0)
        await made(scope(), second_is_refused.receive, second_is_refused.send)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return first_goes_on, second_is_refused

    _, refused = asyncio.run(talk())
    assert refused.status == 503
    assert (b"retry-after", b"5") in refused.sent[0]["headers"]
    assert made._held == 0
    visitor = Visitor(b"12345678")
    assert ask(made, visitor)["body"] == "12345678"


class Pieces:
    """A long answer that notes whether it was closed, and by which thread."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.closed_by = pieces, ""

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces

    def close(self) -> None:
        self.closed_by = threading.current_thread().name

    def __call__(self, environ: Any, start: Any) -> "Pieces":
        start("200 OK", [])
        return self


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"ab"] * 100_000, [b"x" * 200_000, b"y"], [b"", b"a", b""]])
def test_an_answer_comes_out_whole_and_is_closed(pieces: list[bytes]) -> None:
    answer = Pieces(pieces)
    visitor = Visitor()
    asyncio.run(bridge(answer)(scope(), visitor.receive, visitor.send))
    assert visitor.body == b"".join(pieces)
    assert answer.closed_by.startswith("request")
    assert len(visitor.sent) < 10, "many small pieces are put together"


def test_answer_that_nobody_reads_is_closed_and_never_ended() -> None:
    answer = Pieces([b"x" * 100_000] * 5)
    visitor = Visitor()

    async def send(message: Message) -> None:
        await visitor.send(message)
        if len(visitor.sent) == 3:
            await for_ever()

    asyncio.run(bridge(answer)(scope(), visitor.receive, send))
    assert len(visitor.sent) == 3
    assert visitor.sent[-1]["more_body"]
    assert answer.closed_by.startswith("request")


def test_answer_to_a_visitor_who_has_gone_is_given_up() -> None:
    answer = Pieces([b"x" * 100_000] * 50)
    visitor = Visitor()

    async def receive() -> Message:
        return visitor.messages.pop(0) if visitor.messages else {"type": "http.disconnect"}

    asyncio.run(bridge(answer)(scope(), receive, visitor.send))
    assert len(visitor.sent) < 10
    assert answer.closed_by.startswith("request")


def test_answer_that_breaks_is_closed_and_never_ended() -> None:
    class Broken(Pieces):
        def __iter__(self) -> Iterator[bytes]:
            yield b"x" * 100_000
            raise RuntimeError("the disk went away")

    answer, visitor = Broken([]), Visitor()
    with pytest.raises(RuntimeError):
        asyncio.run(bridge(answer)(scope(), visitor.receive, visitor.send))
    assert visitor.sent[-1]["more_body"]
    assert answer.closed_by.startswith("request")


def test_slow_lines_hold_no_thread() -> None:
    """One thread, twenty bodies that never end, twenty answers that nobody reads: the next is answered."""
    made = bridge(threads=1, patience=Patience(idle=60, body=60))
    long = bridge(Pieces([b"x" * 100_000] * 5), patience=Patience(idle=60, body=60))
    long._threads = made._threads

    async def never_read(message: Message) -> None:
        if message["type"] == "http.response.body":
            await for_ever()

    async def talk() -> Visitor:
        senders = [Visitor(b"abc", afterwards=for_ever) for _ in range(20)]
        slow = [asyncio.create_task(made(scope(), one.receive, one.send)) for one in senders]
        slow += [asyncio.create_task(long(scope(), Visitor().receive, never_read)) for _ in range(20)]
        quick = Visitor(b"hello")
        await made(scope(), quick.receive, quick.send)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return quick

    assert json.loads(asyncio.run(talk()).body)["body"] == "hello"
