"""The worker: claims what is due, sends the deliveries of each call one after another, and writes what came of them.

A receiver that fails is approached with care: one call at a time, with pauses that grow. One that was not reached for a
day is switched off.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import structlog

from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.outbox import Delivery, Outbox, Outcome, Send, Subscriptions, Webhook, WebhookKind
from ctc_ari.webhooks.retries import Retries

__all__ = ["DeliveryWorker", "Told"]

log = structlog.get_logger(__name__)

#: Calls whose deliveries are on their way to one webhook at the same time, and those that wait here for their turn.
MOST_CALLS, MOST_WAITING = 32, 128
#: Seconds between two looks when nobody says that there is something: retries, and what other instances enqueued.
POLL_SECONDS = 1.0
#: Seconds in which results are gathered before they are written.
GATHER_SECONDS = 0.05
#: Seconds that a claim lasts, and so many before its end nothing more is sent by it; what a killed service had claimed
#: is late by as much.
LEASE_SECONDS, LEASE_MARGIN = 60.0, 15.0
#: Failures one after another before a receiver is left alone for a while, and for how many seconds: 1, 2, 4, …
FAILURES, LONGEST_PAUSE = 3, 60.0
#: The receiver says that it wants no more (RFC 9110, 15.5.11).
GONE = 410
SWEEP_SECONDS = 3600.0

#: Told of each attempt: the webhook's kind and what came of it.
Told = Callable[[WebhookKind, Literal["delivered", "retried", "given_up", "switched_off"]], None]


class _Row:
    """The deliveries of one call that were claimed together, in order, and until when they are ours."""

    __slots__ = ("deliveries", "until")

    def __init__(self, deliveries: list[Delivery], until: float) -> None:
        self.deliveries = deliveries
        self.until = until


class _Receiver:
    """What is known of a webhook's other side; forgotten at a restart."""

    __slots__ = ("failures", "quiet_until", "under_way", "waiting", "webhook")

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self.under_way = 0
        #: Calls that are claimed.
        self.waiting: deque[_Row] = deque()
        self.failures = 0
        self.quiet_until = 0.0

    def free(self, now: float) -> bool:
        """Whether another call may be begun now."""
        return now >= self.quiet_until and self.under_way < (MOST_CALLS if self.failures == 0 else 1)

    def room(self, now: float) -> int:
        """How many more calls are to be claimed for it: many at once, while it takes them."""
        if not self.free(now) and self.failures:
            return 0
        most = MOST_WAITING if self.failures == 0 else 1
        return most - len(self.waiting) if len(self.waiting) <= most // 2 else 0


class DeliveryWorker:
    """`run` delivers; `refresh` and `wake` say that something changed."""

    def __init__(
        self,
        outbox: Outbox,
        subscriptions: Subscriptions,
        senders: Mapping[WebhookKind, Send],
        *,
        retries: Retries | None = None,
        keep_seconds: float = 7 * 24 * 3600.0,
        told: Told = lambda kind, outcome: None,
    ) -> None:
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._senders = senders
        self._retries = retries or Retries()
        self._keep_seconds = keep_seconds
        self._told = told
        self._receivers: dict[str, _Receiver] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: Claimed and not settled yet, so that none is sent twice should a lease run out.
        self._busy: set[int] = set()
        self._outcomes: list[Outcome] = []
        self._settled = asyncio.Event()
        self._wake = asyncio.Event()
        #: Who reads later has the later picture, whoever asked.
        self._reading = asyncio.Lock()
        subscriptions.when_enqueued(self.wake)

    def wake(self) -> None:
        """There is something to deliver."""
        self._wake.set()

    async def refresh(self) -> None:
        """Know now what was just changed. Raises DatabaseUnreachable."""
        async with self._reading:
            self._know(await self._outbox.enabled())
        self.wake()

    def _know(self, webhooks: Sequence[Webhook]) -> None:
        self._subscriptions.replace(webhooks)
        before = self._receivers
        self._receivers = {}
        for webhook in webhooks:
            receiver = before.get(webhook.id) or _Receiver(webhook)
            if receiver.webhook.url != webhook.url:
                receiver.failures, receiver.quiet_until = 0, 0.0
            receiver.webhook = webhook
            self._receivers[webhook.id] = receiver
        for webhook_id in before.keys() - self._receivers.keys():
            #: Nothing more is sent; whoever claims them later finds out whether it was switched on again.
            for row in before[webhook_id].waiting:
                self._busy.difference_update(delivery.id for delivery in row.deliveries)
            before[webhook_id].waiting.clear()

    async def run(self) -> None:
        """Deliver until cancelled; what was not confirmed is sent again by whoever comes next."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._settle_for_ever(), name="webhooks-settle")
                group.create_task(self._sweep_for_ever(), name="webhooks-sweep")
                group.create_task(self._deliver_for_ever(), name="webhooks-deliver")
        finally:
            for task in self._tasks:
                task.cancel()

    async def _deliver_for_ever(self) -> None:
        looked_at = 0.0
        while True:
            try:
                if time.monotonic() - looked_at >= POLL_SECONDS:
                    looked_at = time.monotonic()
                    await self.refresh()
                self._wake.clear()
                await self._claim()
            except DatabaseUnreachable as error:
                log.debug("deliveries wait for the database", why=type(error.__cause__ or error).__name__)
            except Exception:
                #: Deliveries are late then; calls must not be.
                log.exception("deliveries cannot be claimed")
                await asyncio.sleep(POLL_SECONDS)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _claim(self) -> None:
        now = time.monotonic()
        rooms = {webhook_id: receiver.room(now) for webhook_id, receiver in self._receivers.items()}
        room = {webhook_id: calls for webhook_id, calls in rooms.items() if calls > 0}
        if room:
            await self._claim_for(room, now + LEASE_SECONDS - LEASE_MARGIN)
        for receiver in self._receivers.values():
            self._begin(receiver)

    async def _claim_for(self, room: Mapping[str, int], until: float) -> None:
        claimed = [
            delivery for delivery in await self._outbox.claim(room, LEASE_SECONDS) if delivery.id not in self._busy
        ]
        rows: dict[tuple[str, str], list[Delivery]] = {}
        for delivery in claimed:
            rows.setdefault((delivery.webhook_id, delivery.call_id), []).append(delivery)
        for (webhook_id, _), deliveries in rows.items():
            receiver = self._receivers.get(webhook_id)
            if receiver is not None:
                self._busy.update(delivery.id for delivery in deliveries)
                receiver.waiting.append(_Row(deliveries, until))

    def _begin(self, receiver: _Receiver) -> None:
        """As many calls as it may be told of at a time."""
        while receiver.waiting and receiver.free(time.monotonic()):
            receiver.under_way += 1
            task = asyncio.create_task(self._deliver(receiver, receiver.waiting.popleft()), name="webhook")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, receiver: _Receiver, row: _Row) -> None:
        """Those of one call, one after another; the first that fails keeps the others waiting."""
        try:
            for delivery in row.deliveries:
                #: Removed or switched off meanwhile, by this row's first delivery perhaps: nothing more is sent to it.
                known = self._receivers.get(receiver.webhook.id) is receiver
                if time.monotonic() > row.until or not known:
                    return
                webhook = receiver.webhook
                attempt = await self._senders[webhook.kind](webhook, delivery)
                outcome = self._retries.judge(delivery, attempt, random.random())  # noqa: S311 -- no secret
                self._outcomes.append(outcome)
                self._settled.set()
                await self._learn(receiver, outcome, attempt.retry_after)
                if outcome.state == "pending":
                    return
        except asyncio.CancelledError:
            raise
        except Exception:
            #: A mistake of ours with one of them; when the claim runs out it is tried again.
            log.exception("delivery failed", webhook=receiver.webhook.id, call=row.deliveries[0].call_id)
        finally:
            receiver.under_way -= 1
            self._busy.difference_update(delivery.id for delivery in row.deliveries)
            self._begin(receiver)
            if len(receiver.waiting) <= MOST_WAITING // 2:
                self.wake()

    async def _learn(self, receiver: _Receiver, outcome: Outcome, retry_after: float | None) -> None:
        """How the other side does."""
        webhook = receiver.webhook
        if outcome.state == "delivered":
            self._told(webhook.kind, "delivered")
            receiver.failures, receiver.quiet_until = 0, 0.0
            if webhook.failing_since is not None:
                await self._mark(receiver, failing=False)
            return
        receiver.failures += 1
        pause = min(2.0 ** (receiver.failures - FAILURES), LONGEST_PAUSE) if receiver.failures >= FAILURES else 0.0
        receiver.quiet_until = time.monotonic() + max(pause, min(retry_after or 0.0, LONGEST_PAUSE))
        given_up = outcome.state == "failed"
        self._told(webhook.kind, "given_up" if given_up else "retried")
        if given_up:
            log.warning("delivery given up", webhook=webhook.id, delivery=outcome.delivery_id, why=outcome.error)
        if webhook.failing_since is None:
            await self._mark(receiver, failing=True)
        #: The first failure came a little later than the delivery.
        failing_for = time.time() - (receiver.webhook.failing_since or time.time())
        dead = given_up and failing_for >= 0.95 * self._retries.give_up
        if webhook.kind == "webhook" and (dead or outcome.status == GONE):
            reason = "the receiver answered 410 Gone" if outcome.status == GONE else f"for a day: {outcome.error}"
            await self._switch_off(receiver, reason)

    async def _mark(self, receiver: _Receiver, *, failing: bool) -> None:
        try:
            await self._outbox.mark(receiver.webhook.id, failing=failing)
            await self.refresh()
        except DatabaseUnreachable:
            log.debug("webhook's state not written", webhook=receiver.webhook.id)

    async def _switch_off(self, receiver: _Receiver, reason: str) -> None:
        try:
            await self._outbox.switch_off(receiver.webhook.id, reason)
            await self.refresh()
        except DatabaseUnreachable:
            #: The next failure says it again.
            return
        self._told(receiver.webhook.kind, "switched_off")
        log.error("webhook switched off; switch it on with PATCH when it works", id=receiver.webhook.id, why=reason)

    async def _settle_for_ever(self) -> None:
        while True:
            await self._settled.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._settled.clear()
            outcomes, self._outcomes = self._outcomes, []
            try:
                await self._outbox.settle(outcomes)
            except DatabaseUnreachable:
                self._outcomes = outcomes + self._outcomes
                self._settled.set()
                await asyncio.sleep(POLL_SECONDS)
            except Exception:
                #: They are sent again when the claim runs out.
                log.exception("deliveries cannot be settled", deliveries=len(outcomes))
            else:
                #: What follows them may be due.
                self.wake()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self._outbox.sweep(self._keep_seconds)
            except DatabaseUnreachable:
                log.debug("old deliveries are swept later")
            except Exception:
                log.exception("old deliveries cannot be swept")
            await asyncio.sleep(SWEEP_SECONDS)
