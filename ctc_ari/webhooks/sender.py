"""One attempt to deliver to a webhook."""

from __future__ import annotations

import time
from collections.abc import Callable

from ctc_ari.outbox import Attempt, Delivery, Webhook
from ctc_ari.remote import Remote
from ctc_ari.webhooks.signature import headers

__all__ = ["WebhookSender"]


class WebhookSender:
    """Implements `Send`: a signed POST."""

    def __init__(self, remote: Remote, clock: Callable[[], float] = time.time) -> None:
        self._remote = remote
        self._clock = clock

    async def __call__(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """Whatever is not 2xx is a failure; of the answer only the status counts."""
        signed = headers(webhook, delivery.message_id, delivery.payload, self._clock())
        answer = await self._remote.request("POST", webhook.url, headers=signed, body=delivery.payload.encode())
        if answer.status is not None and 200 <= answer.status < 300:
            return Attempt(answer.status)
        return Attempt(answer.status, answer.error, answer.retry_after)
