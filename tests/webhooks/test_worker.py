"""From what happens to a call to what a receiver got: in order, again when it failed, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web
from msgspec.structs import replace
from standardwebhooks.webhooks import Webhook as Verifier

from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.outbox import Attempt, Delivery, Outcome, Webhook
from ctc_ari.store.outbox import PostgresOutbox
from ctc_ari.store.pool import Pool
from ctc_ari.webhooks import worker as module
from ctc_ari.webhooks.retries import Retries
from tests.receivers import Received, receiver, until
from tests.webhooks.conftest import QUICK, Post, posting

STORY = ("call.created", "call.agent_ringing", "call.agent_answered", "call.answered", "call.ended")


class Failing:
    """Fails so many times, or for as long as `broken`."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.broken = False

    def __call__(self, _: Received) -> web.Response:
        if self.broken:
            return web.Response(status=500)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)


async def test_a_receiver_gets_what_happened_signed_and_in_order(post: Post) -> None:
    async with receiver() as there:
        webhook = await post.to(there.url)
        call = await post.happen(*STORY)
        await until(lambda: len(there.requests) == len(STORY))
        await post.settled(*[("delivered", 1)] * len(STORY))
    assert there.types == list(STORY)
    for seq, request in enumerate(there.requests, 1):
        message = Verifier(webhook.secrets[0]).verify(request.body, dict(request.headers))
        assert set(message) == {"type", "timestamp", "data"}
        assert (message["data"]["id"], message["data"]["state"]) == (call.id, "talking")
        assert request.headers["webhook-id"] == f"msg_{call.id}_{seq}"
        assert request.headers["Content-Type"] == "application/json"
    assert message["timestamp"] == "2025-06-15T15:06:45.000Z"
    assert post.told == [("webhook", "delivered")] * len(STORY)


async def test_each_gets_what_it_asked_for(post: Post) -> None:
    async with receiver() as everything, receiver() as ends, receiver() as annas:
        await post.to(everything.url)
        await post.to(ends.url, types=frozenset({"call.ended"}))
        call = await post.happen("call.created")
        await post.to(annas.url, agents=frozenset({call.agent.email}))
        await post.happen("call.answered", "call.ended", call=call, first=2)
        await post.happen("call.created", "call.ended")
        await until(lambda: len(everything.requests) == 5 and len(ends.requests) == 2 and len(annas.requests) == 2)
    assert annas.types == ["call.answered", "call.ended"], "only since it is there, and only hers"


async def test_the_row_in_the_log_is_told_last_and_complete(post: Post) -> None:
    async with receiver() as there:
        await post.to(there.url, types=frozenset({"call.ended", "call.logged"}))
        call = await post.happen("call.created")
        ended = replace(call, phase=Phase.ENDED, end_reason=EndReason.COMPLETED, ended_at=call.created_at + 60)
        await post.happen("call.ended", call=ended, first=2)
        await post.log()
        await until(lambda: there.types == ["call.ended", "call.logged"])
    assert there.requests[1].json["data"]["end_reason"] == "completed"
    assert there.requests[1].headers["webhook-id"] == f"msg_{call.id}_3"


async def test_nothing_is_kept_when_nobody_wants_it(post: Post) -> None:
    await post.happen(*STORY)
    assert await post.states() == []


async def test_what_failed_is_sent_again_with_the_same_id_and_a_new_time(post: Post) -> None:
    failing = Failing(500, 503)
    async with receiver(failing) as there:
        webhook = await post.to(there.url)
        await post.happen("call.created")
        await post.settled(("delivered", 3))
    assert len({request.headers["webhook-id"] for request in there.requests}) == 1
    for request in there.requests:
        Verifier(webhook.secrets[0]).verify(request.body, dict(request.headers))
    assert post.told == [("webhook", "retried"), ("webhook", "retried"), ("webhook", "delivered")]
    assert (await post.webhooks.read(webhook.id)).failing_since is None


async def test_a_call_stays_in_order_while_its_first_event_fails_and_others_go_on(post: Post) -> None:
    blocked: set[str] = set()

    def answer(request: Received) -> web.Response:
        return web.Response(status=500 if request.json["data"]["id"] in blocked else 200)

    async with receiver(answer) as there:
        await post.to(there.url)
        call = await post.happen("call.created")
        await until(lambda: len(there.requests) == 1)
        blocked.add(call.id)
        await post.happen("call.answered", "call.ended", call=call, first=2)
        await until(lambda: len(there.requests) > 3)
        other = await post.happen(*STORY)
        await until(lambda: [r.json["data"]["id"] for r in there.requests].count(other.id) == len(STORY))
        blocked.clear()
        await until(lambda: there.types[-1:] == ["call.ended"] and there.requests[-1].json["data"]["id"] == call.id)
    mine = [request.json["type"] for request in there.requests if request.json["data"]["id"] == call.id]
    assert mine[0] == "call.created"
    assert mine[-2:] == ["call.answered", "call.ended"]
    assert set(mine[1:-1]) == {"call.answered"}, "call.ended waits for what comes before it"


async def test_a_slow_receiver_keeps_nobody_else_waiting(post: Post) -> None:
    async def slowly(_: Received) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with receiver(slowly) as slow, receiver() as quick:
        await post.to(slow.url)
        await post.to(quick.url)
        for _ in range(40):
            await post.happen("call.created")
        await until(lambda: len(quick.requests) == 40)
        assert slow.busiest <= module.MOST_CALLS


async def test_a_failing_receiver_is_asked_by_one_call_at_a_time(post: Post) -> None:
    failing = Failing()

    async def takes_its_time(request: Received) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return failing(request)

    async with receiver() as there:
        there.answer = takes_its_time
        await post.to(there.url)
        failing.broken = True
        await post.happen("call.created")
        await until(lambda: len(there.requests) >= 3)
        there.busiest = 0
        for _ in range(10):
            await post.happen("call.created")
        await until(lambda: len(there.requests) >= 12)
        assert there.busiest == 1
        failing.broken = False
        await post.all_delivered()


async def test_a_receiver_that_stays_dead_is_switched_off(pool: Pool, database_url: str) -> None:
    failing = Failing()
    failing.broken = True
    async with receiver(failing) as there, posting(pool, database_url, retries=Retries((0.05,), 0.4)) as post:
        webhook = await post.to(there.url)
        await post.happen("call.created", "call.ended")
        await until(lambda: ("webhook", "switched_off") in post.told)
        off = await post.webhooks.read(webhook.id)
        assert (off.enabled, off.disabled_reason) == (False, "for a day: answered 500")
        assert off.disabled_at is not None
        so_far = len(there.requests)
        await post.happen("call.created")
        await asyncio.sleep(0.2)
        assert len(there.requests) == so_far
        assert set(there.types) == {"call.created"}, "what waited behind it is not tried any more"
        assert post.told.count(("webhook", "switched_off")) == 1, "and nobody is told of it twice"
        failing.broken = False
        await post.webhooks.change(webhook.id, enabled=True)
        await post.happen("call.created")
        await until(lambda: len(there.requests) > so_far)
        assert (await post.webhooks.read(webhook.id)).disabled_reason is None


async def test_one_delivery_that_is_never_taken_switches_nothing_off(pool: Pool, database_url: str) -> None:
    def answer(request: Received) -> web.Response:
        return web.Response(status=400 if request.json["type"] == "call.created" else 200)

    async with receiver(answer) as there, posting(pool, database_url, retries=Retries((0.05,), 0.4)) as post:
        webhook = await post.to(there.url)
        await post.happen("call.created", "call.ended")
        while ("webhook", "given_up") not in post.told:
            await post.happen("call.answered")
            await asyncio.sleep(0.05)
        await until(lambda: "call.ended" in there.types)
        assert (await post.webhooks.read(webhook.id)).enabled


async def test_nothing_more_is_sent_to_a_webhook_that_was_removed_meanwhile(post: Post) -> None:
    removed, answered = asyncio.Event(), asyncio.Event()

    async def answer(_: Received) -> web.Response:
        await removed.wait()
        answered.set()
        return web.Response()

    async with receiver(answer) as there:
        webhook = await post.to(there.url)
        await post.happen(*STORY)
        await until(lambda: len(there.requests) == 1)
        await post.webhooks.remove(webhook.id)
        removed.set()
        await asyncio.wait_for(answered.wait(), 5)
        await asyncio.sleep(0.2)
        assert there.types == ["call.created"]


async def test_a_receiver_that_is_gone_is_switched_off_at_once(post: Post) -> None:
    async with receiver(Failing(410)) as there:
        webhook = await post.to(there.url)
        await post.happen("call.created")
        await until(lambda: ("webhook", "switched_off") in post.told)
        assert "410" in ((await post.webhooks.read(webhook.id)).disabled_reason or "")


async def test_a_replayed_delivery_arrives_again_as_it_was(post: Post) -> None:
    async with receiver() as there:
        webhook = await post.to(there.url)
        await post.happen("call.created")
        await post.settled(("delivered", 1))
        (delivery,) = (await post.webhooks.deliveries(webhook.id, state=None, before=None, limit=9)).deliveries
        await post.webhooks.replay(webhook.id, delivery.id)
        await until(lambda: len(there.requests) == 2)
    first, second = there.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


async def test_after_a_rotation_both_secrets_sign(post: Post) -> None:
    async with receiver() as there:
        webhook = await post.to(there.url)
        rotated = await post.webhooks.rotate(webhook.id, 60.0)
        await post.happen("call.created")
        await until(lambda: len(there.requests) == 1)
    for secret in (rotated.secrets[0], webhook.secrets[0]):
        Verifier(secret).verify(there.requests[0].body, dict(there.requests[0].headers))


async def test_what_was_enqueued_before_a_restart_is_delivered_after_it(pool: Pool, database_url: str) -> None:
    async with receiver() as there:
        failing = Failing()
        there.answer, failing.broken = failing, True
        async with posting(pool, database_url) as post:
            await post.to(there.url)
            await post.happen("call.created", "call.ended")
            await until(lambda: len(there.requests) >= 1)
        await pool.execute("update webhook_deliveries set leased_until = now() where leased_until is not null")
        failing.broken = False
        async with posting(pool, database_url) as post:
            await until(lambda: there.types[-2:] == ["call.created", "call.ended"])


async def test_two_instances_deliver_everything_once(pool: Pool, database_url: str) -> None:
    async with receiver() as there, posting(pool, database_url) as one, posting(pool, database_url) as other:
        await one.to(there.url)
        await other.worker.refresh()
        calls = [await (one, other)[n % 2].happen(*STORY) for n in range(20)]
        await until(lambda: len(there.requests) >= 100)
        await asyncio.sleep(0.2)
    assert len(there.requests) == 100
    for call in calls:
        assert [r.json["type"] for r in there.requests if r.json["data"]["id"] == call.id] == list(STORY)


async def test_a_database_that_went_away_only_delays(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    away = True
    settle = PostgresOutbox.settle

    async def unreachable(self: PostgresOutbox, outcomes: Sequence[Outcome]) -> None:
        if away:
            raise DatabaseUnreachable
        await settle(self, outcomes)

    monkeypatch.setattr(PostgresOutbox, "settle", unreachable)
    async with receiver() as there:
        await post.to(there.url)
        await post.happen("call.created")
        await until(lambda: len(there.requests) == 1)
        await asyncio.sleep(0.2)
        away = False
        await post.settled(("delivered", 1))
    assert len(there.requests) == 1


async def test_a_mistake_in_one_delivery_stops_no_other(pool: Pool, database_url: str) -> None:
    sent: list[str] = []

    async def send(webhook: Webhook, delivery: Delivery) -> Attempt:
        if delivery.type == "call.created":
            raise RuntimeError("a mistake")
        sent.append(delivery.type)
        return Attempt(200)

    async with posting(pool, database_url, retries=QUICK, senders={"webhook": send, "crm": send}) as post:
        await post.to("http://127.0.0.1/")
        await post.happen("call.created")
        await post.happen("call.ended")
        await until(lambda: sent == ["call.ended"])
