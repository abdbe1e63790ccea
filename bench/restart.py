"""Figure 8: the service is killed under live calls and started again."""

from __future__ import annotations

import asyncio

from .memory import hang_up_all, place_staying
from .report import Figure, measure, ratio
from .stage import Stage
from .systems import service_client

__all__ = ["restart"]

#: Long enough for a BYE that should not come.
WATCH_SECONDS = 2.0


async def restart(stage: Stage, *, live: int, rounds: int) -> Figure:
    """`kill -9`, start, look who is still talking; then again with the same calls."""
    reconciled: list[float] = []
    ready: list[float] = []
    faults: list[str] = []
    async with service_client(stage) as service:
        connected = await place_staying(stage, service, live)
        if connected < live:
            faults.append(f"only {connected} of {live} calls came about")
    for _ in range(rounds):
        await asyncio.sleep(1.0)
        await stage.service.kill()
        started = await stage.service.start()
        reconciled.append(started.reconciled)
        ready.append(started.ready)
        await asyncio.sleep(WATCH_SECONDS)
        async with service_client(stage) as service:
            known = len(await service.live())
        legs = (*stage.agents.log.read().values(), *stage.customers.log.read().values())
        dropped = sum(leg.over is not None for leg in legs)
        if dropped or known != connected:
            faults.append(f"{dropped} legs dropped, {known} calls known")
    async with service_client(stage) as service:
        await hang_up_all(service)
    if stuck := await stage.settle():
        faults.append(f"{stuck} channels stuck after hanging up")
    whole = measure("start → reconciled and ready", "s", ready)
    return Figure(
        f"Restart with {connected} live calls",
        (measure("start → reconciled", "s", reconciled), whole),
        (ratio(f"restart with {connected} live calls: start → all reconciled", whole.median, " s", most=1.0),),
        tuple(faults) or ("None dropped, all known again.",),
    )
