"""Many calls of every kind, while the service is killed, cut off from Asterisk, and left without its database."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import msgspec
import yaml
from msgspec.structs import replace

from ctc_ari.calls.model import Agent
from ctc_ari.config import Database, Inbound, RingTimeout, Server, Webhooks
from ctc_ari.runtime import processes
from ctc_ari.store.agents import add_agent
from ctc_ari.store.tokens import create_token
from tests import phones
from tests.integration.legs import Leg, legs_of
from tests.integration.process import Killable
from tests.integration.wire import Wire, wire
from tests.integration.world import STAND_IN, Exchange, email, exchange, prepare
from tests.store import databases

__all__ = ["WISHES", "Run", "mixed"]

#: What the customers behind the numbers with this prefix do.
CUSTOMERS = {
    "4420770": phones.answer(after=0.2),
    "4420771": phones.busy,
    "4420772": phones.ring_forever(),
    "4420773": phones.declined,
    "4420774": phones.reject(404),
    "4420775": phones.answer(hang_up_after=1.0),
    "4420776": phones.answer(after=1.0),
    "4420777": phones.reject(480),
}
#: What is done in the middle of a call.
WISHES = ("nothing", "hold", "blind", "blind", "attended", "attended", "mute", "record", "listen")
#: What the agents' phones do, and how many agents there are with each.
PHONES = {"answers": 16, "slow": 4, "leaves": 3, "busy": 2, "declines": 2, "rings": 2}
DIDS = {"+442079460701": "slow", "+442079460702": "busy", "+442079460703": "answers"}
ROUTES: dict[str, str | list[str]] = {did: [email(agent)] for did, agent in DIDS.items()}
_CALLERS = "4420780"


@dataclass
class Run:
    """The parts, and who is free."""

    desk: Killable
    at: Exchange
    database: databases.Server
    cable: Wire
    chance: random.Random
    agents: dict[str, asyncio.Queue[str]]
    ports: asyncio.Queue[int]
    #: The agent whose phone has keys, and the one who has two phones: free or not.
    keys: asyncio.Lock
    devices: asyncio.Lock
    supervisor: str
    #: Seconds for which the database is away the first time.
    away: float
    #: As the callers saw it.
    inbound: list[Leg] = field(default_factory=list)
    placed: int = 0
    #: What was done in the middle of calls, and what happened to the parts.
    done: Counter[str] = field(default_factory=Counter)
    numbers: int = 0

    def number(self, prefix: str) -> str:
        """One that nobody else has."""
        self.numbers += 1
        return f"+{prefix}{self.numbers:05}"

    async def wish(self, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
        """A request, in whatever state the service is."""
        try:
            return await self.desk.api(method, path, timeout=aiohttp.ClientTimeout(total=5), **arguments)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, None

    async def outbound(self) -> None:
        """An agent calls a customer, and something happens."""
        kind = self.chance.choices(list(PHONES), weights=[10, 3, 2, 1, 1, 1])[0]
        agent = await self.agents[kind].get()
        try:
            call_id = await self.place(agent, self.chance.choices(list(CUSTOMERS), weights=[6, 1, 1, 1, 1, 2, 2, 1])[0])
            if call_id:
                self.placed += 1
                await self._talk(call_id)
                await self.over(call_id)
        finally:
            self.agents[kind].put_nowait(agent)

    async def place(self, agent: str, prefix: str) -> str | None:
        for _ in range(200):
            #: Whether a click without an answer rang, nobody knows: another one is to another number.
            status, body = await self.wish(
                "POST", "/api/v1/calls", json={"to": self.number(prefix), "email": email(agent)}
            )
            if status == 201:
                return str(body["id"])
            await asyncio.sleep(0.5)
        return None

    async def _talk(self, call_id: str) -> None:
        path = f"/api/v1/calls/{call_id}"
        if self.chance.random() < 0.7:
            await self._answered(path)
        await asyncio.sleep(self.chance.uniform(0.05, 1.5))
        wish = self.chance.choice(WISHES)
        self.done[wish] += 1
        match wish:
            case "hold":
                await self.wish("PUT", f"{path}/hold")
                await asyncio.sleep(self.chance.uniform(0.2, 1.0))
                await self.wish("DELETE", f"{path}/hold")
            case "blind":
                await self._transfer(path, "blind")
                await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            case "attended":
                begun = await self._transfer(path, "attended")
                await asyncio.sleep(self.chance.uniform(0.2, 1.5))
                if begun:
                    end = self.chance.choice([("POST", "/complete"), ("DELETE", "")])
                    await self.wish(end[0], f"{path}/transfers/{begun['id']}{end[1]}")
            case "mute":
                await self.wish("PUT", f"{path}/mute")
            case "record":
                await self.wish("PUT", f"{path}/recording")
            case "listen":
                await self._listen(path)
        await asyncio.sleep(self.chance.uniform(0.0, 1.0))

    async def _answered(self, path: str) -> None:
        """The two talk, or will not."""
        for _ in range(20):
            status, body = await self.wish("GET", path)
            if status == 200 and (body["state"] == "talking" or body["end_reason"]):
                return
            await asyncio.sleep(0.15)

    async def _listen(self, path: str) -> None:
        """A supervisor listens or takes part for a while, or to the end."""
        mode = self.chance.choice(["listen", "whisper", "barge"])
        headers = {"Authorization": f"Bearer {self.supervisor}"}
        address = f"{self.desk.address}{path}/supervisors"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.desk.session.post(
                address,
                json={"email": email("leads"), "mode": mode},
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=5),
            ) as answer:
                self.done[f"listen {answer.status}"] += 1
        await asyncio.sleep(self.chance.uniform(0.3, 1.5))

    async def _transfer(self, path: str, mode: str) -> Any:
        to = self.chance.choice(["t1", "t2", "t3", "t4", "tbusy", "trings"])
        status, body = await self.wish("POST", f"{path}/transfers", json={"to": email(to), "mode": mode})
        return body if status == 201 else None

    async def over(self, call_id: str) -> None:
        """The call and whatever came of it ends, by the API if not by itself."""
        #: Longer than the database is away.
        for _ in range(600):
            status, body = await self.wish("GET", f"/api/v1/calls/{call_id}")
            if status == 200 and body["state"] == "ended":
                following = body["transfer"] and body["transfer"]["call_id"]
                if not following or body["end_reason"] != "transferred":
                    return
                call_id = following
            elif status == 200:
                await self.wish("DELETE", f"/api/v1/calls/{call_id}")
            await asyncio.sleep(0.2)

    async def inward(self) -> None:
        """Somebody calls, and gives up after a while or talks."""
        port = await self.ports.get()
        number = self.number(_CALLERS).removeprefix("+")
        behaviour: dict[str, Any] = self.chance.choice(
            [{"hang_up_after": 1.0}, {"hang_up_after": 2.0}, {"cancel_after": 0.5, "hang_up_after": 1.0}]
        )
        to = self.at.did(self.chance.choice(list(DIDS)))
        try:
            async with phones.sipp_caller(to, from_=number, port=port, **behaviour) as caller:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(caller.process.wait(), 40)
                self.inbound += [replace(leg, number=f"+{number}") for leg in legs_of(caller)]
        finally:
            self.ports.put_nowait(port)

    async def trouble(self) -> None:
        """One kind of it after another, until cancelled."""
        troubles: list[Callable[[], Awaitable[None]]] = [self._killed, self._cut, self._without_database]
        while True:
            self.chance.shuffle(troubles)
            for trouble in troubles:
                await asyncio.sleep(self.chance.uniform(2.0, 5.0))
                await asyncio.shield(trouble())
                self.done[trouble.__name__.removeprefix("_")] += 1

    async def _killed(self) -> None:
        assert self.desk.process is not None
        if self.desk.process.returncode is None:
            await self.desk.kill()

    async def watched_over(self) -> None:
        """What an init system does: start it again a moment after it has ended, for whatever reason."""
        while True:
            assert self.desk.process is not None
            await self.desk.process.wait()
            await asyncio.sleep(self.chance.uniform(0.2, 3.0))
            await self.desk.start(ready=False)

    async def _cut(self) -> None:
        self.cable.cut()

    async def _without_database(self) -> None:
        seconds, self.away = self.away or self.chance.uniform(1.0, 4.0), 0.0
        await asyncio.to_thread(self.database.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.database.start)


@asynccontextmanager
async def mixed(folder: Path, seed: int, away: float = 0.0, webhook: str = "") -> AsyncIterator[Run]:
    """Everything that such a run needs, with nobody calling yet.

    `away`: for so many seconds the database is away the first time; `webhook` is told of every row of the log.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(databases.server())
        url = await stack.enter_async_context(database.migrated())
        await _durable(url)
        numbers = {f"{prefix}*": behaviour for prefix, behaviour in CUSTOMERS.items()}
        at = await stack.enter_async_context(exchange(url, ROUTES, numbers))
        node = at.config.asterisk.nodes[0]
        cable = await stack.enter_async_context(wire("127.0.0.1", urlsplit(node.ari_url).port or 0))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        port = phones.free_port()
        data = folder / "var"
        data.mkdir()
        (data / "asterisk").symlink_to(at.folder / "asterisk")
        config = replace(
            at.config,
            server=Server(port=port),
            database=Database(url=url, data_dir=str(data)),
            inbound=Inbound(routes=ROUTES),
            webhooks=Webhooks(allow_private=True),
            asterisk=replace(
                at.config.asterisk,
                nodes=(replace(node, ari_url=f"http://127.0.0.1:{cable.port}/ari"),),
                ring_timeout=RingTimeout(agent=3, customer=3),
            ),
        )
        (folder / "config.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(config)))
        token = await prepare(url)
        desk = Killable(at, config, url, f"http://127.0.0.1:{port}", token, session, folder=folder)
        agents = await _hire(url, at, desk.extensions)
        supervisor = await _supervisor(url)
        await desk.start()
        if webhook:
            await desk.api("POST", "/api/v1/webhooks", json={"url": webhook, "types": ["call.logged"]})
        ports: asyncio.Queue[int] = asyncio.Queue()
        for caller in at.callers:
            ports.put_nowait(caller)
        try:
            locks = asyncio.Lock(), asyncio.Lock()
            yield Run(desk, at, database, cable, random.Random(seed), agents, ports, *locks, supervisor, away)
        finally:
            if desk.process is not None:
                await processes.stop(desk.process)


async def _durable(url: str) -> None:
    """What was committed is there after a kill, as in any database that is not a test's."""
    connection = await asyncpg.connect(url)
    try:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database {name} set synchronous_commit = on")
    finally:
        await connection.close()


async def _supervisor(url: str) -> str:
    """A token with that right."""
    connection = await asyncpg.connect(url)
    try:
        _, token = await create_token(connection, "lead", rights=frozenset({"supervise"}), now=time.time())
    finally:
        await connection.close()
    return token


async def _hire(url: str, at: Exchange, extensions: dict[str, str]) -> dict[str, asyncio.Queue[str]]:
    """Agents for each behaviour of a phone, and those to whom is transferred."""
    queues: dict[str, asyncio.Queue[str]] = {kind: asyncio.Queue() for kind in PHONES}
    names = [(f"{kind}{number}", kind) for kind, count in PHONES.items() for number in range(count)]
    targets = [("t1", "answers"), ("t2", "slow"), ("t3", "answers"), ("t4", "slow"), ("tbusy", "busy")]
    targets += [("trings", "rings"), ("leads", "answers")]
    connection = await asyncpg.connect(url)
    try:
        extensions |= {name: str(number) for number, (name, _) in enumerate([*names, *targets], 5000)}
        extensions["moves"] = STAND_IN
        for name, kind in [*names, *targets, ("moves", "answers")]:
            contact = f"sip:{kind}@127.0.0.1:{at.agents.port}"
            await add_agent(connection, Agent(email(name), name, contact=contact, extension=extensions[name]))
    finally:
        await connection.close()
    for name, kind in names:
        queues[kind].put_nowait(name)
    return queues
