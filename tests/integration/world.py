"""The whole service on real parts: private Asterisk, real PostgreSQL, SIPp as the agents' phones and as the carrier."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from msgspec.structs import replace

from ctc_ari.app import service
from ctc_ari.calls.ports import Happening
from ctc_ari.config import (
    AgentSeed,
    Asterisk,
    Config,
    Crm,
    Database,
    Inbound,
    Limits,
    Node,
    RingTimeout,
    Server,
    Webhooks,
)
from ctc_ari.runtime import asterisk, processes
from ctc_ari.store.pool import open_pool
from ctc_ari.store.tokens import create_token
from tests import phones
from tests.store import databases
from tests.store.contacts import put_contact

_extension = iter(map(str, range(7000, 9000))).__next__

__all__ = [
    "AGENTS",
    "CARRIER_ID",
    "NUMBERS",
    "STAND_IN",
    "TRANSPORTS",
    "Exchange",
    "World",
    "at_once",
    "exchange",
    "number",
    "world",
]

CARRIER_ID = "+442079460100"
#: How REST may travel: over the event socket, or over HTTP.
TRANSPORTS = ("websocket", "http")
#: The extension whose browser another phone stands in for.
STAND_IN = "3900"

#: The user part of an agent's contact -> what her phone does.
AGENTS = {
    "answers": phones.answer(),
    "slow": phones.answer(after=1.0),
    "slower": phones.answer(after=3.0),
    "leaves": phones.answer(hang_up_after=1.0),
    "busy": phones.busy,
    "declines": phones.declined,
    "rings": phones.ring_forever(),
    "*": phones.answer(),
}
#: What the customer behind each number does; the last two digits are hers.
NUMBERS = {
    "answers": (11, phones.answer(after=0.3)),
    "busy": (12, phones.busy),
    "rings": (13, phones.ring_forever()),
    "declines": (14, phones.declined),
    "unknown": (16, phones.reject(404)),
    "leaves": (17, phones.answer(hang_up_after=1.0)),
    "broken": (18, phones.reject(503)),
    "away": (19, phones.reject(480)),
    "sings": (20, phones.answer(after=0.2, tone=1000.0)),
    "takes_time": (22, phones.answer(after=1.0)),
    "early": (21, phones.answer(after=2.0, early_media=True, tone=700.0)),
}


def number(customer: str) -> str:
    """The E.164 number of that customer."""
    return f"+4420794600{NUMBERS[customer][0]}"


@dataclass(frozen=True)
class Exchange:
    """An Asterisk with its carrier and the agents' phones; several services may use it under different names."""

    config: Config
    folder: Path
    process: processes.Process
    carrier: phones.SippPhone
    agents: phones.SippPhone
    #: Ports from which somebody may call in as the carrier.
    callers: tuple[int, ...]

    def did(self, number: str) -> str:
        """How a caller reaches that number of ours."""
        return f"sip:{number}@{self.config.asterisk.sip_bind}"

    @property
    def ari(self) -> tuple[str, dict[str, str]]:
        """URL and headers for looking at Asterisk behind the service's back."""
        node = self.config.asterisk.nodes[0]
        return node.ari_url, {"Authorization": aiohttp.encode_basic_auth(node.username, node.password)}

    async def offline(self, endpoint: str) -> None:
        """Wait until Asterisk knows of no phone that is registered there."""
        url, headers = self.ari
        async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(15):
            while True:
                async with session.get(f"{url}/endpoints/PJSIP/{endpoint}") as answer:
                    if (await answer.json())["state"] == "offline":
                        return
                await asyncio.sleep(0.05)

    async def left_over(self, app: str) -> list[str]:
        """The channels and bridges of that service that exist now."""
        url, headers = self.ari
        async with aiohttp.ClientSession(headers=headers) as session:
            found: list[str] = []
            for kind in ("channels", "bridges"):
                async with session.get(f"{url}/{kind}") as answer:
                    found += [item["id"] for item in await answer.json() if item["id"].startswith(f"{app}-")]
        return found


@dataclass(repr=False)
class World:
    """One running service and what a test does with it."""

    exchange: Exchange
    config: Config
    database_url: str
    address: str
    token: str
    session: aiohttp.ClientSession
    heard: list[Happening] = field(default_factory=list)
    #: Of those who were hired.
    extensions: dict[str, str] = field(default_factory=dict)
    #: A token with that right, where a test made one.
    supervisor: str = ""

    @property
    def app(self) -> str:
        return self.config.asterisk.app

    async def click(self, agent: str, to: str, **more: str) -> tuple[int, dict[str, Any]]:
        """The CRM's trigger, as it would send it."""
        query = {"phone_number": to, "email": email(agent), "token": self.token, **more}
        async with self.session.get(f"{self.address}/ClickToCallAPI", params=query) as answer:
            return answer.status, await answer.json()

    async def place(self, agent: str, to: str) -> str:
        """A click that must work; the call's id."""
        status, body = await self.click(agent, to)
        assert status == 200, body
        call_id: str = body["call_id"]
        return call_id

    async def api(self, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
        """Any REST request."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, f"{self.address}{path}", headers=headers, **arguments) as answer:
            return answer.status, await answer.json() if answer.content_length else None

    async def call(self, call_id: str) -> dict[str, Any]:
        """The call as the API shows it."""
        status, body = await self.api("GET", f"/api/v1/calls/{call_id}")
        assert status == 200, body
        return dict(body)

    async def until(self, call_id: str, state: str, timeout: float = 20.0) -> dict[str, Any]:
        """Wait for a state; the call as it is then."""
        deadline = time.monotonic() + timeout
        while True:
            call = await self.call(call_id)
            if call["state"] == state:
                return call
            story = [happening.event for happening in self.heard if happening.call.id == call_id]
            assert time.monotonic() < deadline, f"never {state}: {call['state']}, {call['end_reason']}, {story}"
            await asyncio.sleep(0.02)

    async def written(self, call_id: str, column: str, value: str) -> None:
        """Wait until the call's row says so: what happened some moments ago may be known to this process only."""
        deadline = time.monotonic() + 20
        connection = await asyncpg.connect(self.database_url)
        try:
            while await connection.fetchval(f"select {column} from calls where id = $1", call_id) != value:
                assert time.monotonic() < deadline, f"{column} never became {value}"
                await asyncio.sleep(0.02)
        finally:
            await connection.close()

    async def decided(self, call_id: str) -> None:
        """Wait until it is known why the call ends, though somebody may be hearing it yet."""
        deadline = time.monotonic() + 20
        while not (call := await self.call(call_id))["end_reason"]:
            assert time.monotonic() < deadline, call
            await asyncio.sleep(0.02)

    async def hire(self, name: str, contact: str, extension: str | None = None) -> None:
        """One more agent, as an admin adds one while the service runs; she is known at once."""
        self.extensions[name] = extension = extension or _extension()
        agent = {"email": email(name), "name": name.capitalize(), "contact": contact, "extension": extension}
        status, body = await self.api("POST", "/api/v1/agents", json=agent)
        assert status == 201, body

    async def give_token(self, name: str, **fields: Any) -> dict[str, Any]:
        """A new token, as an admin makes one while the service runs; it opens at once."""
        status, body = await self.api("POST", "/api/v1/tokens", json={"name": name, **fields})
        assert status == 201, body
        return dict(body)

    async def hang_up_all(self) -> None:
        """No call outlives its test."""
        for live in (await self.api("GET", "/api/v1/calls"))[1]["calls"]:
            await self.api("DELETE", f"/api/v1/calls/{live['id']}")
        await self.nothing_left()

    async def nothing_left(self, seconds: float = 15.0) -> None:
        """Within this time Asterisk has no channel and no bridge of ours."""
        deadline = time.monotonic() + seconds
        while left := await self.exchange.left_over(self.app):
            assert time.monotonic() < deadline, f"left over: {left}"
            await asyncio.sleep(0.05)

    async def ready(self, wanted: int = 200, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until /readyz answers so."""
        deadline = time.monotonic() + timeout
        while True:
            async with self.session.get(f"{self.address}/readyz") as answer:
                body = await answer.json()
                if answer.status == wanted:
                    return dict(body)
            assert time.monotonic() < deadline, body
            await asyncio.sleep(0.05)


def email(agent: str) -> str:
    """Her address."""
    return f"{agent}@getdesk.example"


@asynccontextmanager
async def exchange(
    records: str | None = None,
    routes: Mapping[str, str | list[str]] | None = None,
    numbers: Mapping[str, phones.Behaviour] | None = None,
) -> AsyncIterator[Exchange]:
    """Start Asterisk and the phones on free ports.

    `records` is the URL of the database for its CDR and CEL, `routes` are those that the dialplan knows by itself, and
    `numbers` are further rules of the carrier.
    """
    folder = Path(tempfile.mkdtemp(prefix="ctc-it-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        rules = {f"4420794600{digits}": behaviour for digits, behaviour in NUMBERS.values()}
        carrier = await stack.enter_async_context(phones.carrier({**rules, **(numbers or {}), "*": phones.answer()}))
        agents = await stack.enter_async_context(phones.carrier(AGENTS, user="agents"))
        callers = tuple(phones.free_port() for _ in range(3))
        config = Config(
            asterisk=Asterisk(
                nodes=(Node(name="pbx", ari_url=f"http://127.0.0.1:{phones.free_port()}/ari", password="integration"),),
                trunk_contact=carrier.uri.replace("carrier@", ""),
                trunk_addresses=tuple(f"127.0.0.1:{port}" for port in callers),
                sip_bind=f"127.0.0.1:{phones.free_port()}",
                caller_id=CARRIER_ID,
                ring_timeout=RingTimeout(agent=3, customer=3),
            ),
            inbound=Inbound(routes=dict(routes or {})),
            limits=Limits(agent_calls_per_minute=1000, concurrent_calls=500, calls_per_second=500, duplicate_window=0),
            agents=(
                *(
                    AgentSeed(
                        email=email(user),
                        name=user.capitalize(),
                        extension=str(2000 + position),
                        contact=f"sip:{user}@127.0.0.1:{agents.port}",
                    )
                    for position, user in enumerate([*AGENTS, *(f"a{n}" for n in range(20))])
                    if user != "*"
                ),
                AgentSeed(
                    email=email("auto"),
                    extension="3001",
                    contact=f"sip:auto@127.0.0.1:{agents.port}",
                    auto_answer=True,
                ),
                AgentSeed(email=email("registers"), name="Registers", extension="3002", sip_password="a-password"),
                AgentSeed(email=email("nowhere"), name="Nowhere"),
                #: A phone of which the service thinks that it is the browser of whoever has that extension.
                AgentSeed(
                    email=email("browser"),
                    name="Browser",
                    extension="3999",
                    desk_endpoint=f"PJSIP/web-{STAND_IN}",
                    sip_password="a-password",
                ),
                AgentSeed(
                    email=email("own"),
                    extension="3003",
                    contact=f"sip:own@127.0.0.1:{agents.port}",
                    caller_id="+442079460177",
                ),
            ),
        )
        installation = asterisk.find() or asterisk.install()
        process = await stack.enter_async_context(
            asterisk.running(config, folder / "asterisk", installation, records=records)
        )
        yield Exchange(config, folder, process, carrier, agents, callers)


@asynccontextmanager
async def world(
    at: Exchange, server: databases.Server, *, app: str, url: str | None = None, **changes: Any
) -> AsyncIterator[World]:
    """A service of its own name on that Asterisk, with a database of its own unless its URL is given.

    `changes` are of `asterisk`, but for `limits`, `routes`, `crm` and `webhooks`.
    """
    async with AsyncExitStack() as stack:
        if url is None:
            url = await stack.enter_async_context(server.migrated())
        data = tempfile.mkdtemp(prefix="data-", dir=at.folder)
        limits: Limits = changes.pop("limits", at.config.limits)
        routes: dict[str, str | list[str]] = changes.pop("routes", {})
        crm: Crm = changes.pop("crm", at.config.crm)
        webhooks: Webhooks = changes.pop("webhooks", at.config.webhooks)
        config = replace(
            at.config,
            server=changes.pop("http", Server(port=0)),
            database=Database(url=url, data_dir=data),
            asterisk=replace(at.config.asterisk, app=app, **changes),
            limits=limits,
            inbound=Inbound(routes=routes),
            crm=crm,
            webhooks=webhooks,
        )
        token = await prepare(url)
        heard: list[Happening] = []
        address = await stack.enter_async_context(
            service(config, listeners=(heard.append,), asterisk_folder=at.folder / "asterisk")
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = World(at, config, url, address, token, session, heard)
        await made.ready()
        yield made


async def at_once(stack: AsyncExitStack, *contexts: AbstractAsyncContextManager[Any]) -> list[Any]:
    """Enter all of them side by side, for as long as the stack lasts."""
    async with asyncio.TaskGroup() as starting:
        entered = [starting.create_task(stack.enter_async_context(context)) for context in contexts]
    return [task.result() for task in entered]


async def prepare(url: str) -> str:
    """A contact and a token; returns the token."""
    async with await open_pool(url, min_size=1) as pool:
        await put_contact(pool, "grace", "Grace Hopper", number("answers"))
        async with pool.acquire() as connection:
            _, token = await create_token(connection, "crm", now=time.time())
    return token
