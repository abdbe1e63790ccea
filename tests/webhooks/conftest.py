"""A real PostgreSQL, real receivers on loopback, and a worker between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from msgspec.structs import replace

from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.model import Agent, Call, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.http import encode_notice
from ctc_ari.outbox import NewWebhook, Send, Subscriptions, Webhook, WebhookKind
from ctc_ari.remote import Remote
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.log_keeper import LogKeeper
from ctc_ari.store.outbox import PostgresOutbox, enqueue
from ctc_ari.store.pool import Pool
from ctc_ari.store.webhooks import PostgresWebhooks
from ctc_ari.webhooks.retries import Retries
from ctc_ari.webhooks.sender import WebhookSender
from ctc_ari.webhooks.worker import DeliveryWorker
from tests.calls.builders import NOW, a_call_in
from tests.log.tape import HOUSE
from tests.store.conftest import database_url, pool

__all__ = ["database_url", "pool"]


@dataclass
class Post:
    """The calls' store, the worker, and what a test does with them."""

    pool: Pool
    store: PostgresCallStore
    keeper: LogKeeper
    worker: DeliveryWorker
    webhooks: PostgresWebhooks
    told: list[tuple[str, str]] = field(default_factory=list)

    async def to(self, url: str, **fields: object) -> Webhook:
        """A new webhook."""
        return await self.webhooks.create(replace(NewWebhook(url=url), **fields))

    async def happen(self, *events: str, call: Call | None = None, first: int = 1) -> Call:
        """These happen to a call, and are committed."""
        if call is None:
            call = replace(a_call_in(Phase.TALKING), id=new_call_id("ctc", NOW), agent=Agent(f"a{NEXT()}@example.com"))
            await self.store.add(call)
        self.store.save(call, [Happening(call, event, NOW + seq, seq) for seq, event in enumerate(events, first)])
        await self.store.flush(5)
        return call

    async def log(self) -> None:
        """Calls that have ended are told as logged: no records of Asterisk's are waited for any more."""
        await self.pool.execute("update log_due set since = now() - interval '1 minute'")
        await self.keeper.sweep()

    async def states(self) -> list[tuple[str, int]]:
        """What became of the deliveries, by call and place."""
        rows = await self.pool.fetch("select state, attempts from webhook_deliveries order by call_id, seq")
        return [(row["state"], row["attempts"]) for row in rows]

    async def settled(self, *states: tuple[str, int], seconds: float = 10.0) -> None:
        """Wait until they are like that."""
        deadline = time.monotonic() + seconds
        while (found := await self.states()) != list(states):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def all_delivered(self, seconds: float = 15.0) -> None:
        """Wait until none is left."""
        deadline = time.monotonic() + seconds
        while {state for state, _ in await self.states()} != {"delivered"}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


NEXT: Callable[[], int] = iter(range(1, 1_000_000)).__next__
#: Pauses that a test can wait for; `give_up` counts from the enqueueing.
QUICK = Retries((0.05, 0.1), 3600.0)


@asynccontextmanager
async def posting(
    pool: Pool, url: str, *, retries: Retries = QUICK, senders: Mapping[WebhookKind, Send] | None = None
) -> AsyncIterator[Post]:
    """Everything running, for as long as the block does."""
    subscriptions = Subscriptions({"webhook": encode_notice, "crm": encode_notice})
    store = PostgresCallStore(pool, url, subscriptions=subscriptions)
    keeper = LogKeeper(
        pool,
        lambda: HOUSE,
        in_transaction=partial(enqueue, subscriptions),
        on_logged=lambda _: subscriptions.enqueued(),
    )
    told: list[tuple[str, str]] = []
    async with Remote(public_only=False, seconds=1.0) as remote:
        worker = DeliveryWorker(
            PostgresOutbox(pool),
            subscriptions,
            senders or {"webhook": WebhookSender(remote)},
            retries=retries,
            told=lambda kind, outcome: told.append((kind, outcome)),
        )
        webhooks = PostgresWebhooks(pool, worker.refresh, allow_private=True)
        tasks = [asyncio.create_task(store.run()), asyncio.create_task(worker.run())]
        try:
            yield Post(pool, store, keeper, worker, webhooks, told)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks), [task.exception() for task in tasks if not task.cancelled()]


@pytest.fixture
async def post(pool: Pool, database_url: str) -> AsyncIterator[Post]:
    async with posting(pool, database_url) as running:
        yield running
