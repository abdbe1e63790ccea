"""What is written of calls: the statements, and the columns of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from ctc_ari.calls.model import Call, Contact
from ctc_ari.calls.ports import Happening
from ctc_ari.outbox import Subscriptions
from ctc_ari.store.contacts import BY_CONVERSATION
from ctc_ari.store.outbox import message_columns

__all__ = [
    "ADD",
    "CHANNELS",
    "FIND",
    "LOAD_LIVE",
    "LOAD_RECENT",
    "SAVE",
    "addition_columns",
    "change_columns",
    "contact_of",
    "decode_call",
]

#: One row per call, whatever number of calls arrive together; those whose agent has a live call are left out.
ADD = f"""
with incoming as (
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::float8[], $11::text[], $12::text[], $13::text[]
    ) as t (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from
    )
), added as (
    insert into calls (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from
    )
    select id, node, direction, state, phase, agent_email, device, number, contact_id, to_timestamp(created_at),
           snapshot::jsonb, linkedid, transferred_from
    from incoming
    on conflict do nothing
    returning id, number, contact_id
)
select added.id, contact.id as contact_id, contact.name, contact.company, contact.email, contact.url
from added
left join lateral (
    select contacts.id, contacts.name, contacts.company, contacts.email, contacts.url
    from contact_numbers join contacts on contacts.id = contact_numbers.contact_id
    where contact_numbers.number = added.number and added.contact_id is null
    order by {BY_CONVERSATION}
    limit 1
) contact on true
"""  # noqa: S608 -- made of constants

#: The newest state of each call, whatever happened on the way there, and what webhooks are told of it: once, because
#: what stands in the journal already is not told again. An ended call is inserted if need be: an insert that was never
#: confirmed may be carried out after this, and must then find it ended. So may an update: what has ended stays ended.
#: What comes of a transfer goes on without waiting for its row, which is made here.
SAVE = """
with changed as (
    select id, node, direction, state, phase, agent_email, device, number, contact_id,
           to_timestamp(created_at) as created_at, to_timestamp(agent_answered_at) as agent_answered_at,
           to_timestamp(answered_at) as answered_at, to_timestamp(ended_at) as ended_at, end_reason, ended_by,
           snapshot::jsonb as snapshot, linkedid, transferred_from
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::float8[], $11::text[], $12::text[], $13::text[], $14::float8[], $15::float8[], $16::float8[], $17::text[],
        $18::text[]
    ) as t (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from, agent_answered_at, answered_at, ended_at, end_reason, ended_by
    )
), going_on as (
    update calls set
        state = changed.state, phase = changed.phase, contact_id = changed.contact_id,
        agent_email = changed.agent_email, device = changed.device,
        agent_answered_at = changed.agent_answered_at, answered_at = changed.answered_at,
        snapshot = changed.snapshot, updated_at = now()
    from changed
    where calls.id = changed.id and changed.state <> 'ended' and changed.transferred_from is null
        and calls.state <> 'ended'
    returning calls.id
), ended_or_handed_over as (
    insert into calls (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, agent_answered_at,
        answered_at, ended_at, end_reason, ended_by, snapshot, linkedid, transferred_from
    )
    select id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, agent_answered_at,
           answered_at, ended_at, end_reason, ended_by, snapshot, linkedid, transferred_from
    from changed where state = 'ended' or transferred_from is not null
    on conflict (id) do update set
        state = excluded.state, phase = excluded.phase, contact_id = excluded.contact_id,
        agent_email = excluded.agent_email, device = excluded.device,
        agent_answered_at = excluded.agent_answered_at, answered_at = excluded.answered_at,
        ended_at = excluded.ended_at, end_reason = excluded.end_reason, ended_by = excluded.ended_by,
        snapshot = excluded.snapshot, updated_at = now()
    where calls.state <> 'ended' or excluded.state = 'ended'
    returning id
), saved as (
    select id from going_on union all select id from ended_or_handed_over
), journal as (
    insert into call_journal (call_id, seq, at, event)
    select t.call_id, t.seq, to_timestamp(t.at), t.event
    from unnest($19::text[], $20::int[], $21::float8[], $22::text[]) as t (call_id, seq, at, event)
    join saved on saved.id = t.call_id
    on conflict do nothing
    returning call_id, seq
)
insert into webhook_deliveries (webhook_id, call_id, seq, type, payload)
select t.webhook_id, t.call_id, t.seq, t.type, t.payload
from unnest($23::text[], $24::text[], $25::int[], $26::text[], $27::text[])
    with ordinality as t (webhook_id, call_id, seq, type, payload, position)
join journal on journal.call_id = t.call_id and journal.seq = t.seq
order by t.position
on conflict do nothing
"""

CHANNELS = """
insert into call_channels (channel, call_id) select * from unnest($1::text[], $2::text[]) on conflict do nothing
"""

LOAD_LIVE = """
select snapshot, coalesce((select max(seq) from call_journal where call_id = calls.id), 0) as seq
from calls where node = $1 and state <> 'ended' order by created_at
"""
LOAD_RECENT = "select snapshot from calls where node = $1 and state = 'ended' and created_at >= $2 order by created_at"
FIND = "select snapshot from calls where id = $1"

_encode = msgspec.json.Encoder().encode
decode_call = msgspec.json.Decoder(Call).decode


def contact_of(row: asyncpg.Record) -> Contact | None:
    """Whose the number is, in what `ADD` returns."""
    if row["contact_id"] is None:
        return None
    return Contact(row["contact_id"], row["name"], row["company"], row["email"], row["url"])


def addition_columns(calls: Sequence[Call]) -> list[list[Any]]:
    """The values of `ADD`."""
    return _call_columns(calls)


def change_columns(
    calls: Sequence[Call], happenings: Sequence[Happening], subscriptions: Subscriptions | None
) -> list[list[Any]]:
    """The values of `SAVE`."""
    return [*_state_columns(calls), *_journal_columns(happenings), *message_columns(subscriptions, happenings)]


def _state_columns(calls: Sequence[Call]) -> list[list[Any]]:
    return [
        *_call_columns(calls),
        [call.agent_answered_at for call in calls],
        [call.answered_at for call in calls],
        [call.ended_at for call in calls],
        [call.end_reason.value if call.end_reason else None for call in calls],
        [call.ended_by for call in calls],
    ]


def _call_columns(calls: Sequence[Call]) -> list[list[Any]]:
    return [
        [call.id for call in calls],
        [call.node for call in calls],
        [call.direction for call in calls],
        [call.state.value for call in calls],
        [call.phase.value for call in calls],
        [call.agent.email for call in calls],
        [call.device for call in calls],
        [call.number for call in calls],
        [call.contact.id if call.contact else None for call in calls],
        [call.created_at for call in calls],
        [_encode(call).decode() for call in calls],
        [call.linkedid for call in calls],
        [call.transferred_from for call in calls],
    ]


def _journal_columns(happenings: Sequence[Happening]) -> list[list[Any]]:
    return [
        [happening.call.id for happening in happenings],
        [happening.seq for happening in happenings],
        [happening.at for happening in happenings],
        [happening.event for happening in happenings],
    ]
