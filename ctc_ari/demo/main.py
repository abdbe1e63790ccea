"""`ctc-ari demo`: private Asterisk, embedded PostgreSQL, the service, people, a carrier; nothing left afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

import uvloop

from ctc_ari import logs
from ctc_ari.app import service
from ctc_ari.config import Asterisk, Config, Database, Inbound, Limits, Node, Server
from ctc_ari.demo.carrier import simulated_carrier
from ctc_ari.demo.desk import serving
from ctc_ari.demo.fetch import fetch
from ctc_ari.demo.sample import AGENT, CONTACTS, DESK_AGENT, OWN_PHONE, ROUTES, TRUNK_NUMBER, agents
from ctc_ari.demo.story import Story
from ctc_ari.errors import NotFound, SetupError
from ctc_ari.runtime import asterisk
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.agents import set_agent
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.migrate import ensure_current
from ctc_ari.store.pool import open_pool
from ctc_ari.store.tokens import create_token, revoke_token

__all__ = ["run"]

HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1


def run(port: int = 8080, directory: Path = Path("var/demo")) -> None:
    """Run until Ctrl-C. Raises SetupError with one line that says what to do."""
    _end_with_make()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        log = (directory / "service.log").open("a", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{directory}: cannot be written: {error.strerror}; run this in a folder of yours") from None
    with log:
        logs.configure(stream=log, readable=False)
        uvloop.run(_until_told(port, directory))


def _end_with_make() -> None:
    """`make demo` killed with -9 tells nobody; the kernel does."""
    make = os.environ.get("CTC_DEMO_LEASH")
    if make and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if str(os.getppid()) != make:
            raise SetupError("make demo was ended")


async def _until_told(port: int, directory: Path) -> None:
    loop = asyncio.get_running_loop()
    demo = asyncio.current_task()
    assert demo is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, demo.cancel)
    try:
        await _demo(port, directory)
    except asyncio.CancelledError:
        _say("\nStopped; nothing is left running.")


async def _demo(port: int, directory: Path) -> None:
    _check_port(port)
    installation = asterisk.find()
    if installation is None:
        _say("Fetching Asterisk, once, about 110 MB …")
        installation = await fetch()
    async with contextlib.AsyncExitStack() as stack:
        _step("database")
        url = await stack.enter_async_context(embedded(directory / "database", keep_running_after_crash=False))
        carrier = f"{HOST}:{_free_port(5070)}"
        desk_port = _free_port(8090)
        config = _config(port, desk_port, url, carrier, _kept_secret(directory / "sip-password"))
        token = await _people(url, config)
        _step(f"Asterisk {'.'.join(map(str, installation.version))}")
        await stack.enter_async_context(
            asterisk.running(config, directory / "asterisk", installation, carrier_bind=carrier, records=url)
        )
        _step("service")
        listeners = (Story(_say).heard,)
        folder = directory / "asterisk"
        address = await stack.enter_async_context(service(config, listeners=listeners, asterisk_folder=folder))
        await _ready(address)
        carrier_page = await stack.enter_async_context(
            simulated_carrier(_free_port(8091), config.asterisk.nodes[0], pages=config.server.allowed_origins)
        )
        desk = await stack.enter_async_context(
            serving(desk_port, base_url=address, token=token, agent=DESK_AGENT, simulated_carrier=carrier_page)
        )
        _welcome(address, desk, carrier_page, token, config)
        await asyncio.Event().wait()


def _config(port: int, desk_port: int, database_url: str, carrier: str, sip_password: str) -> Config:
    node = Node(name="demo", ari_url=f"http://{HOST}:{_free_port(8088)}/ari", password=secrets.token_urlsafe(24))
    return Config(
        server=Server(
            host=HOST, port=port, allowed_origins=(f"http://{HOST}:{desk_port}", f"http://localhost:{desk_port}")
        ),
        database=Database(url=database_url),
        asterisk=Asterisk(
            nodes=(node,),
            trunk_contact=f"sip:{carrier}",
            caller_id=TRUNK_NUMBER,
            sip_bind=f"{HOST}:{_free_port(5060)}",
        ),
        inbound=Inbound(routes=ROUTES),
        limits=Limits(agent_calls_per_minute=60, duplicate_window=3),
        agents=agents(carrier, sip_password),
    )


async def _people(url: str, config: Config) -> str:
    """Contacts, the agents' phones where they are today, and a fresh token."""
    pool = await open_pool(url)
    try:
        await ensure_current(pool)
        contacts = PostgresContacts(pool)
        for contact in CONTACTS:
            await contacts.put(contact)
        async with pool.acquire() as connection:
            for agent in config.agents:
                with contextlib.suppress(NotFound):
                    await set_agent(connection, agent.email, contact=agent.contact)
            with contextlib.suppress(NotFound):
                await revoke_token(connection, "demo", now=time.time())
            _, token = await create_token(connection, "demo", now=time.time())
    finally:
        await pool.close()
    return token


async def _ready(address: str) -> None:
    """The curl line is printed when it works."""
    host, _, port = address.removeprefix("http://").partition(":")
    for _ in range(100):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        if b" 200 " in answer.split(b"\r\n", 1)[0]:
            return
        await asyncio.sleep(0.05)
    reason = answer.partition(b"\r\n\r\n")[2].decode(errors="replace")
    raise SetupError(f"the service is not ready: {reason}")


def _welcome(address: str, desk: str, carrier: str, token: str, config: Config) -> None:
    number = "020 7946 0001".replace(" ", "%20")
    url = f"{address}/ClickToCallAPI?phone_number={number}&email={AGENT}&token={token}"
    bob = next(agent for agent in config.agents if agent.email == OWN_PHONE)
    _say(f"\n\nReady. Open {desk} in a browser, choose a contact, and click the number: you talk there.\n")
    _say("A customer calls the desk (its button does the same; don't answer, and it is a missed call):\n")
    _say(f"  curl -X POST {carrier}/calls\n")
    _say("A click in a CRM, as one line for another terminal; watch the story here:\n")
    _say(f"  curl '{url}'\n")
    _say("The customers of the simulated carrier:\n")
    for contact in CONTACTS:
        _say(f"  {contact.numbers[0].number}  {contact.name:<18} {contact.external['simulated']}")
    _say(f"\nYour own softphone: user {bob.extension}, password {bob.sip_password}, server {config.asterisk.sip_bind};")
    _say(f"then put email={OWN_PHONE} into the line above.")
    _say(f"The API, to read and to try: {address}/docs")
    _say(f"With Postman (docs/postman.md): base_url {address}, token {token}")
    _say("Ctrl-C stops everything.\n")


def _kept_secret(path: Path) -> str:
    """The same from start to start, so that a softphone stays configured."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SetupError(
                f"port {port} is in use; choose another: make demo PORT={port + 1}, or ctc-ari demo --port {port + 1}"
            ) from None


def _free_port(usual: int) -> int:
    """The usual port, or any free one: nobody types these."""
    for wanted in (usual, 0):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind((HOST, wanted))
                port: int = tcp.getsockname()[1]
                udp.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SetupError("no free port on this machine; stop some programs and try again")


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def _step(what: str) -> None:
    print(f"Starting {what} …", flush=True)
