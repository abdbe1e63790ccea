"""How much waits in the database, and for how long."""

from __future__ import annotations

import pytest

from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.outbox import NewWebhook
from ctc_ari.store.pool import Pool
from ctc_ari.store.waiting import PostgresBacklog
from ctc_ari.store.webhooks import PostgresWebhooks
from ctc_ari.vitals import Backlog
from tests.store.test_webhooks import Changed


async def test_nothing_waits_in_a_new_database(pool: Pool) -> None:
    assert await PostgresBacklog(pool).read() == Backlog(0, 0.0, 0, 0.0)


async def test_what_waits_is_counted_and_the_oldest_told(pool: Pool) -> None:
    webhooks = PostgresWebhooks(pool, Changed())
    waits = await webhooks.create(NewWebhook(url="https://crm.example.com/"))
    off = await webhooks.create(NewWebhook(url="https://crm.example.com/off"))
    await pool.execute("update webhooks set enabled = false where id = $1", off.id)
    insert = """
        insert into webhook_deliveries (webhook_id, call_id, seq, type, payload, state, created_at)
        values ($1, 'c', $2, 'call.ended', '{}', $3, now() - $4 * interval '1 s')
    """
    for number, (webhook, state, age) in enumerate(
        [(waits, "pending", 90), (waits, "pending", 10), (waits, "delivered", 500), (off, "pending", 500)]
    ):
        await pool.execute(insert, webhook.id, number, state, age)
    await pool.execute("insert into log_due (linkedid, since) values ('c', now() - interval '30 s')")
    found = await PostgresBacklog(pool).read()
    assert (found.deliveries, found.log) == (2, 1)
    assert found.deliveries_age == pytest.approx(90, abs=20)
    assert found.log_age == pytest.approx(30, abs=20)


async def test_a_database_that_is_away_is_no_zero(pool: Pool) -> None:
    await pool.close()
    with pytest.raises(DatabaseUnreachable):
        await PostgresBacklog(pool).read()
