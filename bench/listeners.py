"""What listeners of the events cost the calls: `python -m bench.listeners [--listeners 1000] [--events 100]`.

The application runs in this process with a desk that places no real calls; who listens and who asks are processes of
their own. Three figures, with nobody listening, with everybody hearing everything, and with each hearing one agent's
calls: what an event adds to the desk's own step, how long a REST request takes meanwhile, and when the last has it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import logging
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import uvloop

from ctc_ari import logs
from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Agent
from ctc_ari.calls.ports import Happening
from ctc_ari.directory import Principal
from ctc_ari.runtime.open_files import allow_many
from tests.http.conftest import Server, World
from tests.http.fakes import CREATED, NUMBER, TOKEN, a_call

#: Seconds between two events.
PAUSE = 0.05
HANDSHAKE = (
    "GET /api/v1/events HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nAuthorization: Bearer {{}}\r\n\r\n"
)
#: The calls' ids tell when their event happened.
_WHEN = re.compile(rb'"data":\{"id":"([0-9.]+)"')


async def measure(listeners: int, events: int) -> None:
    """Print the figures."""
    world = World()
    for number in range(listeners):
        world.directory.tokens[own(number)] = Principal("own", "own", frozenset({email(number)}))
    handing_out = asyncio.create_task(world.events.run())
    async with Server(world.services()) as server:
        gc.collect()
        gc.freeze()
        print(f"{listeners} listeners, {events} events, one each {PAUSE * 1000:.0f} ms")
        for what in ("nobody", "everything", "own"):
            async with child("crowd", what, server.port, listeners if what != "nobody" else 0) as crowd:
                async with child("probe", what, server.port, 0) as probe:
                    steps = [await happen(world, number % listeners) for number in range(events)]
                print(
                    f"{what:>12}: step p50 {part(steps, 0.5) * 1000:.1f} µs, p99 {part(steps, 0.99) * 1000:.0f} µs"
                    f" | REST p50 {part(probe, 0.5):.2f} ms, p99 {part(probe, 0.99):.2f} ms",
                    end="",
                )
            print(f" | last listener p50 {part(crowd, 0.5):.1f} ms, p99 {part(crowd, 0.99):.1f} ms" if crowd else "")
    handing_out.cancel()


async def happen(world: World, number: int) -> float:
    """An event of that agent's call; the milliseconds of the desk's step that it took."""
    await asyncio.sleep(PAUSE)
    call = a_call(f"{time.time():.6f}", PlaceCall(Agent(email(number)), NUMBER))
    happening = Happening(call, "call.answered", CREATED, 1)
    before = time.perf_counter()
    world.events.heard(happening)
    return (time.perf_counter() - before) * 1000


def email(number: int) -> str:
    return f"a{number}@example.com"


def own(number: int) -> str:
    """The token that hears of one agent's calls."""
    return f"ctc_{number:012x}_own"


def part(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@asynccontextmanager
async def child(role: str, what: str, port: int | None, listeners: int) -> AsyncIterator[list[float]]:
    """Another process of this file, for as long as the block runs; then its milliseconds are in the list."""
    arguments = ("--role", role, "--what", what, "--port", str(port), "--listeners", str(listeners))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.listeners", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    found: list[float] = []
    yield found
    await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    found += json.loads(await process.stdout.readline())
    await process.wait()


class Listener(asyncio.Protocol):
    """Notes when it got what."""

    def __init__(self, token: str, last: dict[bytes, float]) -> None:
        self._token = token
        self._last = last
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(HANDSHAKE.format(self._token).encode())

    def data_received(self, data: bytes) -> None:
        if not self.ready.done() and b'"snapshot"' in data:
            self.ready.set_result(None)
        for when in _WHEN.findall(data):
            self._last[when] = time.time()


async def crowd(what: str, port: int, listeners: int, stop: asyncio.Event) -> list[float]:
    """So many listeners; for each event the milliseconds until the last of them had it."""
    last: dict[bytes, float] = {}
    loop = asyncio.get_running_loop()
    for number in range(listeners):
        token = own(number) if what == "own" else TOKEN
        _, listener = await loop.create_connection(lambda token=token: Listener(token, last), "127.0.0.1", port)  # type: ignore[misc]
        await listener.ready
    print("ready", flush=True)
    await stop.wait()
    return [(got - float(when)) * 1000 for when, got in last.items()]


async def probe(port: int, stop: asyncio.Event) -> list[float]:
    """One request after the other, as a call's next step would come; the milliseconds of each."""
    times: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        print("ready", flush=True)
        while not stop.is_set():
            before = time.perf_counter()
            async with session.get(f"http://127.0.0.1:{port}/api/v1/calls") as answer:
                await answer.read()
            times.append((time.perf_counter() - before) * 1000)
            await asyncio.sleep(0.002)
    return times


async def act(role: str, what: str, port: int, listeners: int) -> None:
    """A child's whole life."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    times = await (crowd(what, port, listeners, stop) if role == "crowd" else probe(port, stop))
    print(json.dumps(times), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--role", choices=("crowd", "probe"))
    parser.add_argument("--what", default="")
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    logs.configure(level=logging.WARNING)
    allow_many()
    if chosen.role:
        uvloop.run(act(chosen.role, chosen.what, chosen.port, chosen.listeners))
    else:
        uvloop.run(measure(chosen.listeners, chosen.events))
