"""The webhooks' rows, and deliveries as administrators see them."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.errors import BadRequest, Conflict, DatabaseUnreachable, DeliveryNotFound, WebhookNotFound
from ctc_ari.outbox import CRM_ID, NewWebhook
from ctc_ari.store import webhooks as module
from ctc_ari.store.pool import Pool
from ctc_ari.store.webhooks import PostgresWebhooks, ensure_crm

NEW = NewWebhook(
    url="https://crm.example.com/hook",
    description="the CRM",
    types=frozenset({"call.ended"}),
    agents=frozenset({"Anna@Example.com"}),
)


class Changed:
    """Counts; fails when it is told to."""

    def __init__(self) -> None:
        self.times = 0
        self.failure: Exception | None = None

    async def __call__(self) -> None:
        self.times += 1
        if self.failure:
            raise self.failure


@pytest.fixture
def changed() -> Changed:
    return Changed()


@pytest.fixture
def webhooks(pool: Pool, changed: Changed) -> PostgresWebhooks:
    return PostgresWebhooks(pool, changed)


async def deliver(pool: Pool, webhook_id: str, call: str, seq: int, **fields: Any) -> int:
    """A row as the calls' store would write it."""
    names = ["webhook_id", "call_id", "seq", "type", "payload", *fields]
    values = [webhook_id, call, seq, "call.ended", "{}", *fields.values()]
    places = ", ".join(f"${n}" for n in range(1, len(names) + 1))
    statement = f"insert into webhook_deliveries ({', '.join(names)}) values ({places}) returning id"
    made: int = await pool.fetchval(statement, *values)
    return made


async def test_a_webhook_is_created_with_a_secret_of_its_own(webhooks: PostgresWebhooks, changed: Changed) -> None:
    first, second = await webhooks.create(NEW), await webhooks.create(NewWebhook(url=NEW.url))
    assert (first.url, first.description, first.types) == (NEW.url, "the CRM", NEW.types)
    assert first.agents == frozenset({"anna@example.com"})
    assert first.secrets[0].startswith("whsec_")
    assert first.secrets != second.secrets
    assert (second.types, second.agents, second.enabled, second.failing_since) == (None, None, True, None)
    assert await webhooks.all() == [first, second]
    assert await webhooks.read(first.id) == first
    assert changed.times == 2


async def test_a_private_receiver_is_refused_unless_allowed(pool: Pool, webhooks: PostgresWebhooks) -> None:
    private = NewWebhook(url="http://127.0.0.1:9/")
    with pytest.raises(BadRequest):
        await webhooks.create(private)
    with pytest.raises(BadRequest):
        await webhooks.change((await webhooks.create(NEW)).id, url=private.url)

    async def nothing() -> None:
        pass

    await PostgresWebhooks(pool, nothing, allow_private=True).create(private)


async def test_there_are_not_too_many(webhooks: PostgresWebhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WEBHOOKS", 1)
    await webhooks.create(NEW)
    with pytest.raises(Conflict, match="remove one"):
        await webhooks.create(NEW)


async def test_some_fields_are_changed_and_the_others_stay(webhooks: PostgresWebhooks) -> None:
    made = await webhooks.create(NEW)
    after = await webhooks.change(made.id, types=None, agents=frozenset({"BORIS@example.com"}))
    assert (after.types, after.agents, after.url) == (None, frozenset({"boris@example.com"}), NEW.url)
    assert after.secrets == made.secrets
    assert not (await webhooks.change(made.id, enabled=False)).enabled


async def test_switched_on_again_it_begins_anew(webhooks: PostgresWebhooks, pool: Pool) -> None:
    made = await webhooks.create(NEW)
    await pool.execute(
        "update webhooks set enabled = false, failing_since = now(), disabled_at = now(), disabled_reason = 'dead'"
    )
    before = await webhooks.read(made.id)
    assert (before.enabled, before.disabled_reason) == (False, "dead")
    after = await webhooks.change(made.id, enabled=True)
    assert (after.enabled, after.failing_since, after.disabled_at, after.disabled_reason) == (True, None, None, None)


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_while(webhooks: PostgresWebhooks, pool: Pool) -> None:
    made = await webhooks.create(NEW)
    rotated = await webhooks.rotate(made.id, 60.0)
    assert rotated.secrets[1:] == made.secrets
    assert rotated.secrets[0] not in made.secrets
    await pool.execute("update webhooks set old_secret_until = now() - interval '1 s'")
    assert (await webhooks.read(made.id)).secrets == rotated.secrets[:1]
    assert len((await webhooks.rotate(made.id, 0.0)).secrets) == 1, "without grace the old one ends at once"


async def test_a_removed_webhook_is_gone(webhooks: PostgresWebhooks) -> None:
    made = await webhooks.create(NEW)
    await webhooks.remove(made.id)
    for asked in (
        webhooks.read(made.id),
        webhooks.remove(made.id),
        webhooks.rotate(made.id, 1),
        webhooks.change(made.id),
    ):
        with pytest.raises(WebhookNotFound):
            await asked


async def test_the_crms_own_is_made_by_the_configuration_only(webhooks: PostgresWebhooks, pool: Pool) -> None:
    await ensure_crm(pool, None)
    with pytest.raises(WebhookNotFound):
        await webhooks.read(CRM_ID)
    await ensure_crm(pool, ("call.ended",))
    await ensure_crm(pool, ("call.created", "call.ended"))
    crm = await webhooks.read(CRM_ID)
    assert (crm.kind, crm.types, crm.enabled) == ("crm", frozenset({"call.created", "call.ended"}), True)
    assert await webhooks.all() == []
    for asked in (webhooks.change(CRM_ID, enabled=False), webhooks.remove(CRM_ID), webhooks.rotate(CRM_ID, 1)):
        with pytest.raises(Conflict, match="configuration"):
            await asked
    await ensure_crm(pool, None)
    assert not (await webhooks.read(CRM_ID)).enabled


async def test_deliveries_are_paged_the_newest_first(webhooks: PostgresWebhooks, pool: Pool) -> None:
    made, other = await webhooks.create(NEW), await webhooks.create(NEW)
    ids = [await deliver(pool, made.id, f"c{n}", 1, state="failed" if n % 2 else "delivered") for n in range(5)]
    await deliver(pool, other.id, "c", 1)
    first = await webhooks.deliveries(made.id, state=None, before=None, limit=3)
    assert [each.id for each in first.deliveries] == ids[:1:-1]
    second = await webhooks.deliveries(made.id, state=None, before=first.next, limit=3)
    assert ([each.id for each in second.deliveries], second.next) == (ids[1::-1], None)
    failed = await webhooks.deliveries(made.id, state="failed", before=None, limit=3)
    assert ([each.id for each in failed.deliveries], failed.next) == ([ids[3], ids[1]], None)
    with pytest.raises(WebhookNotFound):
        await webhooks.deliveries("nobody", state=None, before=None, limit=3)


async def test_a_replayed_delivery_is_pending_again(webhooks: PostgresWebhooks, pool: Pool, changed: Changed) -> None:
    made, other = await webhooks.create(NEW), await webhooks.create(NEW)
    done = await deliver(pool, made.id, "c1", 4, state="failed", attempts=12, status=500, error="answered 500")
    told = changed.times
    replayed = await webhooks.replay(made.id, done)
    assert (replayed.state, replayed.attempts, replayed.status, replayed.error) == ("pending", 0, None, None)
    assert replayed.message_id == "msg_c1_4"
    assert changed.times == told + 1
    for webhook_id, delivery_id in ((other.id, done), (made.id, done + 1)):
        with pytest.raises(DeliveryNotFound):
            await webhooks.replay(webhook_id, delivery_id)
    await webhooks.change(made.id, enabled=False)
    with pytest.raises(Conflict, match="switch it on"):
        await webhooks.replay(made.id, done)


async def test_a_change_is_made_though_nobody_can_be_told(webhooks: PostgresWebhooks, changed: Changed) -> None:
    changed.failure = DatabaseUnreachable()
    made = await webhooks.create(NEW)
    assert await webhooks.all() == [made]
