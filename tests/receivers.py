"""Real HTTP servers on loopback that stand in for receivers of webhooks and for CRMs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

__all__ = ["Received", "Receiver", "receiver", "until"]


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


Answer = Callable[[Received], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass
class Receiver:
    """A server that keeps what it gets; `answer` says what it gives."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    answer: Answer = field(default=lambda request: web.Response())
    #: How many it is answering now, and how many at most.
    busy: int = 0
    busiest: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep it, then answer."""
        received = Received(request.method, request.path_qs, CIMultiDict(request.headers), await request.read())
        self.requests.append(received)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            answer = self.answer(received)
            return answer if isinstance(answer, web.StreamResponse) else await answer
        finally:
            self.busy -= 1

    @property
    def types(self) -> list[str]:
        """Of the events that arrived."""
        return [request.json["type"] for request in self.requests]


@asynccontextmanager
async def receiver(answer: Answer | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port of 127.0.0.1, for as long as the block runs."""
    standing_in = Receiver()
    if answer is not None:
        standing_in.answer = answer
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", standing_in.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    standing_in.url = str(server.make_url("/hook"))
    try:
        yield standing_in
    finally:
        await server.close()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for it, but not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)
