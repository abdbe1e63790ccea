"""Deliveries: enqueued with the call's journal, claimed in each call's order, settled, swept."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.outbox import Delivery, NewWebhook, Outcome, Subscriptions, Webhook
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.outbox import MOST_OF_A_CALL, PostgresOutbox, enqueue
from ctc_ari.store.pool import Pool
from ctc_ari.store.webhooks import PostgresWebhooks
from tests.store.kept_calls import happenings, journal, keeping, later, new
from tests.store.test_webhooks import Changed, deliver

LEASE = 60.0


@pytest.fixture
def outbox(pool: Pool) -> PostgresOutbox:
    return PostgresOutbox(pool)


@pytest.fixture
async def webhook(pool: Pool) -> Webhook:
    return await PostgresWebhooks(pool, Changed()).create(NewWebhook(url="https://crm.example.com/"))


def places(claimed: object) -> list[tuple[str, int]]:
    assert isinstance(claimed, list)
    return [(delivery.call_id, delivery.seq) for delivery in claimed]


def delivered(*deliveries: Delivery) -> list[Outcome]:
    return [Outcome(delivery.id, "delivered", 0.0, 200, None) for delivery in deliveries]


def failed(delivery: Delivery, delay: float) -> list[Outcome]:
    return [Outcome(delivery.id, "pending", delay, 500, "answered 500")]


async def row(pool: Pool, delivery: Delivery) -> asyncpg.Record:
    found = await pool.fetchrow("select * from webhook_deliveries where id = $1", delivery.id)
    assert found is not None
    return found


# enqueued with the journal


async def test_what_is_told_is_committed_with_the_journal(pool: Pool, database_url: str, webhook: Webhook) -> None:
    subscriptions = Subscriptions({"webhook": lambda happening: f'{{"type": "{happening.event}"}}'})
    subscriptions.replace([webhook, Webhook(id="wh_2", url="", types=frozenset({"call.ended"}))])
    committed: list[int] = []
    subscriptions.when_enqueued(lambda: committed.append(1))
    async with keeping(pool, database_url) as bare:
        bare._subscriptions = subscriptions
        call = new()
        await bare.add(call)
        ended = later(call, Phase.ENDED, end_reason=EndReason.COMPLETED)
        bare.save(ended, happenings(ended, 1, "call.created", "call.ended"), urgent=True)
        await bare.flush(5)
    assert await journal(pool, call) == [(1, "call.created"), (2, "call.ended")]
    rows = await pool.fetch("select webhook_id, call_id, seq, type, payload from webhook_deliveries")
    assert {tuple(found) for found in rows} == {
        (webhook.id, call.id, 1, "call.created", '{"type": "call.created"}'),
        (webhook.id, call.id, 2, "call.ended", '{"type": "call.ended"}'),
        ("wh_2", call.id, 2, "call.ended", '{"type": "call.ended"}'),
    }
    assert committed


async def test_what_stands_in_the_journal_is_not_told_again(pool: Pool, database_url: str, webhook: Webhook) -> None:
    """As after a commit whose confirmation was lost, and when it was delivered and swept meanwhile."""
    subscriptions = Subscriptions({"webhook": lambda happening: "{}"})
    subscriptions.replace([webhook])
    store = PostgresCallStore(pool, database_url, subscriptions=subscriptions)
    running = asyncio.create_task(store.run())
    call = new()
    await store.add(call)
    told = later(call, Phase.TALKING)
    for _ in range(2):
        store.save(told, happenings(told, 1, "call.created"), urgent=True)
        await store.flush(5)
        await pool.execute("delete from webhook_deliveries")
    assert await pool.fetchval("select count(*) from webhook_deliveries") == 0
    store.save(told, happenings(told, 1, "call.created", "call.answered"), urgent=True)
    await store.flush(5)
    assert await pool.fetchval("select array_agg(seq) from webhook_deliveries") == [2]
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_written_elsewhere_is_told_with_its_transaction(pool: Pool, webhook: Webhook) -> None:
    subscriptions = Subscriptions({"webhook": lambda happening: "{}"})
    call = new()
    async with pool.acquire() as connection:
        await enqueue(subscriptions, connection, happenings(call, 1, "call.ended"))
        subscriptions.replace([webhook])
        for _ in range(2):
            await enqueue(subscriptions, connection, happenings(call, 1, "call.ended"))
        undone = connection.transaction()
        await undone.start()
        await enqueue(subscriptions, connection, happenings(call, 2, "call.ended"))
        await undone.rollback()
    assert await pool.fetchval("select array_agg(seq) from webhook_deliveries") == [1]


# claimed


async def test_the_deliveries_of_a_call_are_claimed_together_and_in_order(
    outbox: PostgresOutbox, pool: Pool, webhook: Webhook
) -> None:
    for seq in (3, 1, 2):
        await deliver(pool, webhook.id, "c1", seq)
    assert places(await outbox.claim({webhook.id: 1}, LEASE)) == [("c1", 1), ("c1", 2), ("c1", 3)]


async def test_what_is_claimed_belongs_to_one_instance_until_its_time_is_over(
    outbox: PostgresOutbox, pool: Pool, webhook: Webhook
) -> None:
    await deliver(pool, webhook.id, "c1", 1)
    assert places(await outbox.claim({webhook.id: 5}, 0.2)) == [("c1", 1)]
    await deliver(pool, webhook.id, "c1", 2)
    assert places(await outbox.claim({webhook.id: 5}, LEASE)) == [], "what follows waits for the first"
    await asyncio.sleep(0.25)
    assert places(await outbox.claim({webhook.id: 5}, LEASE)) == [("c1", 1), ("c1", 2)]


async def test_two_instances_at_once_share_the_calls(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    for call in range(40):
        for seq in (1, 2):
            await deliver(pool, webhook.id, f"c{call}", seq)
    claims = await asyncio.gather(*(outbox.claim({webhook.id: 10}, LEASE) for _ in range(8)))
    claimed = [delivery.id for each in claims for delivery in each]
    assert len(claimed) == len(set(claimed))
    for each in claims:
        calls = [delivery.call_id for delivery in each]
        assert all(calls.count(call) == 2 for call in calls), "a call is claimed whole"


async def test_each_webhook_gets_as_many_calls_as_it_has_room_for(
    outbox: PostgresOutbox, pool: Pool, webhook: Webhook
) -> None:
    for call in range(5):
        await deliver(pool, webhook.id, f"c{call}", 1)
        await deliver(pool, "wh_2", f"c{call}", 1)
    claimed = await outbox.claim({webhook.id: 2, "wh_2": 3}, LEASE)
    assert [delivery.webhook_id for delivery in claimed].count(webhook.id) == 2
    assert len(claimed) == 5


async def test_a_long_call_is_claimed_piece_by_piece(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    for seq in range(1, MOST_OF_A_CALL + 3):
        await deliver(pool, webhook.id, "c1", seq)
    first = await outbox.claim({webhook.id: 1}, LEASE)
    assert len(first) == MOST_OF_A_CALL
    await outbox.settle(delivered(*first))
    assert places(await outbox.claim({webhook.id: 1}, LEASE)) == [("c1", MOST_OF_A_CALL + n) for n in (1, 2)]


# settled


async def test_delivered_is_delivered(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    await deliver(pool, webhook.id, "c1", 1)
    claimed = await outbox.claim({webhook.id: 1}, LEASE)
    await outbox.settle(delivered(*claimed))
    after = await row(pool, claimed[0])
    assert (after["state"], after["attempts"], after["status"], after["error"]) == ("delivered", 1, 200, None)
    assert after["last_attempt_at"] is not None
    assert await outbox.claim({webhook.id: 1}, LEASE) == []


async def test_what_follows_a_failure_waits_for_it(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    for seq in (1, 2):
        await deliver(pool, webhook.id, "c1", seq)
    await deliver(pool, webhook.id, "c2", 1)
    claimed = await outbox.claim({webhook.id: 5}, LEASE)
    first = next(delivery for delivery in claimed if delivery.call_id == "c1")
    other = next(delivery for delivery in claimed if delivery.call_id == "c2")
    await outbox.settle([*failed(first, 0.3), *delivered(other)])
    assert await outbox.claim({webhook.id: 5}, LEASE) == []
    after = await row(pool, first)
    assert (after["state"], after["attempts"], after["status"], after["error"]) == ("pending", 1, 500, "answered 500")
    await asyncio.sleep(0.35)
    assert places(await outbox.claim({webhook.id: 5}, LEASE)) == [("c1", 1), ("c1", 2)]


async def test_what_is_given_up_lets_the_next_one_go(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    for seq in (1, 2):
        await deliver(pool, webhook.id, "c1", seq)
    first, _ = await outbox.claim({webhook.id: 5}, 0.0)
    await outbox.settle([Outcome(first.id, "failed", 0.0, None, "no connection")])
    assert places(await outbox.claim({webhook.id: 5}, LEASE)) == [("c1", 2)]


async def test_a_replay_meanwhile_counts(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    await deliver(pool, webhook.id, "c1", 1)
    claimed = await outbox.claim({webhook.id: 5}, LEASE)
    await PostgresWebhooks(pool, Changed()).replay(webhook.id, claimed[0].id)
    await outbox.settle(delivered(*claimed))
    assert places(await outbox.claim({webhook.id: 5}, LEASE)) == [("c1", 1)]


# the receivers' state, and what is forgotten


async def test_failing_counts_from_the_first_failure(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    await outbox.mark(webhook.id, failing=True)
    since = (await outbox.enabled())[0].failing_since
    await outbox.mark(webhook.id, failing=True)
    assert since is not None
    assert (await outbox.enabled())[0].failing_since == since
    await outbox.mark(webhook.id, failing=False)
    assert (await outbox.enabled())[0].failing_since is None


async def test_switched_off_with_the_reason(outbox: PostgresOutbox, pool: Pool, webhook: Webhook) -> None:
    await outbox.switch_off(webhook.id, "for a day: no connection")
    assert await outbox.enabled() == []
    off = await PostgresWebhooks(pool, Changed()).read(webhook.id)
    assert (off.enabled, off.disabled_reason) == (False, "for a day: no connection")
    assert off.disabled_at is not None


async def test_old_deliveries_and_those_of_nobody_are_forgotten(
    outbox: PostgresOutbox, pool: Pool, webhook: Webhook
) -> None:
    kept = await deliver(pool, webhook.id, "c1", 1)
    old = await deliver(pool, webhook.id, "c2", 1)
    await deliver(pool, "removed", "c3", 1)
    await pool.execute("update webhook_deliveries set created_at = now() - interval '3 days' where id = $1", old)
    await outbox.sweep(2 * 24 * 3600.0)
    assert await pool.fetchval("select array_agg(id) from webhook_deliveries") == [kept]
