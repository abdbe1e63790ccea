"""Webhooks that are changed in memory, as far as the HTTP edge can tell."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctc_ari.errors import Conflict, DeliveryNotFound, WebhookNotFound
from ctc_ari.outbox import CRM_ID, Delivery, DeliveryPage, DeliveryState, NewWebhook, Webhook, check_webhook
from tests.http.fakes import ANNA, CREATED

HELPDESK = Webhook(
    id="wh_0a1b2c3d4e5f6071",
    url="https://crm.example.com/hooks",
    description="helpdesk",
    types=frozenset({"call.ended", "call.answered"}),
    agents=frozenset({ANNA.email}),
    secrets=("whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",),
    created_at=CREATED,
)
DEAD = Webhook(
    id="wh_dead",
    url="https://dead.example.com/",
    enabled=False,
    secrets=("whsec_ZGVhZGRlYWRkZWFkZGVhZGRlYWRkZWFk",),
    created_at=CREATED,
    failing_since=CREATED + 60,
    disabled_at=CREATED + 120,
    disabled_reason="for a day: no connection",
)
CRM = Webhook(id=CRM_ID, kind="crm", url="", created_at=CREATED)
NEW_SECRET = "whsec_bmV3IGFuZCBzZWNyZXQgbmV3IGFuZCBzZWNyZXQ="


def a_delivery(number: int, state: DeliveryState = "delivered") -> Delivery:
    """One of the helpdesk's."""
    return Delivery(
        id=number,
        webhook_id=HELPDESK.id,
        call_id="call-1",
        seq=number,
        type="call.ended",
        payload='{"type":"call.ended","timestamp":"2026-03-01T09:30:00.125Z","data":{}}',
        state=state,
        attempts=2,
        created_at=CREATED,
        due_at=CREATED + 30,
        last_attempt_at=CREATED + 5,
        status=500 if state == "pending" else 200,
        error="answered 500" if state == "pending" else None,
    )


class FakeWebhooks:
    """Two, one of them switched off, and the CRM's own."""

    def __init__(self) -> None:
        self.known = {webhook.id: webhook for webhook in (HELPDESK, DEAD, CRM)}
        self.sent = [a_delivery(3, "pending"), a_delivery(2), a_delivery(1)]
        self.replayed: list[int] = []
        self.grace: float | None = None
        self.failure: Exception | None = None

    def _look(self, webhook_id: str | None = None) -> Webhook:
        if self.failure is not None:
            raise self.failure
        assert webhook_id is None or (webhook_id.isprintable() and len(webhook_id) <= 128)
        if webhook_id is None:
            return HELPDESK
        if webhook_id not in self.known:
            raise WebhookNotFound
        return self.known[webhook_id]

    def _own(self, webhook_id: str) -> Webhook:
        webhook = self._look(webhook_id)
        if webhook.kind == "crm":
            raise Conflict("That is the CRM of the configuration.")
        return webhook

    async def all(self) -> Sequence[Webhook]:
        """Without the CRM's own."""
        self._look()
        return [webhook for webhook in self.known.values() if webhook.kind == "webhook"]

    async def read(self, webhook_id: str) -> Webhook:
        """As it is."""
        return self._look(webhook_id)

    async def create(self, new: NewWebhook) -> Webhook:
        """Checked as in earnest."""
        self._look()
        check_webhook(new, allow_private=False)
        fields = msgspec.structs.asdict(new)
        made = Webhook(id=f"wh_{len(self.known)}", secrets=(NEW_SECRET,), created_at=CREATED, **fields)
        self.known[made.id] = made
        return made

    async def change(self, webhook_id: str, **changes: object) -> Webhook:
        """As given, if it may be so."""
        after = msgspec.structs.replace(self._own(webhook_id), **changes)
        check_webhook(after, allow_private=False)
        self.known[webhook_id] = after
        return after

    async def rotate(self, webhook_id: str, grace: float) -> Webhook:
        """The new secret first."""
        before = self._own(webhook_id)
        self.grace = grace
        self.known[webhook_id] = msgspec.structs.replace(before, secrets=(NEW_SECRET, *before.secrets))
        return self.known[webhook_id]

    async def remove(self, webhook_id: str) -> None:
        """Gone."""
        self._own(webhook_id)
        del self.known[webhook_id]

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> DeliveryPage:
        """The newest first."""
        self._look(webhook_id)
        found = [
            delivery
            for delivery in self.sent
            if webhook_id == HELPDESK.id
            and (before is None or delivery.id < before)
            and (state is None or delivery.state == state)
        ]
        return DeliveryPage(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def replay(self, webhook_id: str, delivery_id: int) -> Delivery:
        """On its way again."""
        if not self._look(webhook_id).enabled:
            raise Conflict
        for delivery in self.sent:
            if delivery.id == delivery_id and webhook_id == HELPDESK.id:
                self.replayed.append(delivery_id)
                return msgspec.structs.replace(delivery, state="pending", attempts=0, status=None, error=None)
        raise DeliveryNotFound
