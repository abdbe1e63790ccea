"""Figure 5: what a call costs the service beside what it costs Asterisk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .calls import System
from .load import dial_from_phone, run_block
from .machine import cpu_seconds, family
from .report import Figure, measure, ratio
from .stage import Stage
from .systems import DialplanOriginate, baseline_session, minimal_client, service_client

__all__ = ["processor"]

RATE = 20.0

_Work = Callable[[int], Awaitable[int]]


async def processor(stage: Stage, *, rounds: int, seconds: float) -> Figure:
    """20 calls a second through each of them, in turns."""
    spent: dict[str, list[float]] = {}
    everything = {"service": [stage.service.pid], "Asterisk": [stage.asterisk_pid]}
    async with (
        baseline_session(stage) as session,
        service_client(stage) as service,
        minimal_client(stage, session) as minimal,
    ):
        work: dict[str, _Work] = {
            "service": _through(stage, service),
            "minimal client": _through(stage, minimal),
            "originate into Dial()": _through(stage, DialplanOriginate(stage, session)),
            "phone into Dial()": _dialled(stage),
        }
        for _ in range(rounds):
            for name, place in work.items():
                pids = everything | {"PostgreSQL": family(stage.postgres_pid)}
                before = {part: cpu_seconds(them) for part, them in pids.items()}
                calls = await place(int(RATE * seconds))
                for part, them in pids.items():
                    milliseconds = (cpu_seconds(them) - before[part]) / calls * 1000
                    spent.setdefault(f"{part}, {name}", []).append(milliseconds)
    ours, theirs = spent["service, service"], spent["Asterisk, service"]
    share = measure("", "", [one / other for one, other in zip(ours, theirs, strict=True)]).median
    return Figure(
        "CPU per call",
        (
            measure("the service", "ms", ours),
            measure("PostgreSQL under the service", "ms", spent["PostgreSQL, service"]),
            *(measure(f"Asterisk under the {name}", "ms", spent[f"Asterisk, {name}"]) for name in work),
        ),
        (ratio("service CPU per call ÷ Asterisk CPU per call", share, most=0.5),),
        (f"At {RATE:g} calls a second; the agent rings, both answer, the customer hangs up.",),
    )


def _through(stage: Stage, system: System) -> _Work:
    async def place(calls: int) -> int:
        return len(await run_block(stage, system, RATE, calls, rings=True, jitter=0.5))

    return place


def _dialled(stage: Stage) -> _Work:
    async def place(calls: int) -> int:
        await dial_from_phone(stage, RATE, calls)
        return calls

    return place
