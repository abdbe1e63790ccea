"""Two ways to send REST to an Asterisk: over the event WebSocket (22.4 and later), or over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec

from ctc_ari.ari.messages import Rest, RestResponse

__all__ = ["Answered", "HttpTransport", "Transport", "WebSocketTransport"]

#: Told of an answer: its HTTP status and body; None when none came before the deadline.
Answered = Callable[[int | None, str], None]

_SWEEP_SECONDS = 0.25


class Transport(Protocol):
    """Sends requests without blocking; each answer is told exactly once."""

    def send(self, requests: Sequence[tuple[Rest, Answered]]) -> None:
        """Send these in this order."""
        ...

    def close(self) -> None:
        """Whatever is unanswered is told so."""
        ...


class WebSocketTransport:
    """Requests share the event socket; Asterisk serves them one after another, so they are sent without waiting."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, deadline: float) -> None:
        self._socket = socket
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._number = 0
        #: In the order of their deadlines, because all wait equally long.
        self._pending: dict[str, tuple[Answered, float]] = {}
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer = self._loop.create_task(self._write(), name="ari-writer")
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        self._closed = False

    def send(self, requests: Sequence[tuple[Rest, Answered]]) -> None:
        """Queue the requests; the writer sends them in one go."""
        expires = self._loop.time() + self._deadline
        for rest, answered in requests:
            if self._closed:
                answered(None, "")
                continue
            self._number += 1
            request_id = str(self._number)
            self._pending[request_id] = (answered, expires)
            self._outgoing.put_nowait(_frame(request_id, rest))

    def receive(self, response: RestResponse) -> None:
        """An answer came in on the socket."""
        found = self._pending.pop(response.request_id, None)
        if found:
            found[0](response.status_code, response.message_body)

    def close(self) -> None:
        """Tell everyone who still waits that no answer will come."""
        if self._closed:
            return
        self._closed = True
        self._sweeper.cancel()
        self._writer.cancel()
        pending, self._pending = self._pending, {}
        for answered, _ in pending.values():
            answered(None, "")

    async def _write(self) -> None:
        try:
            while True:
                await self._socket.send_frame(await self._outgoing.get(), aiohttp.WSMsgType.TEXT)
        except (ConnectionError, aiohttp.ClientError):
            #: The reader of this socket sees the same loss and closes us.
            return

    def _sweep(self) -> None:
        now = self._loop.time()
        late = []
        for request_id, (_, expires) in self._pending.items():
            if expires > now:
                break
            late.append(request_id)
        for request_id in late:
            self._pending.pop(request_id)[0](None, "")
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class _RequestFrame(msgspec.Struct, frozen=True):
    """Asterisk documentation, "ARI REST over WebSockets": the RESTRequest message."""

    request_id: str
    transaction_id: str
    method: str
    uri: str
    query_strings: tuple[dict[str, str], ...]
    message_body: str = ""
    content_type: str = "application/json"
    type: str = "RESTRequest"


_encode = msgspec.json.Encoder().encode


def _frame(request_id: str, rest: Rest) -> bytes:
    query = tuple({"name": name, "value": value} for name, value in rest.query)
    body = _encode(rest.body).decode() if rest.body is not None else ""
    return _encode(_RequestFrame(request_id, request_id, rest.method, rest.path, query, body))


class HttpTransport:
    """Requests over kept-alive HTTP connections, for Asterisk before 22.4; what is sent together is sent in order."""

    def __init__(self, session: aiohttp.ClientSession, ari_url: str, deadline: float) -> None:
        self._session = session
        self._root = ari_url.rstrip("/") + "/"
        self._timeout = aiohttp.ClientTimeout(total=deadline)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def send(self, requests: Sequence[tuple[Rest, Answered]]) -> None:
        """Send in the background, each after the answer to the one before."""
        if self._closed:
            for _, answered in requests:
                answered(None, "")
            return
        task = asyncio.get_running_loop().create_task(self._run(list(requests)), name="ari-http")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give up what is under way; those who wait are told."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    async def _run(self, requests: list[tuple[Rest, Answered]]) -> None:
        for position, (rest, answered) in enumerate(requests):
            try:
                status, body = await self._ask(rest)
            except (aiohttp.ClientError, TimeoutError, OSError):
                status, body = None, ""
            except asyncio.CancelledError:
                for _, later in requests[position:]:
                    later(None, "")
                raise
            answered(status, body)

    async def _ask(self, rest: Rest) -> tuple[int, str]:
        arguments: dict[str, Any] = {"params": list(rest.query), "timeout": self._timeout}
        if rest.body is not None:
            arguments["data"] = _encode(rest.body)
            arguments["headers"] = {"Content-Type": "application/json"}
        async with self._session.request(rest.method, self._root + rest.path, **arguments) as response:
            return response.status, await response.text()
