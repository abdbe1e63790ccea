"""Figures 1 and 2: the click to the agent's INVITE, and the agent's answer to the customer's."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from .calls import Outcome
from .load import run_block
from .report import Figure, measure, percentile, ratio
from .stage import Stage
from .systems import DialplanOriginate, MinimalClient, Service, baseline_session, minimal_client, service_client

__all__ = ["latency"]

#: Calls a second: they hardly ever meet, so that one call's own time is measured.
RATE = 10.0
BLOCK = 10

#: What a click's row is at the least: one short row, made durable.
_ROW = "insert into bench_commit (row) values ($1)"

_Take = Callable[[Outcome], float | None]


async def latency(stage: Stage, *, blocks: int) -> tuple[Figure, Figure]:
    """Blocks of calls through each of the three in random order, so that a slow moment of the machine hits all."""
    found: dict[str, list[Outcome]] = {"service": [], "minimal": [], "dialplan": []}
    instant: dict[str, list[Outcome]] = {"service": [], "minimal": [], "dialplan": []}
    parts: dict[str, list[float]] = {"hop": [], "commit": []}
    async with (
        baseline_session(stage) as session,
        service_client(stage) as service,
        minimal_client(stage, session) as minimal,
        _commits(stage) as commit,
    ):
        systems: list[Service | MinimalClient | DialplanOriginate] = [
            service,
            minimal,
            DialplanOriginate(stage, session),
        ]
        for system in systems:
            await run_block(stage, system, RATE, BLOCK, rings=True, jitter=0.5)
        for block in range(blocks):
            for system in random.sample(systems, len(systems)):
                found[system.name] += await run_block(stage, system, RATE, BLOCK, rings=True, jitter=0.5)
                if block % 6 == 0:
                    instant[system.name] += await run_block(stage, system, RATE, BLOCK, rings=False, jitter=0.5)
            if block % 2 == 0:
                parts["hop"] += await _alone(service.ask_nothing)
                parts["commit"] += await _alone(commit)
    failed = sum(not outcome.complete for outcomes in found.values() for outcome in outcomes)
    return _first(found, parts, failed), _second(found, instant)


@asynccontextmanager
async def _commits(stage: Stage) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Something that commits a short row in the service's own database."""
    connection = await asyncpg.connect(stage.database_url)
    try:
        await connection.execute("create table bench_commit (row text)")
        statement = await connection.prepare(_ROW)

        async def commit() -> None:
            await statement.fetch("x" * 40)

        yield commit
        await connection.execute("drop table bench_commit")
    finally:
        await connection.close()


async def _alone(work: Callable[[], Awaitable[None]]) -> list[float]:
    """Milliseconds that it takes on a machine that does nothing else just then."""
    taken = []
    for _ in range(BLOCK):
        await asyncio.sleep(0.05)
        begun = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _milliseconds(outcomes: list[Outcome], take: _Take) -> list[float]:
    return [value * 1000 for value in map(take, outcomes) if value is not None]


def _first(found: dict[str, list[Outcome]], parts: dict[str, list[float]], failed: int) -> Figure:
    times = {name: _milliseconds(outcomes, lambda outcome: outcome.click_to_agent) for name, outcomes in found.items()}
    service, bare = times["service"], times["minimal"]
    answered = [outcome.order.took * 1000 for outcome in found["service"]]
    return Figure(
        "Click to the agent's INVITE",
        (
            measure("service: GET, row committed, INVITE", "ms", service, tail=True),
            measure("bare ARI: POST /channels into Stasis, INVITE", "ms", bare, tail=True),
            measure("bare ARI: POST /channels into dialplan, INVITE", "ms", times["dialplan"], tail=True),
            measure("service: GET to its answer", "ms", answered, tail=True),
            measure("of this, alone: an HTTP request that does nothing", "ms", parts["hop"], tail=True),
            measure("of this, alone: one short row committed", "ms", parts["commit"], tail=True),
        ),
        (
            ratio("click → agent's INVITE ÷ bare POST /channels, p50", _p(service, 0.5) / _p(bare, 0.5), most=1.6),
            ratio("the same, p99", _p(service, 0.99) / _p(bare, 0.99), most=2.0),
        ),
        (f"{failed} calls failed.",) if failed else (),
    )


def _second(found: dict[str, list[Outcome]], instant: dict[str, list[Outcome]]) -> Figure:
    def take(outcome: Outcome) -> float | None:
        return outcome.answer_to_customer

    times = {name: _milliseconds(outcomes, take) for name, outcomes in found.items()}
    at_once = {name: _milliseconds(outcomes, take) for name, outcomes in instant.items()}
    return Figure(
        "The agent's 200 OK to the customer's INVITE",
        (
            *(measure(name, "ms", values, tail=True) for name, values in times.items()),
            *(measure(f"{name}, agent answers at once", "ms", values, tail=True) for name, values in at_once.items()),
        ),
        (
            ratio(
                "agent's 200 OK → customer's INVITE ÷ minimal client, p50",
                _p(times["service"], 0.5) / _p(times["minimal"], 0.5),
                most=0.55,
            ),
        ),
        ("The agent's phone rings for 70 ms, except where it answers at once.",),
    )


def _p(values: list[float], share: float) -> float:
    return percentile(values, share) if values else float("nan")
