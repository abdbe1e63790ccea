"""Everything a figure needs, running: one Asterisk, two SIPp phones, PostgreSQL and the service."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from ctc_ari.calls.model import Agent
from ctc_ari.config import Asterisk, Config, Inbound, Node
from ctc_ari.runtime import asterisk, processes
from ctc_ari.runtime.asterisk_files import run_dir
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.agents import add_agent
from ctc_ari.store.migrate import ensure_current
from ctc_ari.store.pool import open_pool
from ctc_ari.store.tokens import create_token
from tests.phones import SippPhone, answer, carrier, free_port

from .legs import LegLog
from .server import ServiceProcess

__all__ = ["BARE_APP", "CALLED", "RINGING_PREFIX", "STAYING_NUMBER", "Called", "Phone", "Stage", "stage"]

AGENTS = 1000
#: An agent whose user starts so lets it ring before she answers; the others answer at once.
RINGING_PREFIX, INSTANT_PREFIX = "7", "2"
RING_SECONDS = 0.07
#: A customer whose number starts so stays until the other side hangs up; the others soon hang up themselves.
STAYING_NUMBER, LEAVING_NUMBER = "442079461", "442079460"
TALK_SECONDS = 0.1

#: Far beyond what is offered, so that only the figure about limits meets one.
LIMITS = {
    "agent_calls_per_minute": 1_000_000,
    "concurrent_calls": 5000,
    "calls_per_second": 5000,
    "duplicate_window": 0,
}

#: A phone that calls, and the dialplan for it, which is all that a plain Asterisk would need.
CALLER = "benchcaller"
DIAL_CONTEXT = "bench-dial"
_DIALPLAN = f"""
[{DIAL_CONTEXT}]
exten = _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,30)
 same = n,Hangup()
"""
_ENDPOINT = f"""
[{CALLER}](phone)
context = {DIAL_CONTEXT}
identify_by = username
"""


@dataclass(frozen=True)
class Called:
    """A number of ours that customers call: whose it is, and the user of the agent's phone that rings for it."""

    number: str
    agent: str
    #: `service`, `bare ARI` or `Dial()`.
    subject: str


#: Called one after the other, so that the subjects take turns. SIPp counts its calls in single digits so far.
CALLED = tuple(
    Called(f"+4420794607{position}", f"{RINGING_PREFIX}{position:04}", ("Dial()", "service", "bare ARI")[position % 3])
    for position in range(1, 10)
)
#: The application that takes the bare client's calls.
BARE_APP = "bench-bare"


def _reception(port: int) -> str:
    """What a plain Asterisk needs for calls from the trunk to an agent's phone; one hands them to the bare client."""
    lines = ["", "[from-trunk](+)"]
    for called in CALLED:
        if called.subject == "Dial()":
            lines.append(f"exten = {called.number},1,Dial(PJSIP/ctc-phone/sip:{called.agent}@127.0.0.1:{port},25)")
        elif called.subject == "bare ARI":
            lines.append(f"exten = {called.number},1,Stasis({BARE_APP},{called.agent})")
    return "\n".join([*lines, ""])


@dataclass
class Phone:
    """A SIPp phone and what its log says."""

    sipp: SippPhone
    log: LegLog


@dataclass
class Stage:
    """What a figure works with."""

    installation: asterisk.Installation
    node: Node
    sip: str
    #: Who calls from here is the carrier.
    trunk_port: int
    asterisk_pid: int
    postgres_pid: int
    agents: Phone
    customers: Phone
    service: ServiceProcess
    token: str
    #: The service's own.
    database_url: str
    #: To Asterisk's ARI, with keep-alive, for baselines and for looking.
    ari: aiohttp.ClientSession
    say: Callable[[str], None]
    _next: int = field(default=0, init=False)

    def slot(self) -> int:
        """The next agent's number, round and round: each has one call at a time."""
        self._next = (self._next + 1) % AGENTS
        return self._next

    def forget(self) -> None:
        """Start a new block of calls."""
        self.agents.log.forget()
        self.customers.log.forget()

    async def channels(self) -> list[str]:
        """The ids of all channels in Asterisk."""
        async with self.ari.get(f"{self.node.ari_url}/channels") as reply:
            return [channel["id"] for channel in await reply.json()]

    async def settle(self, seconds: float = 5.0) -> int:
        """Wait until no channel is left; after `seconds` remove the rest. Returns how many had to be removed."""
        left = await self.channels()
        for _ in range(int(seconds / 0.1)):
            if not left:
                return 0
            await asyncio.sleep(0.1)
            left = await self.channels()
        for channel in left:
            (await self.ari.delete(f"{self.node.ari_url}/channels/{channel}")).release()
        async with self.ari.get(f"{self.node.ari_url}/bridges") as reply:
            for bridge in await reply.json():
                (await self.ari.delete(f"{self.node.ari_url}/bridges/{bridge['id']}")).release()
        await asyncio.sleep(0.5)
        return len(left)


@asynccontextmanager
async def stage(say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """All parts, for as long as the block runs; nothing of them is left afterwards."""
    async with AsyncExitStack() as stack:
        # /tmp may be memory, where a commit costs nothing.
        folder = Path(tempfile.mkdtemp(prefix="ctc-bench-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        installation = asterisk.find() or asterisk.install()
        rules = {f"{RINGING_PREFIX}*": answer(RING_SECONDS), "*": answer()}
        agents = await stack.enter_async_context(carrier(rules, user="agent", light=True))
        rules = {f"{STAYING_NUMBER}*": answer(), "*": answer(hang_up_after=TALK_SECONDS)}
        customers = await stack.enter_async_context(carrier(rules, light=True))
        say("phones are there")

        trunk_port = free_port()
        config = Config(
            asterisk=Asterisk(
                nodes=(Node(ari_url=f"http://127.0.0.1:{free_port()}/ari", password="bench"),),
                trunk_contact=f"sip:127.0.0.1:{customers.port}",
                trunk_addresses=(f"127.0.0.1:{trunk_port}",),
                sip_bind=f"127.0.0.1:{free_port()}",
                caller_id="+442079460999",
            ),
            inbound=Inbound(
                routes={called.number: f"{called.agent}@bench.test" for called in CALLED if called.subject == "service"}
            ),
        )
        dialplan = _DIALPLAN + _reception(agents.port)
        process = await stack.enter_async_context(_asterisk(config, folder / "asterisk", installation, dialplan))
        url = await stack.enter_async_context(embedded(folder / "var", keep_running_after_crash=False))
        token = await _seed(url, agents.port)
        say("Asterisk and PostgreSQL are there")

        node = config.asterisk.nodes[0]
        port = free_port()
        service = ServiceProcess(folder, _document(config, folder, port), port)
        ari = await stack.enter_async_context(
            aiohttp.ClientSession(
                auth=aiohttp.BasicAuth(node.username, node.password),
                connector=aiohttp.TCPConnector(limit=50, keepalive_timeout=10),
            )
        )
        made = Stage(
            installation,
            node,
            config.asterisk.sip_bind,
            trunk_port,
            process.pid,
            int((folder / "var/postgres/postmaster.pid").read_text().split()[0]),
            Phone(agents, LegLog(agents.folder / "short.log")),
            Phone(customers, LegLog(customers.folder / "short.log")),
            service,
            token,
            url,
            ari,
            say,
        )
        await service.start()
        stack.push_async_callback(service.stop)
        say("the service is there")
        try:
            yield made
        except Exception:
            said = (folder / "asterisk/log/console").read_text(errors="replace")[-2000:]
            say(f"Asterisk (exit status {process.returncode}) said:\n{said}")
            say(f"the service (exit status {service.returncode}) said:\n{service.last_words()}")
            raise


@asynccontextmanager
async def _asterisk(
    config: Config, out: Path, installation: asterisk.Installation, dialplan: str
) -> AsyncIterator[processes.Process]:
    """The service's own Asterisk configuration, and beside it the dialplan it is compared with."""
    asterisk.render(config, out, installation)
    for name, text in (("extensions.conf", dialplan), ("pjsip.conf", _ENDPOINT)):
        with (out / name).open("a") as file:
            file.write(text)
    process = await processes.start(asterisk.command(installation, out), output=out / "log" / "console")
    try:
        await asterisk.wait_ready(config, process, out=out)
        yield process
    finally:
        await processes.stop(process)
        shutil.rmtree(run_dir(out), ignore_errors=True)


async def _seed(url: str, port: int) -> str:
    """Agents whose phones are at this port, and a token for all of them."""
    pool = await open_pool(url)
    try:
        await ensure_current(pool)
        async with pool.acquire() as connection, connection.transaction():
            for prefix in (RINGING_PREFIX, INSTANT_PREFIX):
                for index in range(AGENTS):
                    user = f"{prefix}{index:04}"
                    contact = f"sip:{user}@127.0.0.1:{port}"
                    await add_agent(connection, Agent(f"{user}@bench.test", "Agent", user, contact=contact))
            _, token = await create_token(connection, "bench", now=0.0)
        return token
    finally:
        await pool.close()


def _document(config: Config, folder: Path, port: int) -> dict[str, Any]:
    return {
        "server": {"port": port},
        "database": {"data_dir": str(folder / "var")},
        "asterisk": msgspec.to_builtins(config.asterisk),
        "limits": LIMITS,
        "inbound": msgspec.to_builtins(config.inbound),
    }
