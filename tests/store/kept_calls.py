"""A store of calls that writes, calls to keep in it, and what it has written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from msgspec.structs import replace

from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.model import Call, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import Pool
from tests.calls.builders import ALICE, NOW, a_call, a_call_in

__all__ = ["happenings", "journal", "keeping", "later", "new", "rows", "until_writable"]


@asynccontextmanager
async def keeping(pool: Pool, url: str) -> AsyncIterator[PostgresCallStore]:
    """A store that writes until the block ends."""
    store = PostgresCallStore(pool, url)
    task = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def new(agent: str = "alice", **changes: Any) -> Call:
    """A call that begins."""
    agents = replace(ALICE, email=f"{agent}@example.com")
    return a_call(new_call_id("ctc", NOW), agents, **changes)


def later(call: Call, phase: Phase, **changes: Any) -> Call:
    """The same call, further on."""
    return replace(a_call_in(phase), id=call.id, agent=call.agent, number=call.number, **changes)


def happenings(call: Call, first: int, *events: str) -> list[Happening]:
    return [Happening(call, event, NOW + seq, seq) for seq, event in enumerate(events, first)]


async def rows(pool: Pool, call: Call) -> list[asyncpg.Record]:
    return await pool.fetch("select * from calls where id = $1", call.id)


async def journal(pool: Pool, call: Call) -> list[tuple[int, str]]:
    found = await pool.fetch("select seq, event from call_journal where call_id = $1 order by seq", call.id)
    return [(row["seq"], row["event"]) for row in found]


async def until_writable(store: PostgresCallStore, wanted: bool, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while store.writable is not wanted:
        assert time.monotonic() < deadline, f"never {'writable' if wanted else 'unwritable'}"
        await asyncio.sleep(0.02)
