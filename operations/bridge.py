"""Between Granian and Django, so that nobody's slow line holds a thread.

Granian's own WSGI worker reads bodies and writes answers in the thread that runs Django, and it waits for ever: a few
connections that never finish would stop the site. Through its ASGI side a request gets a thread once all of it has
arrived, and gives the thread back while its answer is on the way. Both ways a line that stands still is cut.
"""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from django.db import close_old_connections
from django.utils.translation import gettext as _

from .problems import CONTENT_TYPE, Problem, busy, problem_body

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Patience:
    """Seconds: between two pieces of a body or of an answer, and for a whole body."""

    idle: float = 15
    body: float = 300


class Bridge:
    """An ASGI application that runs a WSGI one in `threads` threads. Bodies over `max_body` bytes are thrown away as
    they come, for the application to refuse by their length; at most `max_held` bytes of bodies are held at a time.
    """

    def __init__(
        self,
        application: Any,
        *,
        threads: int,
        max_body: int,
        max_held: int = 256 * 2**20,
        patience: Patience = Patience(),
    ) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._max_body, self._max_held, self._held = max_body, max_held, 0
        self._patience = patience

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body = _Body()
        try:
            if await self._read(receive, body):
                await self._answer(_environ(scope, body), receive, send)
                # Requests end in circles that are collected much later, and megabytes would wait with them.
                body.stream.close()
        except Problem as problem:
            await _refuse(send, problem)
        finally:
            self._held -= body.kept

    async def _read(self, receive: Receive, body: "_Body") -> bool:
        """Fill the body; False when the visitor has gone meanwhile. Raises Problem."""
        try:
            async with asyncio.timeout(self._patience.body):
                while True:
                    async with asyncio.timeout(self._patience.idle):
                        message = await receive()
                    if message["type"] != "http.request":
                        return False
                    self._keep(body, message.get("body", b""))
                    if not message.get("more_body"):
                        return True
        except TimeoutError:
            raise Problem(
                "request_timeout", _("The request did not arrive in time: send it again."), status=408
            ) from None

    def _keep(self, body: "_Body", piece: bytes) -> None:
        body.length += len(piece)
        if body.length > self._max_body:
            self._held -= body.kept
            body.forget()
        elif self._held + len(piece) > self._max_held:
            raise busy()
        else:
            self._held += len(piece)
            body.keep(piece)

    async def _answer(self, environ: Environ, receive: Receive, send: Send) -> None:
        run = asyncio.get_running_loop().run_in_executor
        answer = _Answer()
        piece = await run(self._threads, answer.begin, self._application, environ)
        # Sending tells nothing of a visitor who has gone; what there is to receive from now on is that alone.
        gone = None if answer.complete else asyncio.ensure_future(receive())
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            while True:
                more = not answer.complete
                # Granian takes a few pieces more than the visitor has read, and then waits.
                async with asyncio.timeout(self._patience.idle):
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
                if not more or (gone is not None and gone.done()):
                    return
                piece = await run(self._threads, answer.go_on)
        except TimeoutError:
            pass  # nobody reads it: without its end the connection is broken off
        finally:
            if gone is not None:
                gone.cancel()
            if not answer.complete:
                await run(self._threads, answer.close)


class _Body:
    """What has arrived of a request, and how much of it is kept."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.length = self.kept = 0

    def keep(self, piece: bytes) -> None:
        self.kept += self.stream.write(piece)

    def forget(self) -> None:
        self.stream, self.kept = io.BytesIO(), 0


class _Answer:
    """What the application answers, drawn from it in pieces. Its methods run in the threads."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def begin(self, application: Any, environ: Environ) -> bytes:
        self._response = application(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._response)
        return self.go_on()

    def go_on(self) -> bytes:
        """The next piece. An answer that ends with it is closed in the same thread, whose connection to the
        database goes with it."""
        piece = bytearray()
        try:
            for part in self._pieces:
                piece += part
                if len(piece) >= _PIECE:
                    return bytes(piece)
        except BaseException:
            self.close()
            raise
        self.close()
        return bytes(piece)

    def close(self) -> None:
        self.complete = True
        if hasattr(self._response, "close"):
            self._response.close()
        close_old_connections()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]


def _environ(scope: Message, body: _Body) -> Environ:
    """PEP 3333's environment. Header names with an underscore are left out: they would pass for those with a dash."""
    body.stream.seek(0)
    server, client = scope.get("server") or ("", ""), scope.get("client") or ("", "")
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body.stream,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin1"), raw_value.decode("latin1")
        if "_" in name:
            continue
        key = f"HTTP_{name.upper().replace('-', '_')}"
        # Cookies may come in crumbs, over HTTP/2.
        separator = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(body.length) if body.length else ""
    return environ


async def _refuse(send: Send, problem: Problem) -> None:
    headers = [(b"content-type", CONTENT_TYPE.encode())]
    if problem.retry_after:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem_body(problem)).encode()})
