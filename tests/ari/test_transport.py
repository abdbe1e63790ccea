"""Requests and answers on both transports: order, deadlines, and that every answer is told exactly once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ctc_ari.ari.messages import RestResponse
from ctc_ari.ari.rest import Rest
from ctc_ari.ari.transport import HttpTransport, Transport, WebSocketTransport
from ctc_ari.calls.ports import NOT_SENT

DEADLINE = 0.3
#: Longer than twice the time between two looks at what is overdue.
SOCKET_DEADLINE = 0.6


class Told:
    """What was told of each request, in the order it was told."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int | None, str]] = []
        self._more = asyncio.Event()

    def of(self, name: str) -> Callable[[int | None, str], None]:
        def answered(status: int | None, body: str) -> None:
            self.answers.append((name, status, body))
            self._more.set()

        return answered

    async def count(self, wanted: int, seconds: float = 2.0) -> None:
        async with asyncio.timeout(seconds):
            while len(self.answers) < wanted:
                self._more.clear()
                await self._more.wait()


class Line:
    """The far end of an event socket: keeps what was sent, and answers when a test says so."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.silences = 0
        self.transport = WebSocketTransport(self._take, SOCKET_DEADLINE, self._silent)

    def _take(self, message: bytes) -> None:
        self.sent.append(json.loads(message))

    def _silent(self) -> None:
        self.silences += 1

    def answer(self, number: int, status: int = 200, body: str = "") -> None:
        """Answer the request of this position."""
        self.transport.receive(RestResponse(self.sent[number]["request_id"], status, body))


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    opened = Line()
    yield opened
    opened.transport.close()


@pytest.fixture
def told() -> Told:
    return Told()


# over the event socket


async def test_socket_requests_leave_at_once_in_order_as_asterisk_wants_them(line: Line, told: Told) -> None:
    create = Rest("POST", "channels/create", (("endpoint", "PJSIP/1"), ("app", "ctc")), {"variables": {"a": "ü"}})
    line.transport.send([(create, told.of("create")), (Rest("DELETE", "bridges/b"), told.of("delete"))], "one")
    line.transport.send([(Rest("GET", "channels"), told.of("list"))])
    assert [(frame["method"], frame["uri"]) for frame in line.sent] == [
        ("POST", "channels/create"),
        ("DELETE", "bridges/b"),
        ("GET", "channels"),
    ]
    first = line.sent[0]
    assert first["type"] == "RESTRequest"
    assert first["query_strings"] == [{"name": "endpoint", "value": "PJSIP/1"}, {"name": "app", "value": "ctc"}]
    assert json.loads(first["message_body"]) == {"variables": {"a": "ü"}}
    assert first["content_type"] == "application/json"
    assert line.sent[1]["message_body"] == ""
    assert len({frame["request_id"] for frame in line.sent}) == 3


async def test_socket_answers_find_their_requests_in_any_order(line: Line, told: Told) -> None:
    line.transport.send([(Rest("GET", name), told.of(name)) for name in ("a", "b", "c")])
    line.answer(2, 404, "no")
    line.answer(0, 200, "[]")
    line.answer(1)
    assert told.answers == [("c", 404, "no"), ("a", 200, "[]"), ("b", 200, "")]


async def test_socket_answers_to_nothing_and_twice_are_dropped(line: Line, told: Told) -> None:
    line.transport.send([(Rest("GET", "a"), told.of("a"))])
    line.transport.receive(RestResponse("nothing", 200))
    line.answer(0)
    line.answer(0)
    assert told.answers == [("a", 200, "")]


async def test_socket_without_an_answer_tells_none_once_and_that_the_line_is_silent(line: Line, told: Told) -> None:
    line.transport.send([(Rest("GET", name), told.of(name)) for name in ("a", "b")])
    await asyncio.sleep(0.4)
    assert 0.3 < line.transport.behind < SOCKET_DEADLINE
    line.transport.send([(Rest("GET", "later"), told.of("later"))])
    await told.count(2)
    assert told.answers == [("a", None, ""), ("b", None, "")]
    assert line.silences == 1
    line.answer(0)
    line.answer(2)
    assert told.answers[2:] == [("later", 200, "")], "an answer that comes too late is not told"
    assert line.transport.behind == 0


async def test_socket_closed_then_everyone_is_told_and_nothing_more_leaves(line: Line, told: Told) -> None:
    line.transport.send([(Rest("GET", "a"), told.of("a"))])
    line.transport.close()
    line.transport.close()
    line.transport.send([(Rest("GET", "b"), told.of("b"))])
    assert told.answers == [("a", None, ""), ("b", NOT_SENT, "")]
    assert len(line.sent) == 1
    await asyncio.sleep(SOCKET_DEADLINE + 0.3)
    assert len(told.answers) == 2
    assert line.silences == 0, "we closed it ourselves"


async def test_socket_answer_may_lead_to_the_next_request_at_once(line: Line, told: Told) -> None:
    def next_one(status: int | None, _body: str) -> None:
        line.transport.send([(Rest("GET", "second"), told.of("second"))])

    line.transport.send([(Rest("GET", "first"), next_one)])
    line.answer(0)
    line.answer(1)
    assert told.answers == [("second", 200, "")]


# over HTTP


class Server:
    """A small ARI: `/ari/<what>`; answers as the handler of a test says."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.running = 0
        self.most_at_once = 0
        self.silences = 0
        self.handler: Callable[[web.Request], Awaitable[web.Response]] = _ok

    def silent(self) -> None:
        self.silences += 1

    async def handle(self, request: web.Request) -> web.Response:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            self.seen.append((request.method, request.path, dict(request.query), await request.text()))
            return await self.handler(request)
        finally:
            self.running -= 1

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.seen]


async def _ok(request: web.Request) -> web.Response:
    return web.Response(text=request.path)


async def _takes_a_moment(request: web.Request) -> web.Response:
    await asyncio.sleep(0.05)
    return web.Response(text=request.path)


async def _takes_forever(request: web.Request) -> web.Response:
    await asyncio.sleep(10)
    return web.Response()


@pytest.fixture
def ari() -> Server:
    return Server()


@pytest.fixture
async def http(ari: Server) -> AsyncIterator[HttpTransport]:
    application = web.Application()
    application.router.add_route("*", "/ari/{what:.*}", ari.handle)
    server = TestServer(application)
    await server.start_server()
    try:
        async with aiohttp.ClientSession() as session:
            transport = HttpTransport(session, f"{server.make_url('/ari')}", DEADLINE, ari.silent)
            yield transport
            transport.close()
            await asyncio.sleep(0)
    finally:
        await server.close()


async def test_http_requests_are_asterisk_s_rest(http: HttpTransport, ari: Server, told: Told) -> None:
    create = Rest("POST", "channels/create", (("endpoint", "PJSIP/1&2@trunk"), ("app", "ctc")), {"variables": {}})
    http.send([(create, told.of("create")), (Rest("DELETE", "bridges/b"), told.of("delete"))], "one")
    await told.count(2)
    assert ari.seen == [
        ("POST", "/ari/channels/create", {"endpoint": "PJSIP/1&2@trunk", "app": "ctc"}, '{"variables":{}}'),
        ("DELETE", "/ari/bridges/b", {}, ""),
    ]
    assert told.answers == [("create", 200, "/ari/channels/create"), ("delete", 200, "/ari/bridges/b")]


async def test_http_requests_of_one_call_wait_for_each_other_and_calls_do_not(
    http: HttpTransport, ari: Server, told: Told
) -> None:
    ari.handler = _takes_a_moment
    http.send([(Rest("GET", f"one/{n}"), told.of(f"one/{n}")) for n in range(3)], "one")
    http.send([(Rest("GET", "one/3"), told.of("one/3"))], "one")
    http.send([(Rest("GET", "two/0"), told.of("two/0"))], "two")
    await told.count(5)
    names = [name for name, _, _ in told.answers]
    assert [name for name in names if name.startswith("one")] == [f"one/{n}" for n in range(4)]
    assert names.index("two/0") <= 1
    assert ari.most_at_once == 2


async def test_http_without_an_answer_tells_none_once_and_that_the_line_is_silent(
    http: HttpTransport, ari: Server, told: Told
) -> None:
    ari.handler = _takes_forever
    http.send([(Rest("GET", "a"), told.of("a"))], "one")
    await asyncio.sleep(DEADLINE / 2)
    assert 0 < http.behind < DEADLINE
    await told.count(1)
    assert told.answers == [("a", None, "")]
    assert ari.silences == 1
    assert http.behind == 0


async def test_http_statuses_are_told_as_they_are(http: HttpTransport, ari: Server, told: Told) -> None:
    async def refuses(_request: web.Request) -> web.Response:
        return web.Response(status=422, text="no")

    ari.handler = refuses
    http.send([(Rest("GET", "a"), told.of("a"))])
    await told.count(1)
    assert told.answers == [("a", 422, "no")]
    assert ari.silences == 0


async def test_http_closed_then_everyone_is_told_once_and_nothing_more_leaves(
    http: HttpTransport, ari: Server, told: Told
) -> None:
    ari.handler = _takes_forever
    http.send([(Rest("GET", name), told.of(name)) for name in ("a", "b")], "one")
    await asyncio.sleep(0.05)
    http.close()
    http.close()
    http.send([(Rest("GET", "c"), told.of("c"))], "one")
    assert told.answers == [("a", None, ""), ("b", None, ""), ("c", NOT_SENT, "")]
    await asyncio.sleep(0.05)
    assert "ari-http" not in {task.get_name() for task in asyncio.all_tasks()}
    await asyncio.sleep(DEADLINE + 0.1)
    assert len(told.answers) == 3
    assert ari.paths == ["/ari/a"]


async def test_http_answer_may_lead_to_the_call_s_next_request(http: HttpTransport, told: Told) -> None:
    def next_one(_status: int | None, _body: str) -> None:
        http.send([(Rest("GET", "second"), told.of("second"))], "one")

    http.send([(Rest("GET", "first"), next_one)], "one")
    await told.count(1)
    assert told.answers == [("second", 200, "/ari/second")]


async def test_http_nobody_there_tells_that_the_request_never_left(told: Told) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    nowhere = f"{server.make_url('/ari')}"
    await server.close()
    silences: list[None] = []
    async with aiohttp.ClientSession() as session:
        transport: Transport = HttpTransport(session, nowhere, DEADLINE, lambda: silences.append(None))
        transport.send([(Rest("GET", "a"), told.of("a"))])
        await told.count(1)
        transport.close()
    assert told.answers == [("a", NOT_SENT, "")]
    assert len(silences) == 1
