"""Calls logged per second: last state, journal and row in the log, beside bare inserts of such rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import asyncpg
from msgspec.structs import replace

from ctc_ari.calls.model import Agent, Call, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import Pool
from tests.calls.builders import NOW, a_call_in

from .report import Figure, measure, ratio

__all__ = ["logging_calls"]

#: Of an ordinary call.
EVENTS = ("created", "agent_ringing", "agent_answered", "customer_ringing", "answered", "ended")
#: Calls that wait to be written at a time; each statement takes all that wait.
WAITING = 200

_COLUMNS = (
    "id, linkedid, calls, source, node, direction, number, agent_email, agents, agent_emails, device, disposition, "
    "end_reason, started_at, answered_at, ended_at, ring_seconds, talk_seconds"
)
_BARE = f"""
    insert into bare ({_COLUMNS}) values (
        $1, $1, array[$1], 'service', 'pbx1', 'outbound', $2, $3,
        jsonb_build_array(jsonb_build_object('email', $3::text, 'name', 'Agent', 'talked', true)), array[$3], 'desk',
        'answered', 'completed', to_timestamp($4), to_timestamp($4 + 2), to_timestamp($4 + 3), 1, 1
    )
"""


async def logging_calls(pool: Pool, url: str, *, rounds: int, calls: int) -> Figure:
    """In turns, so many times."""
    ours: list[float] = []
    bare: list[float] = []
    store = PostgresCallStore(pool, url)
    running = asyncio.create_task(store.run())
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create table bare (like call_log including defaults)")
        for number in range(rounds):
            made = [_ended(f"bench-{number}-{position}", position) for position in range(calls)]
            bare.append(await _bare(connection, made))
            ours.append(await _logged(store, made))
        logged = await connection.fetchval("select count(*) from call_log where id like 'bench-%'")
        assert logged == rounds * calls, logged
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()
    shares = [one / other for one, other in zip(ours, bare, strict=True)]
    return Figure(
        "Calls logged",
        (
            measure("calls logged", "/s", ours),
            measure("rows inserted by asyncpg", "/s", bare),
        ),
        (ratio("calls logged per second ÷ bare rows inserted per second", measure("", "", shares).median),),
        (
            f"{calls} calls at a time, of which {WAITING} wait to be written. Each is a row of `calls`, {len(EVENTS)} "
            "of the journal and one of the log with all its indexes, in one transaction; bare is one row of a table "
            f"without any index, {WAITING} to a transaction.",
        ),
    )


def _ended(call_id: str, position: int) -> Call:
    agent = Agent(f"agent{position % 1000}@example.com", "Agent", extension=str(1000 + position % 1000))
    return replace(
        a_call_in(Phase.ENDED), id=call_id, linkedid=call_id, agent=agent, number=f"+4420{70_000_000 + position}"
    )


async def _logged(store: PostgresCallStore, calls: Sequence[Call]) -> float:
    """Per second, until the last is committed."""
    began = time.perf_counter()
    for call in calls:
        told = [Happening(call, f"call.{event}", NOW, seq) for seq, event in enumerate(EVENTS, 1)]
        store.save(call, told, urgent=True)
        if store.unsaved >= WAITING:
            await store.flush(60)
    await store.flush(60)
    assert not store.unsaved, "not written within a minute"
    return len(calls) / (time.perf_counter() - began)


async def _bare(connection: asyncpg.Connection[asyncpg.Record], calls: Sequence[Call]) -> float:
    began = time.perf_counter()
    for first in range(0, len(calls), WAITING):
        part = calls[first : first + WAITING]
        await connection.executemany(
            _BARE, [(call.id, call.number, call.agent.email, call.created_at) for call in part]
        )
    return len(calls) / (time.perf_counter() - began)
