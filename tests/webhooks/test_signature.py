"""Signatures that the receivers' own libraries accept."""

from __future__ import annotations

import time

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from ctc_ari.outbox import Webhook
from ctc_ari.store.webhooks import new_secret
from ctc_ari.webhooks.signature import headers

PAYLOAD = '{"type":"call.ended","name":"Zoë"}'


def webhook(*secrets: str) -> Webhook:
    return Webhook(id="wh", url="https://crm.example.com/", secrets=secrets)


def test_a_receiver_accepts_it() -> None:
    secret, now = new_secret(), time.time()
    signed = headers(webhook(secret), "msg_ctc-1_3", PAYLOAD, now)
    assert signed["webhook-id"] == "msg_ctc-1_3"
    assert signed["webhook-timestamp"] == str(int(now))
    assert Verifier(secret).verify(PAYLOAD, signed) == {"type": "call.ended", "name": "Zoë"}


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, computed there by another library."""
    message_id, payload = "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}'
    signed = headers(webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), message_id, payload, 1614265330)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_both_secrets_are_accepted() -> None:
    new, old = new_secret(), new_secret()
    signed = headers(webhook(new, old), "msg_ctc-1_3", PAYLOAD, time.time())
    for secret in (new, old):
        Verifier(secret).verify(PAYLOAD, signed)
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(PAYLOAD, signed)


def test_a_changed_body_is_not_accepted() -> None:
    secret = new_secret()
    signed = headers(webhook(secret), "msg_ctc-1_3", PAYLOAD, time.time())
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(PAYLOAD + " ", signed)


def test_secrets_are_long_and_not_alike() -> None:
    first, second = new_secret(), new_secret()
    assert first.startswith("whsec_")
    assert first != second
    assert len(first) >= 50
