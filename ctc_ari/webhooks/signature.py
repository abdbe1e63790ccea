"""Standard Webhooks: what a receiver needs to know that a message is ours, is new, and is not there twice.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from standardwebhooks.webhooks import Webhook as Signer

from ctc_ari.outbox import Webhook

__all__ = ["headers"]


def headers(webhook: Webhook, message_id: str, payload: str, now: float) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`: one signature for each secret that still counts."""
    at = datetime.fromtimestamp(now, UTC)
    signatures = [_signer(secret).sign(message_id, at, payload) for secret in webhook.secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(signatures),
    }


@lru_cache(maxsize=256)
def _signer(secret: str) -> Signer:
    return Signer(secret)
