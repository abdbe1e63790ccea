"""Deliveries on their way out: claimed for one instance at a time, in each call's order, and settled in batches.

Deliveries of one call to one webhook stand in a row. Only a row whose first one is due is claimed, and then what
follows with it, so that the order holds whatever number of instances deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctc_ari.outbox import Delivery, Outcome, Subscriptions, Told, Webhook
from ctc_ari.store.pool import Connection, Pool, acquire
from ctc_ari.store.webhooks import DELIVERY, read_webhooks

__all__ = ["PostgresOutbox", "enqueue", "message_columns"]

#: Deliveries of one call that are claimed together.
MOST_OF_A_CALL = 20
#: Rows removed in one statement, so that none takes long.
SWEPT_AT_ONCE = 5000

#: `not in (…)` where `= 'pending'` would say the same: so the small index of what is pending cannot be taken for the
#: look along a call, which would read all of it for each row. Without statistics, as on a young table, PostgreSQL did.
_CLAIM = f"""
with heads as materialized (
    select head.webhook_id, head.call_id, head.seq
    from unnest($1::text[], $2::int[]) as room (webhook_id, calls)
    cross join lateral (
        select d.webhook_id, d.call_id, d.seq
        from webhook_deliveries d
        where d.webhook_id = room.webhook_id and d.state = 'pending' and d.due_at <= now()
            and (d.leased_until is null or d.leased_until < now())
            and not exists (
                select 1 from webhook_deliveries earlier
                where earlier.webhook_id = d.webhook_id and earlier.call_id = d.call_id
                    and earlier.seq < d.seq and earlier.state not in ('delivered', 'failed')
            )
        order by d.due_at
        limit room.calls
        for update of d skip locked
    ) head
)
update webhook_deliveries d set leased_until = now() + $3::float8 * interval '1 s'
from heads
where d.webhook_id = heads.webhook_id and d.call_id = heads.call_id and d.state not in ('delivered', 'failed')
    and d.seq between heads.seq and heads.seq + {MOST_OF_A_CALL - 1}
returning {DELIVERY}
"""  # noqa: S608 -- nothing of anybody's

#: A delivery that was replayed meanwhile is pending again already: that counts.
_SETTLE = """
with settled as (
    update webhook_deliveries d set
        state = t.state, attempts = d.attempts + 1, status = t.status, error = t.error, last_attempt_at = now(),
        leased_until = null, due_at = now() + t.delay * interval '1 s'
    from unnest($1::bigint[], $2::text[], $3::float8[], $4::int[], $5::text[]) as t (id, state, delay, status, error)
    where d.id = t.id and d.leased_until is not null
    returning d.webhook_id, d.call_id, d.seq, d.state, d.due_at
)
update webhook_deliveries d set leased_until = null, due_at = settled.due_at
from settled
where settled.state = 'pending' and d.webhook_id = settled.webhook_id and d.call_id = settled.call_id
    and d.seq > settled.seq and d.state not in ('delivered', 'failed')
"""

_ENQUEUE = """
insert into webhook_deliveries (webhook_id, call_id, seq, type, payload)
select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[])
on conflict do nothing
"""

_SWEEP_OLD = """
    delete from webhook_deliveries where id in (
        select id from webhook_deliveries where created_at < now() - $1::float8 * interval '1 s' limit $2
    )
"""
_SWEEP_ORPHANS = """
    delete from webhook_deliveries where id in (
        select id from webhook_deliveries d
        where not exists (select 1 from webhooks where webhooks.id = d.webhook_id) limit $1
    )
"""


class PostgresOutbox:
    """Implements `ctc_ari.outbox.Outbox`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def enabled(self) -> Sequence[Webhook]:
        """Those that are switched on."""
        async with acquire(self._pool) as connection:
            return await read_webhooks(connection, "enabled")

    async def claim(self, room: Mapping[str, int], seconds: float) -> Sequence[Delivery]:
        """For each webhook the due deliveries of so many calls, in order."""
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(_CLAIM, list(room), list(room.values()), seconds)
        return sorted((Delivery(**row) for row in rows), key=lambda each: (each.webhook_id, each.call_id, each.seq))

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Write what came of them."""
        async with acquire(self._pool) as connection:
            await connection.execute(
                _SETTLE,
                [outcome.delivery_id for outcome in outcomes],
                [outcome.state for outcome in outcomes],
                [outcome.delay for outcome in outcomes],
                [outcome.status for outcome in outcomes],
                [outcome.error for outcome in outcomes],
            )

    async def mark(self, webhook_id: str, *, failing: bool) -> None:
        """Since when it fails: since now, unless it did already, or not at all."""
        async with acquire(self._pool) as connection:
            await connection.execute(
                """
                update webhooks set failing_since = case when $2 then coalesce(failing_since, now()) end where id = $1
                """,
                webhook_id,
                failing,
            )

    async def switch_off(self, webhook_id: str, reason: str) -> None:
        """Nothing more is sent to it until somebody switches it on."""
        async with acquire(self._pool) as connection:
            await connection.execute(
                """
                update webhooks set enabled = false, disabled_at = now(), disabled_reason = $2
                where id = $1 and enabled and kind = 'webhook'
                """,
                webhook_id,
                reason,
            )

    async def sweep(self, seconds: float) -> None:
        """Forget what is older, and what belongs to no webhook any more."""
        for statement, arguments in ((_SWEEP_OLD, (seconds, SWEPT_AT_ONCE)), (_SWEEP_ORPHANS, (SWEPT_AT_ONCE,))):
            done = f"DELETE {SWEPT_AT_ONCE}"
            while done == f"DELETE {SWEPT_AT_ONCE}":
                async with acquire(self._pool) as connection:
                    done = await connection.execute(statement, *arguments)


async def enqueue(subscriptions: Subscriptions, connection: Connection, happenings: Sequence[Told]) -> None:
    """For what is not written with a call's state: part of whatever transaction that is.

    Say so with `Subscriptions.enqueued` after the commit.
    """
    columns = message_columns(subscriptions, happenings)
    if columns[0]:
        await connection.execute(_ENQUEUE, *columns)


def message_columns(subscriptions: Subscriptions | None, happenings: Sequence[Told]) -> list[list[object]]:
    """What is to be enqueued with these: webhooks, calls, places in the journal, types and payloads."""
    messages = (
        [(message, happening) for happening in happenings for message in subscriptions.messages(happening)]
        if subscriptions is not None
        else []
    )
    return [
        [message.webhook_id for message, _ in messages],
        [happening.call_id for _, happening in messages],
        [happening.seq for _, happening in messages],
        [happening.event for _, happening in messages],
        [message.payload for message, _ in messages],
    ]
