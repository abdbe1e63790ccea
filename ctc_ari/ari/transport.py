"""Two ways to send REST to an Asterisk: over the event WebSocket (22.4 and later), or over HTTP."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec

from ctc_ari.ari.messages import RestResponse
from ctc_ari.ari.rest import Rest
from ctc_ari.calls.ports import NOT_SENT

__all__ = ["Answered", "HttpTransport", "Transport", "WebSocketTransport"]

#: Told of an answer: its HTTP status and body; None when none came before the deadline.
Answered = Callable[[int | None, str], None]

_SWEEP_SECONDS = 0.25


class Transport(Protocol):
    """Sends requests without blocking; each answer is told exactly once."""

    def send(self, requests: Sequence[tuple[Rest, Answered]], of: str = "") -> None:
        """Send these in this order, after everything sent before `of` the same call."""
        ...

    @property
    def behind(self) -> float:
        """For how many seconds the oldest unanswered request has been waiting."""
        ...

    def close(self) -> None:
        """Whatever is unanswered is told so."""
        ...


class WebSocketTransport:
    """Requests share the event socket; Asterisk serves them one after another, so they are sent without waiting."""

    def __init__(self, send: Callable[[bytes], None], deadline: float, silent: Callable[[], None]) -> None:
        self._send = send
        self._deadline = deadline
        #: Told when a request got no answer: a connection on which one is lost is not to be trusted.
        self._silent = silent
        self._loop = asyncio.get_running_loop()
        self._number = 0
        #: In the order of their deadlines, because all wait equally long.
        self._pending: dict[str, tuple[Answered, float]] = {}
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        self._closed = False

    def send(self, requests: Sequence[tuple[Rest, Answered]], of: str = "") -> None:
        """One socket keeps them all in order."""
        expires = self._loop.time() + self._deadline
        for rest, answered in requests:
            if self._closed:
                answered(NOT_SENT, "")
                continue
            self._number += 1
            request_id = str(self._number)
            self._pending[request_id] = (answered, expires)
            self._send(_frame(request_id, rest))

    @property
    def behind(self) -> float:
        """For how many seconds the oldest unanswered request has been waiting."""
        for _, expires in self._pending.values():
            return self._loop.time() + self._deadline - expires
        return 0.0

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
        pending, self._pending = self._pending, {}
        for answered, _ in pending.values():
            answered(None, "")

    def _sweep(self) -> None:
        now = self._loop.time()
        late = []
        for request_id, (_, expires) in self._pending.items():
            if expires > now:
                break
            late.append(request_id)
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        for request_id in late:
            self._pending.pop(request_id)[0](None, "")
        if late:
            self._silent()


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
    """Requests over kept-alive HTTP connections, for Asterisk before 22.4; those of one call wait for each other."""

    def __init__(
        self, session: aiohttp.ClientSession, ari_url: str, deadline: float, silent: Callable[[], None]
    ) -> None:
        self._session = session
        self._silent = silent
        self._root = ari_url.rstrip("/") + "/"
        self._timeout = aiohttp.ClientTimeout(total=deadline)
        #: Requests not answered yet, each queue with the task that works on it.
        self._queues: dict[str, deque[tuple[Rest, Answered]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: When the request at the head of each queue was sent, oldest first.
        self._sent: dict[str, float] = {}
        self._number = 0
        self._closed = False

    def send(self, requests: Sequence[tuple[Rest, Answered]], of: str = "") -> None:
        """Send in the background, each after the answer to the one before."""
        if self._closed:
            for _, answered in requests:
                answered(NOT_SENT, "")
            return
        self._number += 1
        key = of or str(self._number)
        queue = self._queues.setdefault(key, deque())
        queue.extend(requests)
        if key not in self._tasks:
            self._tasks[key] = asyncio.get_running_loop().create_task(self._work(key, queue), name="ari-http")

    @property
    def behind(self) -> float:
        """For how many seconds the oldest unanswered request has been waiting."""
        for sent in self._sent.values():
            return asyncio.get_running_loop().time() - sent
        return 0.0

    def close(self) -> None:
        """Give up what is under way; those who wait are told."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        unanswered = [answered for queue in self._queues.values() for _, answered in queue]
        self._queues.clear()
        for answered in unanswered:
            answered(None, "")

    async def _work(self, key: str, queue: deque[tuple[Rest, Answered]]) -> None:
        status: int | None
        while queue:
            self._sent[key] = asyncio.get_running_loop().time()
            try:
                (status, body), lost = await self._ask(queue[0][0]), False
            except aiohttp.ClientConnectorError:
                #: Nobody took the connection, so the request never left.
                (status, body), lost = (NOT_SENT, ""), True
            except (aiohttp.ClientError, TimeoutError, OSError):
                (status, body), lost = (None, ""), True
            del self._sent[key]
            if self._closed:
                return
            _, answered = queue.popleft()
            answered(status, body)
            if lost:
                self._silent()
        del self._queues[key], self._tasks[key]

    async def _ask(self, rest: Rest) -> tuple[int, str]:
        arguments: dict[str, Any] = {"params": list(rest.query), "timeout": self._timeout}
        if rest.body is not None:
            arguments["data"] = _encode(rest.body)
            arguments["headers"] = {"Content-Type": "application/json"}
        async with self._session.request(rest.method, self._root + rest.path, **arguments) as response:
            return response.status, await response.text()
