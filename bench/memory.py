"""Figure 7: what a live call occupies, and what remains after many."""

from __future__ import annotations

import asyncio
import time

from .load import drain, offer, run_block
from .machine import heap_bytes
from .report import Figure, Ratio, measure, ratio
from .stage import Stage
from .systems import Service, service_client

__all__ = ["hang_up_all", "memory", "place_staying"]

#: As fast as leaves room for the rest of the machine.
PLACING_RATE = 40.0
WARM_UP = 200
#: The short calls stop after this long, however few they were: a slow machine has to come to an end too.
LONGEST = 240.0
KIB, MIB = 1024, 1024 * 1024


async def memory(stage: Stage, *, live: int, calls: int, rate: float) -> Figure:
    """A fresh service, warmed up: some live calls, then many short ones."""
    await stage.service.stop()
    await stage.service.start()
    faults = []
    async with service_client(stage) as service:
        await run_block(stage, service, PLACING_RATE, WARM_UP, rings=False)
        before = await _heap(stage)
        connected = await place_staying(stage, service, live)
        during = await _heap(stage)
        if connected < live:
            faults.append(f"only {connected} of {live} live calls came about")
        await hang_up_all(service)
        done, failed, refused = await _short_calls(stage, service, rate, calls)
        if failed:
            faults.append(f"{failed} of {done:,} short calls failed, {refused} of them were refused with 429.")
        await asyncio.sleep(11.0)  # housekeeping runs every 10 s
        after = await _heap(stage)
    each = (during - before) / max(1, connected) / KIB
    left = (after - before) / MIB
    reached: list[Ratio] = [
        ratio(f"memory per live call ({connected} of them)", each, " KiB", most=32),
        ratio(f"what remains after {done:,} calls", left, " MB", most=5),
    ]
    return Figure(
        "Memory of the service",
        (
            measure("warmed up", "MB", [before / MIB]),
            measure(f"with {connected} live calls", "MB", [during / MIB]),
            measure(f"after them and {done:,} short calls", "MB", [after / MIB]),
        ),
        tuple(reached),
        ("Anonymous pages: what the process holds beyond its files.", *faults),
    )


async def _short_calls(stage: Stage, service: Service, rate: float, calls: int) -> tuple[int, int, int]:
    """Up to so many calls at this rate; how many there were, failed, and were refused."""
    done = failed = refused = 0
    end = time.monotonic() + LONGEST
    while done < calls and time.monotonic() < end:
        outcomes = await run_block(stage, service, rate, min(500, calls - done), rings=False)
        done += len(outcomes)
        failed += sum(not outcome.complete for outcome in outcomes)
        refused += sum(outcome.order.status == 429 for outcome in outcomes)
    return done, failed, refused


async def _heap(stage: Stage) -> int:
    await asyncio.sleep(1.0)
    return heap_bytes(stage.service.pid)


async def place_staying(stage: Stage, service: Service, calls: int) -> int:
    """Place calls that stay; how many are connected."""
    stage.forget()
    orders = await offer(stage, service, PLACING_RATE, calls, rings=False, stays=True)
    return sum(outcome.connected for outcome in await drain(stage, orders, stays=True))


async def hang_up_all(service: Service) -> None:
    """End every live call, a few at a time, and wait until none is left."""
    for call_id in await service.live():
        await service.hang_up(call_id)
    for _ in range(100):
        if not await service.live():
            return
        await asyncio.sleep(0.1)
