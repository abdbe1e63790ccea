"""The application behind its own server on a real socket, with fakes behind it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestClient
from multidict import CIMultiDict
from structlog.testing import LogCapture

from ctc_ari.calls.broadcast import Broadcast
from ctc_ari.calls.numbers import Spelling
from ctc_ari.crm.builtin import BuiltinCrm
from ctc_ari.http import Runner, Services, application, encode_event, observe
from tests.http.fake_administration import FakeAdministration
from tests.http.fake_call_log import FakeCallLog, FakeErasures
from tests.http.fake_contacts import FakeContacts
from tests.http.fake_webhooks import FakeWebhooks
from tests.http.fakes import (
    ANNA,
    CREATED,
    NUMBER,
    TOKEN,
    FakeDesk,
    FakeDirectory,
    FakeHealth,
    FakeKeys,
    FakeRecordings,
    FakeWebPhones,
    normalise,
)

Client = TestClient[web.Request, None]
Lines = list[MutableMapping[str, Any]]


@dataclass
class World:
    """What a test may set and look at."""

    desk: FakeDesk = field(default_factory=FakeDesk)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    keys: FakeKeys = field(default_factory=FakeKeys)
    contacts: FakeContacts = field(default_factory=FakeContacts)
    call_log: FakeCallLog = field(default_factory=FakeCallLog)
    erasures: FakeErasures = field(default_factory=FakeErasures)
    administration: FakeAdministration = field(init=False)
    webhooks: FakeWebhooks = field(default_factory=FakeWebhooks)
    recordings: FakeRecordings = field(default_factory=FakeRecordings)
    web_phones: FakeWebPhones = field(default_factory=FakeWebPhones)
    events: Broadcast = field(default_factory=lambda: Broadcast(encode_event, clock=lambda: CREATED))
    health: FakeHealth = field(default_factory=FakeHealth)

    def __post_init__(self) -> None:
        self.administration = FakeAdministration(self.directory)

    def services(self, **others: Any) -> Services:
        """The struct that the application gets."""
        fields: dict[str, Any] = {
            "desk": self.desk,
            "directory": self.directory,
            "keys": self.keys,
            "recordings": self.recordings,
            "web_phones": self.web_phones,
            "sessions": self.directory,
            "events": self.events,
            "contacts": self.contacts,
            "call_log": self.call_log,
            "erasures": self.erasures,
            "administration": self.administration,
            "webhooks": self.webhooks,
            "people": BuiltinCrm(self.directory),
            "normalise": normalise,
            "spelling": Spelling("GB"),
            "check": self.health,
        }
        return Services(**fields | others)


class Server(BaseTestServer):
    """aiohttp's test server around our Runner instead of its own."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.app = application(services)

    async def _make_runner(self, **kwargs: Any) -> Runner:
        return Runner(self.app)


@dataclass
class Answer:
    """What came back on the wire."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Wire:
    """Requests byte by byte, for what no HTTP client would send."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def send(self, request: bytes) -> Answer:
        """The answer to one request; the connection is closed by either side after it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            async with asyncio.timeout(30):
                head = await reader.readuntil(b"\r\n\r\n")
                status_line, *lines = head.decode("latin-1").strip().split("\r\n")
                headers: CIMultiDict[str] = CIMultiDict()
                for line in lines:
                    name, _, value = line.partition(": ")
                    headers.add(name, value)
                length = 0 if request.startswith(b"HEAD ") else int(headers.get("Content-Length", 0))
                body = await reader.readexactly(length)
            return Answer(int(status_line.split()[1]), headers, body)
        finally:
            writer.close()
            await writer.wait_closed()

    async def request(self, method: str, target: str | bytes, *lines: str, body: bytes = b"") -> Answer:
        """A well-formed request with any method and any target."""
        raw = target if isinstance(target, bytes) else target.encode()
        head = "".join(f"{line}\r\n" for line in ("Host: test", "Connection: close", *lines))
        if body:
            head += f"Content-Length: {len(body)}\r\n"
        return await self.send(method.encode() + b" " + raw + b" HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)

    async def click(self, query: str | None = None, *lines: str, method: str = "GET") -> Answer:
        """The click, with this query instead of the right one."""
        return await self.request(method, f"/ClickToCallAPI?{RIGHT if query is None else query}", *lines)


RIGHT = f"phone_number=%2B{NUMBER[1:]}&email={ANNA.email}&token={TOKEN}"


@pytest.fixture
def world() -> World:
    """Everything in its place."""
    return World()


@pytest.fixture
async def server(world: World) -> AsyncIterator[Server]:
    """Listening on a free port."""
    server = Server(world.services())
    telling = asyncio.create_task(world.events.run())
    async with server:
        yield server
    telling.cancel()


@pytest.fixture
def wire(server: Server) -> Wire:
    """Bytes to that port."""
    assert server.port
    return Wire(server.port)


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """An ordinary client with the token that speaks for everyone."""
    client: Client = TestClient(server, headers={"Authorization": f"Bearer {TOKEN}"})
    async with client:
        yield client


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What is logged from now on, at every level, however quiet the tests are otherwise."""
    capture = LogCapture()
    everything = structlog.make_filtering_bound_logger(logging.DEBUG)
    log = structlog.wrap_logger(None, processors=[capture], wrapper_class=everything)
    monkeypatch.setattr(observe, "log", log)
    return capture.entries


@pytest.fixture
async def nothing_is_left() -> AsyncIterator[None]:
    """No task of a listener outlives its test."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left: list[Any] = [task for task in asyncio.all_tasks() - before if "_read" in repr(task) or "_tell" in repr(task)]
    assert left == []
