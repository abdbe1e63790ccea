"""What is deleted when it is too old: calls in the log, and all that is known of them elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import asyncpg
import msgspec

from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.log.row import Recorded
from ctc_ari.retention import Expired
from ctc_ari.store.pool import Connection, Pool, acquire

__all__ = ["PostgresRetention"]

#: "ctc_old" as a number: of several instances one deletes and the others have nothing to do.
ADVISORY_LOCK = 0x6374635F6F6C64

_RECORDED = """
    select id, node, recordings::text as recordings from call_log
    where recordings <> '[]' and started_at < to_timestamp($1) and id <> all ($3::text[])
    order by started_at limit $2
"""
_FORGET = "update call_log set recordings = '[]', updated_at = now() where id = any ($1)"
_FORGET_COUNT = """
    update calls set snapshot = jsonb_set(snapshot, '{recordings}', '0')
    where linkedid in (select linkedid from call_log where id = any ($1))
"""

_LOGGED = """
    delete from call_log where id in (
        select id from call_log where started_at < to_timestamp($1) and recordings = '[]'
        order by started_at, id limit $2
    ) returning linkedid
"""
#: What never became a row of the log, or lost it.
_STRAYS = """
    (
        select linkedid from calls where state = 'ended' and created_at < to_timestamp($1) and linkedid <> ''
            and not exists (select from call_log where call_log.linkedid = calls.linkedid)
        order by created_at limit $2
    ) union (
        select linkedid from cel where eventtype = 'CHAN_START' and eventtime < $1 and linkedid <> ''
            and not exists (select from call_log where call_log.linkedid = cel.linkedid)
        order by eventtime limit $2
    ) union (
        select linkedid from cdr where start < $1 and linkedid <> ''
            and not exists (select from call_log where call_log.linkedid = cdr.linkedid)
        order by start limit $2
    )
"""
#: Live calls stay, however long they last.
_LIVE = "select distinct linkedid from calls where state <> 'ended' and linkedid = any ($1)"
_CALLS = "delete from calls where linkedid = any ($1) returning id"
_OF_CALLS = (
    "delete from call_journal where call_id = any ($1)",
    "delete from call_channels where call_id = any ($1)",
)
_OF_LINKED = (
    "delete from cdr where linkedid = any ($1)",
    "delete from cel where linkedid = any ($1)",
    #: Last: what was written of them meanwhile has asked for a row.
    "delete from log_due where linkedid = any ($1)",
)

#: Nobody asked the CRM since, or it did not answer.
_ANSWERS = "delete from crm_answers where answered_at < to_timestamp($1)"

_decode_recordings = msgspec.json.Decoder(tuple[Recorded, ...])


class PostgresRetention:
    """Implements `ctc_ari.retention.RetentionStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def recorded(self, before: float, limit: int, without: Collection[str]) -> list[Expired]:
        """Calls with recordings that began before, the oldest first. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(_RECORDED, before, limit, list(without))
        return [
            Expired(row["id"], row["node"], tuple(each.name for each in _decode_recordings.decode(row["recordings"])))
            for row in rows
        ]

    async def forget_recordings(self, ids: Sequence[str]) -> None:
        """Neither the log nor the call says that there are any. Raises DatabaseUnreachable."""
        if not ids:
            return
        async with acquire(self._pool) as connection, connection.transaction():
            await connection.execute(_FORGET_COUNT, ids)
            await connection.execute(_FORGET, ids)

    async def remove(self, before: float, limit: int) -> int:
        """How many calls went; 0 as well while another instance is at it. Raises DatabaseUnreachable."""
        try:
            return await self._remove(before, limit)
        except asyncpg.TransactionRollbackError as error:
            #: Somebody was about to write of one of them; another time.
            raise DatabaseUnreachable from error

    async def _remove(self, before: float, limit: int) -> int:
        async with acquire(self._pool) as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", ADVISORY_LOCK):
                return 0
            gone = {row["linkedid"] for row in await connection.fetch(_LOGGED, before, limit)}
            if not gone:
                gone = {row["linkedid"] for row in await connection.fetch(_STRAYS, before, limit)}
                gone -= {row["linkedid"] for row in await connection.fetch(_LIVE, list(gone))}
            await _remove_linked(connection, list(gone))
            await connection.execute(_ANSWERS, before)
        return len(gone)


async def _remove_linked(connection: Connection, linkedids: Sequence[str]) -> None:
    calls = [row["id"] for row in await connection.fetch(_CALLS, linkedids)]
    for statement in _OF_CALLS:
        await connection.execute(statement, calls)
    for statement in _OF_LINKED:
        await connection.execute(statement, linkedids)
