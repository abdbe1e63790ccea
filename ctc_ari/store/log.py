"""The call log's rows: written once each, with the contact they belong to, and found again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from ctc_ari.calls.model import Call, Contact, EndReason
from ctc_ari.calls.ports import Logged
from ctc_ari.log.calls import chains, needs_asterisk, row_of_calls
from ctc_ari.log.row import LogRow
from ctc_ari.store.contacts import BY_CONVERSATION, mark_spoken
from ctc_ari.store.pool import Connection, database_errors

__all__ = [
    "ROW_DOCUMENT",
    "log_ended",
    "put_row",
    "read_rows",
    "tell",
    "was_told",
    "with_contact",
    "write_rows",
]

#: So many contacts may share a number; a switchboard with more says nothing about who is calling.
MOST_CANDIDATES = 50

_COLUMNS = (
    "id, linkedid, calls, source, node, direction, number, did, agent_email, agents, agent_emails, device, contact_id, "
    "contact_name, contact_by, candidates, disposition, end_reason, ended_by, started_at, agent_answered_at, "
    "answered_at, ended_at, ring_seconds, talk_seconds, hold_seconds, transfers, recordings, quality"
)

#: A row that the service writes late takes the place of what Asterisk alone could tell; nothing else is replaced here.
_INSERT = f"""
    insert into call_log ({_COLUMNS}) select {_COLUMNS} from json_populate_recordset(null::call_log, $1::text::json)
    on conflict (linkedid) do update set ({_COLUMNS}) = row (
        call_log.id, excluded.linkedid, excluded.calls, excluded.source, excluded.node, excluded.direction,
        excluded.number, excluded.did, excluded.agent_email, excluded.agents, excluded.agent_emails, excluded.device,
        case when call_log.contact_by = 'person' then call_log.contact_id else excluded.contact_id end,
        case when call_log.contact_by = 'person' then call_log.contact_name else excluded.contact_name end,
        case when call_log.contact_by = 'person' then 'person' else excluded.contact_by end,
        excluded.candidates, excluded.disposition, excluded.end_reason, excluded.ended_by, excluded.started_at,
        excluded.agent_answered_at, excluded.answered_at, excluded.ended_at, excluded.ring_seconds,
        excluded.talk_seconds, excluded.hold_seconds, excluded.transfers, excluded.recordings, excluded.quality
    ), updated_at = now()
    where call_log.source = 'asterisk' and excluded.source = 'service'
    returning linkedid, xmax = 0 as added
"""  # noqa: S608 -- made of constants
_PUT = f"""
    insert into call_log ({_COLUMNS}) select {_COLUMNS} from json_populate_recordset(null::call_log, $1::text::json)
    on conflict (linkedid) do update set ({_COLUMNS}) = row (
        {", ".join(f"excluded.{name.strip()}" for name in _COLUMNS.split(","))}
    ), updated_at = now()
"""  # noqa: S608 -- made of constants

#: Numbered behind all that is known of the call; nothing happens to it any more.
_JOURNAL = """
    insert into call_journal (call_id, seq, at, event)
    select $1, coalesce((select max(seq) from call_journal where call_id = $1), 0) + 1, now(), 'call.logged'
    where not exists (select from call_journal where call_id = $1 and event = 'call.logged')
    returning seq, extract(epoch from at)::float8 as at
"""
_TOLD = "select exists (select from call_journal where call_id = $1 and event = 'call.logged')"

_CHAINS = "select snapshot::text as snapshot from calls where linkedid = any($1)"
#: Patience begins now: what one of its channels recorded long ago may have made the call due before.
_DUE = """
    insert into log_due (linkedid) select distinct unnest($1::text[])
    on conflict (linkedid) do update set due_at = now(), since = now()
"""

_CANDIDATES = f"""
    select given.number, found.id, found.name
    from unnest($1::text[]) as given (number) cross join lateral (
        select contacts.id, contacts.name
        from contact_numbers join contacts on contacts.id = contact_numbers.contact_id
        where contact_numbers.number = given.number order by {BY_CONVERSATION} limit {MOST_CANDIDATES}
    ) as found
"""  # noqa: S608 -- made of constants

#: What was asked during the call is a day old at most (`crm_answers.py`); older ones may be another CRM's.
_CRM_CONTACTS = """
    select key as number, answer ->> 'id' as id, coalesce(answer ->> 'name', '') as name from crm_answers
    where kind = 'contact' and key = any($1) and answer ->> 'id' is not null and answered_at > now() - interval '1 day'
"""

#: A row as the JSON of a `LogRow`, in whatever selects from `call_log`.
ROW_DOCUMENT = """
    json_build_object(
        'id', id, 'linkedid', linkedid, 'calls', calls, 'source', source, 'node', node, 'direction', direction,
        'number', number, 'did', did, 'agent_email', agent_email, 'agents', agents, 'device', device,
        'contact', case when contact_id is not null
            then json_build_object('id', contact_id, 'name', coalesce(contact_name, '')) end,
        'contact_by', contact_by, 'candidates', candidates, 'disposition', disposition, 'end_reason', end_reason,
        'ended_by', ended_by, 'started_at', extract(epoch from started_at)::float8,
        'agent_answered_at', extract(epoch from agent_answered_at)::float8,
        'answered_at', extract(epoch from answered_at)::float8, 'ended_at', extract(epoch from ended_at)::float8,
        'ring_seconds', ring_seconds, 'talk_seconds', talk_seconds, 'hold_seconds', hold_seconds,
        'transfers', transfers, 'recordings', recordings, 'quality', quality, 'notes', notes, 'outcome', outcome
    )::text as document
"""
_READ = f"select {ROW_DOCUMENT} from call_log where linkedid = any($1) order by started_at, id"  # noqa: S608 -- made of constants

_decode_call = msgspec.json.Decoder(Call)
_decode_row = msgspec.json.Decoder(LogRow)


async def log_ended(connection: Connection, ended: Iterable[Call]) -> None:
    """Write the rows of the calls that are over with these; in the transaction that ends them.

    `LogKeeper` holds them against Asterisk's own records and tells of them; what needs these records to be a row at all
    is left to it altogether. Raises DatabaseUnreachable.
    """
    over = [call for call in ended if call.end_reason is not EndReason.TRANSFERRED]
    whole = [[call] for call in over if call.transferred_from is None]
    successors = {call.id for call in over if call.transferred_from is not None}
    with database_errors():
        if successors:
            linkedids = [call.linkedid for call in over if call.id in successors]
            found = await connection.fetch(_CHAINS, linkedids)
            known = chains(_decode_call.decode(row["snapshot"]) for row in found)
            whole += [chain for chain in known if chain[-1].id in successors]
        if whole:
            await connection.execute(_DUE, sorted(chain[0].linkedid for chain in whole))
    await write_rows(connection, [row_of_calls(chain) for chain in whole if not needs_asterisk(chain)])


async def write_rows(connection: Connection, rows: Sequence[LogRow]) -> list[LogRow]:
    """Each call's row, unless it stands there; those that are new, with their contacts. Raises DatabaseUnreachable."""
    if not rows:
        return []
    rows = await with_contact(connection, rows)
    with database_errors():
        written = await connection.fetch(_INSERT, _documents(rows))
    added = {row["linkedid"] for row in written if row["added"]}
    new = [row for row in rows if row.linkedid in added]
    await _mark_spoken(connection, new)
    return new


async def _mark_spoken(connection: Connection, rows: Iterable[LogRow]) -> None:
    spoken = [(row.contact.id, row.ended_at) for row in rows if row.contact and row.answered_at is not None]
    await mark_spoken(connection, spoken)


async def tell(connection: Connection, row: LogRow) -> list[Logged]:
    """The row is final: `call.logged` in its last call's journal; empty: it stood there. Raises DatabaseUnreachable."""
    with database_errors():
        entry = await connection.fetchrow(_JOURNAL, _told_of(row))
    return [] if entry is None else [Logged(row, _told_of(row), entry["at"], entry["seq"])]


async def was_told(connection: Connection, row: LogRow) -> bool:
    """Whether `call.logged` was. Raises DatabaseUnreachable."""
    with database_errors():
        return bool(await connection.fetchval(_TOLD, _told_of(row)))


def _told_of(row: LogRow) -> str:
    return row.calls[-1] if row.calls else row.id


async def put_row(connection: Connection, row: LogRow) -> None:
    """The row as given, but for notes and outcome. Raises DatabaseUnreachable."""
    with database_errors():
        await connection.execute(_PUT, _documents([row]))
    await _mark_spoken(connection, [row])


async def read_rows(connection: Connection, linkedids: Sequence[str]) -> list[LogRow]:
    """Those that are logged, the oldest first. Raises DatabaseUnreachable."""
    with database_errors():
        found = await connection.fetch(_READ, list(linkedids))
    return [_decode_row.decode(row["document"]) for row in found]


async def with_contact(connection: Connection, rows: Sequence[LogRow]) -> list[LogRow]:
    """A call placed from a record is that record's, any other that of the most recently spoken to with its number.

    If several share the number, all are named. A CRM that answered too late for the ring is not too late for the log.
    Nobody is invented for an unknown number. Raises DatabaseUnreachable.
    """
    numbers = {row.number for row in rows if row.contact_by != "record" and row.number.startswith("+")}
    sharing: dict[str, list[Contact]] = {}
    for query in (_CANDIDATES, _CRM_CONTACTS):
        unknown = numbers - sharing.keys()
        with database_errors():
            found = await connection.fetch(query, list(unknown)) if unknown else []
        for each in found:
            sharing.setdefault(each["number"], []).append(Contact(each["id"], each["name"]))
    return [row if row.contact_by == "record" else _owned(row, sharing.get(row.number, [])) for row in rows]


def _owned(row: LogRow, sharing: Sequence[Contact]) -> LogRow:
    """Whom the agent saw while she talked stays the one."""
    candidates = tuple(sharing) if len(sharing) > 1 else ()
    contact = row.contact or next(iter(sharing), None)
    return replace(row, contact=contact, contact_by="number" if contact else None, candidates=candidates)


def _documents(rows: Sequence[LogRow]) -> str:
    return msgspec.json.encode([_columns(row) for row in rows]).decode()


def _columns(row: LogRow) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.structs.asdict(row)
    contact = columns.pop("contact")
    return {
        **columns,
        "agent_emails": row.agent_emails,
        "contact_id": contact.id if contact else None,
        "contact_name": contact.name if contact else None,
        **{name: _time(columns[name]) for name in ("started_at", "agent_answered_at", "answered_at", "ended_at")},
    }


def _time(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
