"""The call log as it is read, and what is written into it afterwards."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import msgspec

from ctc_ari.call_log import LogFilter, LogPage, LogPosition
from ctc_ari.errors import CallNotFound, ContactNotFound
from ctc_ari.log.row import LogRow
from ctc_ari.store.contacts import mark_spoken
from ctc_ari.store.log import ROW_DOCUMENT
from ctc_ari.store.log_search import (
    Range,
    Way,
    everything,
    is_complete,
    is_mixed,
    is_simple,
    lead_of,
    page_of,
    position_of,
    range_of,
    sample_of,
    short_of,
    ways_of,
)
from ctc_ari.store.pool import Connection, Pool, acquire

__all__ = ["FEW", "PostgresCallLog"]

#: So many rows are looked at one by one rather than searched for.
FEW = 1000

#: How long a way is depends on the values, so no plan is kept for all of them; and whatever PostgreSQL thinks of their
#: number, rows are read one by one, for as many as a page holds.
_PLANNING = """
    set local plan_cache_mode = force_custom_plan; set local max_parallel_workers_per_gather = 0;
    set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off
"""

#: Every call of a chain has the `linkedid` of its first.
_FIND = """
    from call_log where linkedid in (
        select linkedid from call_log where id = $1 union all select linkedid from calls where id = $1
    ) and ($2::text[] is null or agent_emails && $2)
"""
_READ = f"select {ROW_DOCUMENT} {_FIND}"
_LOCK = f"select id, contact_id, disposition, extract(epoch from ended_at)::float8 as ended_at {_FIND} for update"  # noqa: S608

#: Whoever completes the row from Asterisk's records writes all of it: he is waited for, or passes over this one.
_ALONE = "select from log_due where linkedid in (select linkedid from call_log where id = $1) for update"

#: The last conversation with a contact that has one call less.
_SPOKEN = """
    update contacts set last_spoken_at = (
        select ended_at from call_log where contact_id = contacts.id and disposition = 'answered'
        order by contact_id desc, started_at desc, id desc limit 1
    )
    where id = $1 and last_spoken_at <= to_timestamp($2) + interval '1 millisecond'
"""

_NAMED_BY_CRM = """
    select answer ->> 'name' from crm_answers where kind = 'contact' and answer ->> 'id' = $1
    order by answered_at desc limit 1
"""

_decode_row = msgspec.json.Decoder(LogRow)


class PostgresCallLog:
    """Implements `ctc_ari.call_log.CallLog`."""

    def __init__(self, pool: Pool, *, contacts_elsewhere: bool = False) -> None:
        """`contacts_elsewhere`: a call may be moved to a record that only the CRM has."""
        self._pool = pool
        self._contacts_elsewhere = contacts_elsewhere

    async def page(self, wanted: LogFilter, *, after: LogPosition | None, limit: int) -> LogPage:
        """The newest first. Raises DatabaseUnreachable."""
        if wanted.visible is not None and not wanted.visible:
            return LogPage([])
        span = range_of(wanted, after)
        async with acquire(self._pool) as connection, connection.transaction(readonly=True):
            await connection.execute(_PLANNING)
            way = await _choose(connection, wanted, span)
            query, values = page_of(way, wanted, span, ROW_DOCUMENT, limit + 1)
            found = await connection.fetch(query, *values)
        rows = [_decode_row.decode(row["document"]) for row in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        return LogPage(rows, None if last is None else position_of((last["started_at"], last["id"])))

    async def read(self, call_id: str, visible: Collection[str] | None) -> LogRow:
        """See `CallLog.read`. Raises CallNotFound, DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            return await _read(connection, call_id, visible)

    async def change(self, call_id: str, visible: Collection[str] | None, **changes: str | None) -> LogRow:
        """See `CallLog.change`. Raises CallNotFound, ContactNotFound, DatabaseUnreachable."""
        async with acquire(self._pool) as connection, connection.transaction():
            row = await _read(connection, call_id, visible)
            await connection.fetch(_ALONE, row.id)
            call = await connection.fetchrow(_LOCK, row.id, None)
            if call is None:
                raise CallNotFound
            columns: dict[str, str | None] = dict(changes)
            if "contact_id" in changes:
                name = await _name_of(connection, changes["contact_id"], elsewhere=self._contacts_elsewhere)
                columns |= {"contact_name": name, "contact_by": "person"}
            if columns:
                assignments = ", ".join(f"{column} = ${number}" for number, column in enumerate(columns, 2))
                await connection.execute(
                    f"update call_log set {assignments}, updated_at = now() where id = $1",  # noqa: S608 -- own names
                    call["id"],
                    *columns.values(),
                )
            if "contact_id" in changes and call["disposition"] == "answered":
                await _move_conversation(connection, call, changes["contact_id"])
            return await _read(connection, call["id"], None)


async def _read(connection: Connection, call_id: str, visible: Collection[str] | None) -> LogRow:
    document = await connection.fetchval(_READ, call_id, _array(visible))
    if document is None:
        raise CallNotFound
    return _decode_row.decode(document)


def _array(visible: Collection[str] | None) -> list[str] | None:
    return None if visible is None else list(visible)


async def _name_of(connection: Connection, contact_id: str | None, *, elsewhere: bool) -> str | None:
    if contact_id is None:
        return None
    name: str | None = await connection.fetchval("select name from contacts where id = $1 for share", contact_id)
    if name is None and elsewhere:
        #: As the CRM said last; its ids are its own affair.
        return str(await connection.fetchval(_NAMED_BY_CRM, contact_id) or "")
    if name is None:
        raise ContactNotFound("There is no contact with that id.")
    return name


async def _move_conversation(connection: Connection, call: asyncpg.Record, contact_id: str | None) -> None:
    """Who was spoken to last is asked when the number calls again: it was this contact, not that one."""
    if contact_id is not None:
        await mark_spoken(connection, [(contact_id, call["ended_at"])])
    if call["contact_id"] is not None and call["contact_id"] != contact_id:
        await connection.execute(_SPOKEN, call["contact_id"], call["ended_at"])


async def _choose(connection: Connection, wanted: LogFilter, span: Range) -> Way:
    """One that leads to wanted rows only, or else to few."""
    ways = ways_of(wanted)
    for way in ways:
        if is_complete(way, wanted):
            return way
    for way in filter(is_simple, ways):
        query, values = short_of(way, span, FEW)
        if await connection.fetchval(query, *values):
            return way
    if not is_mixed(wanted):
        return everything(wanted)
    query, values = sample_of(wanted, span)
    (found,) = await connection.fetch(query, *values)
    return everything(wanted, lead_of(found["text"] or 0, found["whole"] or 0))
