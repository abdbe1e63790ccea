"""The three that are compared: the service, a minimal ARI HTTP client, and plain dialplan behind an originate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import aiohttp
import msgspec
from yarl import URL

from .calls import Order, sending_clock
from .stage import DIAL_CONTEXT, Stage

__all__ = ["DialplanOriginate", "MinimalClient", "Service", "baseline_session", "minimal_client", "service_client"]

CALLER_ID = "Customer <442079460999>"


class Service:
    """GET /ClickToCallAPI on kept-alive connections."""

    name = "service"

    def __init__(self, stage: Stage, session: aiohttp.ClientSession) -> None:
        self._stage = stage
        self._session = session

    async def place(self, order: Order) -> None:
        """One click."""
        query = f"phone_number=%2B{order.number}&email={order.agent}%40bench.test&token={self._stage.token}"
        url = URL(f"{self._stage.service.url}/ClickToCallAPI?{query}", encoded=True)
        async with self._session.get(url, trace_request_ctx=order) as answer:
            body = await answer.read()
            order.took = time.time() - order.sent
            order.status, order.retry_after = answer.status, answer.headers.get("Retry-After")
        if order.status == 200:
            order.call_id = msgspec.json.decode(body)["call_id"]

    async def ask_nothing(self) -> None:
        """The shortest way there and back."""
        async with self._session.get(f"{self._stage.service.url}/livez") as answer:
            await answer.read()

    async def live(self) -> list[str]:
        """The ids of the live calls."""
        async with self._session.get(f"{self._stage.service.url}/api/v1/calls", headers=self._headers) as answer:
            return [call["id"] for call in (await answer.json())["calls"]]

    async def hang_up(self, call_id: str) -> None:
        """End a call."""
        url = f"{self._stage.service.url}/api/v1/calls/{call_id}"
        async with self._session.delete(url, headers=self._headers) as answer:
            await answer.read()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._stage.token}"}


@asynccontextmanager
async def service_client(stage: Stage) -> AsyncIterator[Service]:
    """The service, seen by a CRM with a few kept-alive connections."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[sending_clock()]) as session:
        yield Service(stage, session)


class DialplanOriginate:
    """`POST /channels` into an extension that does Dial(): bare ARI, then nothing but Asterisk."""

    name = "dialplan"
    _ids = count()

    def __init__(self, stage: Stage, session: aiohttp.ClientSession) -> None:
        self._stage = stage
        self._session = session

    async def place(self, order: Order) -> None:
        """One originate."""
        await _originate(
            self._stage,
            self._session,
            order,
            {"extension": order.number, "context": DIAL_CONTEXT, "priority": "1", "channelId": f"d{next(self._ids)}"},
        )


async def _originate(stage: Stage, session: aiohttp.ClientSession, order: Order, where: dict[str, str]) -> None:
    endpoint = f"PJSIP/ctc-phone/sip:{order.agent}@127.0.0.1:{stage.agents.sipp.port}"
    query = {"endpoint": endpoint, "callerId": CALLER_ID, "timeout": "25"} | where
    url = f"{stage.node.ari_url}/channels"
    async with session.post(url, params=query, trace_request_ctx=order) as answer:
        await answer.read()
        order.took, order.status = time.time() - order.sent, answer.status


class _Channel(msgspec.Struct, frozen=True):
    id: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    channel: _Channel = _Channel()


class MinimalClient:
    """What one writes in an hour: HTTP for every request, one after another, all events, no database, no checks."""

    name = "minimal"
    _ids = count()

    def __init__(self, stage: Stage, session: aiohttp.ClientSession) -> None:
        self._stage = stage
        self._session = session
        self._numbers: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._decode = msgspec.json.Decoder(_Event).decode

    async def place(self, order: Order) -> None:
        """Originate the agent into Stasis; events do the rest."""
        call_id = order.call_id = f"m{next(self._ids)}"
        self._numbers[call_id] = order.number
        await _originate(self._stage, self._session, order, {"app": "bench", "channelId": call_id})

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the socket is closed."""
        async for message in socket:
            event = self._decode(message.data)
            match event.type:
                case "StasisStart" if event.channel.id.endswith(".c"):
                    self._spawn(self._dial(event.channel.id.removesuffix(".c")))
                case "StasisStart":
                    self._spawn(self._create(event.channel.id))
                case "ChannelDestroyed":
                    self._spawn(self._clean(event.channel.id.removesuffix(".c")))

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _create(self, call_id: str) -> None:
        await self._ask(
            "POST", "channels/create",
            endpoint=f"PJSIP/{self._numbers[call_id]}@trunk", app="bench", channelId=f"{call_id}.c", originator=call_id,
        )  # fmt: skip

    async def _dial(self, call_id: str) -> None:
        await self._ask("POST", f"bridges/{call_id}.b", type="mixing")
        await self._ask("POST", f"bridges/{call_id}.b/addChannel", channel=f"{call_id},{call_id}.c")
        await self._ask("POST", f"channels/{call_id}.c/dial", timeout="45")

    async def _clean(self, call_id: str) -> None:
        if self._numbers.pop(call_id, None):
            await self._ask("DELETE", f"channels/{call_id}")
            await self._ask("DELETE", f"channels/{call_id}.c")
            await self._ask("DELETE", f"bridges/{call_id}.b")

    async def _ask(self, method: str, path: str, **query: str) -> None:
        with suppress(aiohttp.ClientError):
            async with self._session.request(method, f"{self._stage.node.ari_url}/{path}", params=query) as answer:
                await answer.read()


@asynccontextmanager
async def baseline_session(stage: Stage) -> AsyncIterator[aiohttp.ClientSession]:
    """Keep-alive to ARI's HTTP, below the 15 s and 100 connections that Asterisk likes."""
    async with aiohttp.ClientSession(
        auth=aiohttp.BasicAuth(stage.node.username, stage.node.password),
        connector=aiohttp.TCPConnector(limit=80, keepalive_timeout=10),
        trace_configs=[sending_clock()],
    ) as session:
        yield session


@asynccontextmanager
async def minimal_client(stage: Stage, session: aiohttp.ClientSession) -> AsyncIterator[MinimalClient]:
    """The minimal client, connected."""
    client = MinimalClient(stage, session)
    async with session.ws_connect(f"{stage.node.ari_url}/events", params={"app": "bench"}) as socket:
        listening = asyncio.create_task(client.listen(socket))
        try:
            yield client
        finally:
            listening.cancel()
