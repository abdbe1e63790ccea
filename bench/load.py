"""Offers calls at a rate, whatever becomes of them, and waits until they are over."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

import aiohttp

from tests.phones import sipp_caller

from .calls import Order, Outcome, System, outcomes
from .legs import Leg, LegLog
from .stage import CALLER, LEAVING_NUMBER, Stage

__all__ = ["dial_from_phone", "drain", "offer", "run_block"]

#: Seconds a call may take to come about and be over once the last was placed.
DRAIN_SECONDS = 4.0


async def offer(
    stage: Stage, system: System, rate: float, calls: int, *, rings: bool, stays: bool = False, jitter: float = 0.0
) -> list[Order]:
    """Place `calls` calls, `rate` a second, each shifted by up to `jitter` of the interval; open loop."""
    orders = [Order.make(stage.slot(), rings=rings, stays=stays) for _ in range(calls)]
    begun = asyncio.get_running_loop().time()
    placing = []
    for position, order in enumerate(orders):
        due = begun + (position + random.uniform(0.0, jitter)) / rate
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        placing.append(asyncio.create_task(_place(system, order)))
    await asyncio.gather(*placing)
    return orders


async def _place(system: System, order: Order) -> None:
    try:
        async with asyncio.timeout(5.0):
            await system.place(order)
    except (TimeoutError, aiohttp.ClientError):
        order.status = order.status or 599


async def drain(stage: Stage, orders: list[Order], *, stays: bool = False) -> list[Outcome]:
    """The orders' outcomes, as soon as all are over (or, with `stays`, connected), at the latest after a while."""
    end = time.monotonic() + DRAIN_SECONDS
    while True:
        found = outcomes(stage, orders)
        done = all(
            outcome.order.status >= 300 or (outcome.connected if stays else outcome.complete) for outcome in found
        )
        if done or time.monotonic() > end:
            return found
        await asyncio.sleep(0.1)


async def run_block(
    stage: Stage, system: System, rate: float, calls: int, *, rings: bool, jitter: float = 0.0
) -> list[Outcome]:
    """Offer, then wait for the end of all."""
    stage.forget()
    orders = await offer(stage, system, rate, calls, rings=rings, jitter=jitter)
    return await drain(stage, orders)


async def dial_from_phone(stage: Stage, rate: float, calls: int) -> list[Leg]:
    """A phone calls an extension that does Dial(); its legs that were answered, and released by the customer's end."""
    to = f"sip:{LEAVING_NUMBER}000@{stage.sip}"
    async with sipp_caller(to, from_=CALLER, calls=calls, rate=rate, light=True) as caller:
        log = LegLog(caller.folder / "short.log")
        with suppress(TimeoutError):
            async with asyncio.timeout(calls / rate + DRAIN_SECONDS):
                await caller.process.wait()
        return [leg for leg in log.read().values() if leg.answered and leg.released]
