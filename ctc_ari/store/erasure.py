"""One customer is erased: from contacts, the CRM's answers, calls, the log, Asterisk's records and the outbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from ctc_ari.call_log import StoredRecordings
from ctc_ari.erasure import Erased, Traces
from ctc_ari.errors import Conflict, ContactNotFound
from ctc_ari.log.records import CdrRow, CelRow
from ctc_ari.log.row import Recorded
from ctc_ari.store.pool import Connection, Pool, acquire
from ctc_ari.store.spool import spooled_in

__all__ = ["PostgresErasure"]

#: Calls that are blanked in one transaction.
BATCH = 100
#: Seconds after a call for which Asterisk and the log still write of it.
SETTLED_SECONDS = 60.0

_NUMBERS = """
    select number, exists (
        select from contact_numbers as others where others.number = held.number and others.contact_id <> held.contact_id
    ) as shared
    from contact_numbers as held where contact_id = $1
"""
_HOLDERS = "select distinct contact_id from contact_numbers where number = $1"
_ANSWERS = """
    select answer ->> 'name' as name from crm_answers where kind = 'contact' and answer ->> 'id' = $1
"""
_NAMES = "select distinct contact_name from call_log where contact_id = $1 and contact_name is not null"

#: Calls without a row in the log yet are found by their time: nothing else of them is indexed.
_UNSETTLED = """
    select count(*) from calls where (number = any ($1) or contact_id = $2)
        and (state <> 'ended' or (created_at > to_timestamp($3) - interval '1 day' and ended_at > to_timestamp($3)))
"""
_LOGGED = """
    select id, linkedid, node, number, recordings::text as recordings, transfers::text as transfers, outcome
    from call_log
    where id in (
        (select id from call_log where contact_id = $1 limit $3)
        union (select id from call_log where number = any ($2) limit $3)
    ) limit $3
"""
_UNLOGGED = """
    select distinct linkedid from calls where created_at > to_timestamp($3) - interval '2 days'
        and (number = any ($1) or contact_id = $2) and linkedid <> ''
"""
_MENTIONED = """
    select id, linkedid, transfers::text as transfers from call_log
    where transfers <> '[]' and transfers::text ~ $1
"""
_BLANK = """
    update call_log set number = '', contact_id = null, contact_name = null, contact_by = null, candidates = '[]',
        recordings = '[]', notes = null, outcome = $2, transfers = $3, updated_at = now()
    where id = $1
"""
_BLANK_MENTION = "update call_log set transfers = $2, updated_at = now() where id = $1"
_UNNAME = """
    update call_log set candidates = (
        select coalesce(jsonb_agg(each), '[]') from jsonb_array_elements(candidates) as each where each ->> 'id' <> $2
    ), updated_at = now()
    where number = any ($1) and candidates @> jsonb_build_array(jsonb_build_object('id', $2::text))
"""
_SNAPSHOTS = "select id, snapshot from calls where linkedid = any ($1) and state = 'ended'"
_BLANK_CALL = "update calls set number = '', contact_id = null, snapshot = $2, updated_at = now() where id = $1"
_BLANK_CALL_MENTION = "update calls set snapshot = $2, updated_at = now() where id = $1"
#: What was dialled on a phone has a `linkedid` of its own in Asterisk's records until it becomes part of the call.
_CHANNELS = "select channel from call_channels where call_id = any ($1)"
_BLANK_JOURNAL = "update call_journal set data = null where call_id = any ($1) and data is not null"
#: Messages of these calls, sent or not; one that Asterisk handled alone has none but its row's. Of others' calls those
#: that name the customer.
_REMOVE_DELIVERIES = """
    delete from webhook_deliveries
    where (call_id = any ($2) or call_id in (select id from call_log where linkedid = any ($1)))
        and ($3::boolean or payload ~ $4)
    returning 1
"""
#: What a CRM said of her, under whatever number.
_FORGET_ANSWERS = """
    delete from crm_answers where kind = 'contact' and (key = any ($1) or answer ->> 'id' = $2)
"""
_ALONE = "select from log_due where linkedid = any ($1) order by linkedid for update"

#: Columns by which records are put together; none of them holds what a person was called or dialled.
_KEPT = frozenset({"linkedid", "uniqueid", "eventtype", "disposition", "amaflags"})
#: Whoever it is they name, it is a party of the call, and the log does not need it again.
_NAMING = frozenset({"cid_name", "clid"})
#: Beside numbers it tells what each channel was for and how it was heard, which the log is made of again.
_WITHOUT_NUMBERS = "regexp_replace(userfield, '(^|;)(number|to)=[^;]*(' || $2 || ')[^;]*', '\\1', 'g')"

_decode_recordings = msgspec.json.Decoder(tuple[Recorded, ...])
_decode, _encode = msgspec.json.decode, msgspec.json.encode


class PostgresErasure:
    """Implements `ctc_ari.erasure.Erasures`."""

    def __init__(
        self, pool: Pool, recordings: StoredRecordings, spool: Path, clock: Callable[[], float] = time.time
    ) -> None:
        """`spool` is the folder of what the database could not be given."""
        self._pool = pool
        self._recordings = recordings
        self._spool = spool
        self._clock = clock

    async def erase_contact(self, contact_id: str) -> Erased:
        """See `Erasures.erase_contact`."""
        async with acquire(self._pool) as connection:
            name = await connection.fetchval("select name from contacts where id = $1", contact_id)
            names = {row["contact_name"] for row in await connection.fetch(_NAMES, contact_id)}
            answers = await connection.fetch(_ANSWERS, contact_id)
            names |= {row["name"] for row in answers}
            if name is None and not names:
                raise ContactNotFound("There is no contact with that id.")
            held = await connection.fetch(_NUMBERS, contact_id)
        own = [row["number"] for row in held if not row["shared"]]
        shared = [row["number"] for row in held if row["shared"]]
        erased = await self._erase(contact_id, own, Traces([*own, *shared], names | {name or ""}))
        async with acquire(self._pool) as connection:
            await connection.execute(_UNNAME, shared, contact_id)
            gone = await connection.fetch("delete from contacts where id = $1 returning id", contact_id)
        return erased + Erased(contacts=len(gone))

    async def erase_number(self, number: str) -> Erased:
        """See `Erasures.erase_number`."""
        async with acquire(self._pool) as connection:
            holders = [row["contact_id"] for row in await connection.fetch(_HOLDERS, number)]
        if len(holders) > 1:
            raise Conflict(f"{len(holders)} contacts share that number; erase those that are meant by their ids.")
        if holders:
            return await self.erase_contact(holders[0])
        return await self._erase(None, [number], Traces([number]))

    def _waits_on_disk(self, numbers: Sequence[str], contact_id: str | None) -> bool:
        return any(
            entry.call.number in numbers or (entry.call.contact is not None and entry.call.contact.id == contact_id)
            for entry in spooled_in(self._spool)
        )

    async def _erase(self, contact_id: str | None, numbers: Sequence[str], traces: Traces) -> Erased:
        async with acquire(self._pool) as connection:
            settled = self._clock() - SETTLED_SECONDS
            if await connection.fetchval(_UNSETTLED, numbers, contact_id, settled):
                raise Conflict("The customer is in a call, or was a minute ago; try again when all is written of it.")
        #: It would be written later, and nobody would know that it was to be erased.
        if await asyncio.to_thread(self._waits_on_disk, numbers, contact_id):
            raise Conflict(
                "A call of the customer's waits on the disk for the database; a running service writes it within "
                "moments. Try again then."
            )
        erased = Erased()
        while True:
            async with acquire(self._pool) as connection:
                calls = await connection.fetch(_LOGGED, contact_id, numbers, BATCH)
            if not calls:
                break
            recorded = [
                (call["node"], each.name) for call in calls for each in _decode_recordings.decode(call["recordings"])
            ]
            for node, name in recorded:
                await self._recordings.remove(node, name)
            async with acquire(self._pool) as connection, connection.transaction():
                erased += await _blank(connection, calls, traces) + Erased(recordings=len(recorded))
        async with acquire(self._pool) as connection, connection.transaction():
            rows = await connection.fetch(_UNLOGGED, numbers, contact_id, self._clock())
            erased += await _blank_linked(connection, [row["linkedid"] for row in rows], traces, own=True)
            erased += await _blank_mentions(connection, Traces(numbers))
            await connection.execute(_FORGET_ANSWERS, numbers, contact_id)
        return erased


async def _blank(connection: Connection, calls: Sequence[asyncpg.Record], traces: Traces) -> Erased:
    """Calls of the customer's own."""
    #: A shared number stays everybody else's; in this call it was this customer's.
    traces = Traces([*(call["number"] for call in calls), *traces.digits], traces.names)
    erased = await _blank_linked(connection, [call["linkedid"] for call in calls], traces, own=True)
    for call in calls:
        outcome = call["outcome"]
        if outcome is not None and traces.names_in(outcome):
            outcome = None
        await connection.execute(_BLANK, call["id"], outcome, _encode(traces.blank(_decode(call["transfers"]))))
    return erased + Erased(calls=len(calls))


async def _blank_mentions(connection: Connection, traces: Traces) -> Erased:
    """Calls of others that were handed over to the customer's number."""
    if not traces.digits:
        return Erased()
    calls = await connection.fetch(_MENTIONED, traces.pattern)
    erased = await _blank_linked(connection, [call["linkedid"] for call in calls], traces, own=False)
    for call in calls:
        await connection.execute(_BLANK_MENTION, call["id"], _encode(traces.blank(_decode(call["transfers"]))))
    return erased


async def _blank_linked(connection: Connection, linkedids: Sequence[str], traces: Traces, *, own: bool) -> Erased:
    """What is known of these calls beside their rows in the log; `own`: the customer's."""
    if not linkedids:
        return Erased()
    #: First: whoever completes the log from the records waits until they are blank, or is waited for.
    await connection.execute(_ALONE, linkedids)
    calls = await connection.fetch(_SNAPSHOTS, linkedids)
    for call in calls:
        snapshot: dict[str, Any] = _decode(call["snapshot"])
        blanked = traces.blank_call(snapshot) if own else traces.blank(snapshot)
        await connection.execute(_BLANK_CALL if own else _BLANK_CALL_MENTION, call["id"], _encode(blanked))
    ids = [call["id"] for call in calls]
    await connection.execute(_BLANK_JOURNAL, ids)
    channels = [row["channel"] for row in await connection.fetch(_CHANNELS, ids)]
    records = 0
    for table, row in (("cdr", CdrRow), ("cel", CelRow)):
        statement = _blank_records(table, row, naming=own)
        records += len(await connection.fetch(statement, linkedids, traces.pattern, channels))
    deliveries = await connection.fetch(_REMOVE_DELIVERIES, linkedids, ids, own, traces.pattern)
    return Erased(records=records, deliveries=len(deliveries))


def _blank_records(table: str, row: type[msgspec.Struct], *, naming: bool) -> str:
    texts = [each.name for each in msgspec.structs.fields(row) if each.type is str and each.name not in _KEPT]
    always = _NAMING if naming else frozenset()
    tests = {name: f"{name} <> ''" if name in always else f"{name} ~ $2" for name in texts}
    blank = dict.fromkeys(texts, "''")
    blank["userfield"] = f"case when {_WITHOUT_NUMBERS} ~ $2 then '' else {_WITHOUT_NUMBERS} end"
    assignments = ", ".join(
        f"{name} = case when {test} then {blank[name]} else {name} end" for name, test in tests.items()
    )
    return f"""
        update {table} set {assignments}
        where (linkedid = any ($1) or uniqueid = any ($3)) and ({" or ".join(tests.values())}) returning 1
    """  # noqa: S608 -- made of constants
