"""Whose number is it: what every call asks, beside the bare query, with as many contacts as there may be."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import asyncpg

from ctc_ari.store import contacts as module
from ctc_ari.store.pool import Pool
from tests.store.crowd import fill_contacts, number_of

from .report import Figure, measure, percentile, ratio

__all__ = ["looking_up"]

CONTACTS, SAMPLES = 100_000, 1000
#: Milliseconds that the issue asks for.
MOST = 1.0

_BARE = "select contact_id from contact_numbers where number = $1"


async def looking_up(pool: Pool) -> Figure:
    """In turns, for numbers drawn at random; PostgreSQL's own time from its own clock."""
    contacts = module.PostgresContacts(pool)
    ours: list[float] = []
    bare: list[float] = []
    inside: list[float] = []
    async with pool.acquire() as connection:
        await fill_contacts(connection, CONTACTS)
        await connection.execute(f"prepare looked_up as {module._WITH_NUMBER}")
        chance = random.Random(7)
        for _ in range(SAMPLES):
            number = number_of(chance.randint(1, CONTACTS))
            began = time.perf_counter()
            (found,) = await contacts.with_number(number)
            ours.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            assert found.id == await connection.fetchval(_BARE, number)
            bare.append((time.perf_counter() - began) * 1000)
            inside.append(await _inside(connection, number))
    return Figure(
        "Contact by number",
        (
            measure("in the database", "ms", inside, tail=True),
            measure("with its way there and back", "ms", ours, tail=True),
            measure("bare asyncpg", "ms", bare, tail=True),
        ),
        (
            ratio("contact by number in the database, p99", percentile(inside, 0.99), " ms", most=MOST),
            ratio("contact by number ÷ bare asyncpg, p50", percentile(ours, 0.5) / percentile(bare, 0.5)),
        ),
        (f"{CONTACTS:,} contacts. In the database: planning and execution, as `explain analyze` measures them.",),
    )


async def _inside(connection: asyncpg.Connection[Any] | Any, number: str) -> float:
    """Milliseconds."""
    explained = await connection.fetchval(f"explain (analyze, timing off, format json) execute looked_up('{number}')")
    (plan,) = json.loads(explained)
    return float(plan["Planning Time"] + plan["Execution Time"])
