"""The log, Asterisk's own records, and what the phones saw: all three must say the same of each call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

import asyncpg

from ctc_ari.calls.numbers import Spelling
from ctc_ari.log.cdr import row_of_records
from ctc_ari.log.house import house_of
from ctc_ari.log.row import House, LogRow, LogTransfer
from ctc_ari.store.agents import read_agents
from ctc_ari.store.log import read_rows
from ctc_ari.store.log_keeper import find_known
from ctc_ari.store.pool import connect
from tests.integration.world import World

__all__ = [
    "all_rows",
    "differences",
    "house",
    "logged",
    "once",
    "quiet",
    "seen_by_asterisk",
    "told",
    "told_by_asterisk",
    "with_quality",
]

#: Seconds by which two clocks' readings of one moment may differ.
TENTH = 0.1
_TIMES = ("agent_answered_at", "answered_at", "ended_at")
_SAME = ("direction", "number", "did", "agent_email", "disposition", "end_reason")
_DURATIONS = ("ring_seconds", "talk_seconds", "hold_seconds")


async def house(connection: asyncpg.Connection[asyncpg.Record], trunk: str) -> House:
    """As the service makes it."""
    return house_of(await read_agents(connection), trunk, Spelling("GB").spell)


async def all_rows(url: str) -> list[LogRow]:
    """The whole log, the oldest first."""
    connection = await connect(url)
    try:
        found = await connection.fetch("select linkedid from call_log")
        return await read_rows(connection, [row["linkedid"] for row in found])
    finally:
        await connection.close()


async def logged(desk: World, call_id: str, seconds: float = 5.0) -> LogRow:
    """The row of that call, as soon as it is there."""
    deadline = time.monotonic() + seconds
    while True:
        for row in await all_rows(desk.database_url):
            if call_id in (row.id, *row.calls):
                return row
        assert time.monotonic() < deadline, f"{call_id} is not in the log"
        await asyncio.sleep(0.05)


async def seen_by_asterisk(url: str, linkedid: str, trunk: str, seconds: float = 5.0) -> LogRow | None:
    """The row that CEL and CDR alone give, once Asterisk has written the end; None: it saw none."""
    connection = await connect(url)
    try:
        deadline = time.monotonic() + seconds
        ended = "select exists (select from cel where linkedid = $1 and eventtype = 'LINKEDID_END')"
        while not await connection.fetchval(ended, linkedid):
            if not await connection.fetchval("select exists (select from cel where linkedid = $1)", linkedid):
                return None
            assert time.monotonic() < deadline, f"Asterisk wrote no end of {linkedid}"
            await asyncio.sleep(0.05)
        known = await find_known(connection, linkedid)
        return row_of_records(linkedid, known.cel, known.cdr, await house(connection, trunk))
    finally:
        await connection.close()


def differences(row: LogRow, seen: LogRow | None) -> list[str]:
    """In what the service's row and Asterisk's differ: all that both can know (docs/call-log.md)."""
    if seen is None:
        #: Nothing rang: the service was killed before it asked Asterisk, or the phone is offline.
        return [] if row.disposition in ("failed", "cancelled") else ["Asterisk saw no such call"]
    pairs = {name: (getattr(row, name), getattr(seen, name)) for name in _SAME}
    if (
        row.direction == "inbound"
        and not seen.agents
        and {row.end_reason, seen.end_reason} <= {"agent_busy", "unreachable"}
    ):
        #: Why nobody was rung is known only if the service ended the message, and not the caller.
        del pairs["end_reason"]
    pairs["ended_by"] = _somebody(row), _somebody(seen)
    unseen = _unseen(row, seen)
    nobody_rang = {each.agent.email for each in unseen if each.agent}
    pairs["agents"] = _named(row, nobody_rang), _named(seen, nobody_rang)
    pairs["transfers"] = _handed(each for each in row.transfers if each not in unseen), _handed(seen.transfers)
    found = [f"{name}: {mine} instead of {theirs}" for name, (mine, theirs) in pairs.items() if mine != theirs]
    for name in (*_TIMES, *_DURATIONS):
        mine, theirs = getattr(row, name), getattr(seen, name)
        if (mine is None) is not (theirs is None) or (mine is not None and abs(mine - theirs) > TENTH):
            found.append(f"{name}: {mine} instead of {theirs}")
    return found


def _somebody(row: LogRow) -> str | None:
    """Asterisk does not know on whose behalf the service ended a call."""
    return "system" if row.ended_by in ("api", "limit") else row.ended_by


def _named(row: LogRow, without: set[str]) -> list[tuple[str, bool]]:
    names = ((agent.email or agent.extension or "", agent.talked) for agent in row.agents)
    return sorted((name, talked) for name, talked in names if talked or name not in without)


def _unseen(row: LogRow, seen: LogRow) -> list[LogTransfer]:
    """What came to nothing before a phone could ring leaves nothing in Asterisk."""
    known = {transfer.id for transfer in seen.transfers}
    nothing = {("failed", "unreachable"), ("failed", "failed")}
    return [each for each in row.transfers if each.id not in known and (each.state, each.reason) in nothing]


def _handed(transfers: Iterable[LogTransfer]) -> list[tuple[str | None, ...]]:
    """Whether one that came to nothing had been left to the customer by then is a matter of milliseconds at times."""
    return [
        (
            each.id,
            each.mode if each.state == "completed" else None,
            each.to,
            each.by,
            each.state,
            each.reason,
            each.agent.email if each.agent else None,
        )
        for each in transfers
    ]


async def quiet(url: str, seconds: float = 30.0) -> None:
    """Wait until nothing is left to be compared."""
    connection = await connect(url)
    try:
        deadline = time.monotonic() + seconds
        while left := await connection.fetch("select linkedid from log_due"):
            assert time.monotonic() < deadline, await _all_of(connection, [row["linkedid"] for row in left])
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def told(url: str, call_id: str) -> int:
    """How often `call.logged` was, of a call that is the last of its row."""
    connection = await connect(url)
    try:
        asked = "select count(*) from call_journal where call_id = $1 and event = 'call.logged'"
        return int(await connection.fetchval(asked, call_id))
    finally:
        await connection.close()


def once(rows: Sequence[LogRow]) -> None:
    """No call stands there twice."""
    names = [name for row in rows for name in (row.calls or (row.id,))]
    assert len(names) == len(set(names))


async def with_quality(desk: World, call_id: str) -> LogRow:
    """The call's row, once Asterisk's figures are in it."""
    deadline = time.monotonic() + 8
    while not (row := await logged(desk, call_id)).quality:
        assert time.monotonic() < deadline, "no quality"
        await asyncio.sleep(0.1)
    return row


async def told_by_asterisk(url: str, number: str) -> str:
    """All that there is of a caller who is not in the log."""
    connection = await connect(url)
    try:
        found = await connection.fetch(
            "select linkedid from cel where cid_num like '%' || $1 union"
            " select linkedid from calls where number like '%' || $1",
            number.removeprefix("+"),
        )
        return await _all_of(connection, [row["linkedid"] for row in found])
    finally:
        await connection.close()


async def _all_of(connection: asyncpg.Connection[asyncpg.Record], linkedids: Sequence[str]) -> str:
    """Asterisk's events, the service's calls and journal, and what is due."""
    told: list[asyncpg.Record] = []
    for statement in (
        "select linkedid, eventtime, eventtype, uniqueid, channame, extra from cel where linkedid = any($1)"
        " order by linkedid, eventtime",
        "select linkedid, snapshot from calls where linkedid = any($1)",
        "select call_id, seq, extract(epoch from at)::float8, event from call_journal where call_id in"
        " (select id from calls where linkedid = any($1)) order by call_id, seq",
        "select linkedid, due_at, since from log_due where linkedid = any($1)",
    ):
        told += await connection.fetch(statement, list(linkedids))
    return "\n".join(str(tuple(row)) for row in told) or "nothing at all"
