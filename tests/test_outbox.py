"""Who is told of what, and where nothing is sent to."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

import ctc_ari.http
from ctc_ari.calls.model import Agent, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import BadRequest
from ctc_ari.outbox import (
    EVENT_TYPES,
    Attempt,
    Delivery,
    Message,
    NewWebhook,
    Subscriptions,
    Told,
    Webhook,
    check_webhook,
    is_public,
)
from tests.calls.builders import ALICE, a_call_in

URL = "https://crm.example.com/hooks?team=1"
TALKING = a_call_in(Phase.TALKING)
ANSWERED = Happening(TALKING, "call.answered", 1.0, 5)


def test_every_described_event_can_be_asked_for() -> None:
    text = (Path(ctc_ari.http.__file__).parent / "openapi.yaml").read_text(encoding="utf-8")
    described = set(yaml.safe_load(text)["components"]["schemas"]["Event"]["properties"]["type"]["enum"])
    assert described - EVENT_TYPES == set()
    assert EVENT_TYPES - described <= {"call.logged"}


@pytest.mark.parametrize(
    ("webhook", "told"),
    [
        (Webhook(id="a", url=URL), True),
        (Webhook(id="a", url=URL, types=frozenset({"call.answered"})), True),
        (Webhook(id="a", url=URL, types=frozenset({"call.ended"})), False),
        (Webhook(id="a", url=URL, agents=frozenset({ALICE.email})), True),
        (Webhook(id="a", url=URL, agents=frozenset({"bob@example.com"})), False),
    ],
)
def test_a_webhook_is_told_of_its_events_and_its_agents(webhook: Webhook, told: bool) -> None:
    assert webhook.wants(ANSWERED) is told


def test_what_concerns_one_agent_only_is_told_to_hers() -> None:
    hers = Webhook(id="a", url=URL, agents=frozenset({"bob@example.com"}))
    assert hers.wants(Happening(TALKING, "call.offer_ended", 1.0, 6, to="bob@example.com"))
    assert not replace(hers, agents=frozenset({ALICE.email})).wants(
        Happening(TALKING, "call.offer_ended", 1.0, 6, to="bob@example.com")
    )


def test_an_event_is_encoded_once_for_all_and_not_at_all_for_nobody() -> None:
    encoded: list[str] = []

    def encode(happening: Told) -> str:
        encoded.append(happening.event)
        return "{}"

    subscriptions = Subscriptions({"webhook": encode, "crm": lambda happening: None})
    assert subscriptions.messages(ANSWERED) == []
    assert encoded == []
    subscriptions.replace([Webhook(id="a", url=URL), Webhook(id="b", url=URL), Webhook(id="crm", kind="crm", url="")])
    assert subscriptions.messages(ANSWERED) == [Message("a", "{}"), Message("b", "{}")]
    assert encoded == ["call.answered"]


def test_a_mistake_in_an_encoder_keeps_no_call_from_being_written() -> None:
    def encode(happening: Told) -> str:
        raise RuntimeError("a mistake")

    subscriptions = Subscriptions({"webhook": encode, "crm": lambda happening: "{}"})
    subscriptions.replace([Webhook(id="a", url=URL), Webhook(id="crm", kind="crm", url="")])
    assert subscriptions.messages(ANSWERED) == [Message("crm", "{}")]


def test_whoever_waits_is_told_that_something_was_enqueued() -> None:
    woken: list[int] = []
    subscriptions = Subscriptions({})
    subscriptions.when_enqueued(lambda: woken.append(1))
    subscriptions.enqueued()
    assert woken == [], "nobody was told"
    subscriptions.replace([Webhook(id="a", url=URL)])
    subscriptions.enqueued()
    assert woken == [1]


def test_a_message_has_the_same_id_for_each_webhook_and_without_dots() -> None:
    """What is signed is `id.timestamp.body`."""
    first, second = (
        Delivery(id=n, webhook_id=f"wh_{n}", call_id=TALKING.id, seq=5, type="call.answered", payload="{}")
        for n in (1, 2)
    )
    assert first.message_id == second.message_id
    assert "." not in first.message_id


@pytest.mark.parametrize(
    ("attempt", "delivered"),
    [
        (Attempt(200), True),
        (Attempt(299), True),
        (Attempt(304), False),
        (Attempt(200, "x"), False),
        (Attempt(None), False),
    ],
)
def test_only_2xx_is_delivered(attempt: Attempt, delivered: bool) -> None:
    assert attempt.delivered is delivered


def test_secrets_are_not_printed() -> None:
    assert "whsec" not in repr(Webhook(id="a", url=URL, secrets=("whsec_abc",)))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1"),
        *("::7f00:1", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "fec0::1", "5f00::1", "3fff::1"),
    ],
)
def test_addresses_that_are_not_on_the_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/x", "https://localhost:8443/x", "http://api.localhost/", "http://localhost./"),
        *("http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/"),
    ],
)
def test_a_private_receiver_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(BadRequest, match="allow_private"):
        check_webhook(NewWebhook(url=url), allow_private=False)
    check_webhook(NewWebhook(url=url), allow_private=True)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (NewWebhook(url="ftp://crm.example.com/"), "url"),
        (NewWebhook(url="https:///path"), "url"),
        (NewWebhook(url="https://crm.example.com:0/"), "url"),
        (NewWebhook(url="https://crm.example.com:x/"), "url"),
        (NewWebhook(url="https://[::1/"), "url"),
        (NewWebhook(url="https://münchen.example/"), "url"),
        *(
            (NewWebhook(url=f"http://{host}/"), "203.0.113.7")
            for host in ("2130706433", "0x7f.1", "127.1", "0177.0.0.1")
        ),
        (NewWebhook(url="http://%31%32%37.0.0.1/"), "203.0.113.7"),
        (NewWebhook(url="https://crm.example.com/a b"), "url"),
        (NewWebhook(url="https://crm.example.com/\r\nX-Evil: 1"), "url"),
        (NewWebhook(url="https://user:secret@crm.example.com/"), "user"),
        (NewWebhook(url=URL + "#part"), "fragment"),
        (NewWebhook(url=URL + "x" * 2000), "url"),
        (NewWebhook(url=URL, description="a\u0000"), "description"),
        (NewWebhook(url=URL, types=frozenset({"call.anserd"})), "call.anserd"),
        (NewWebhook(url=URL, types=frozenset()), "types"),
        (NewWebhook(url=URL, agents=frozenset()), "agents"),
    ],
)
def test_what_is_wrong_is_named(wrong: NewWebhook, named: str) -> None:
    with pytest.raises(BadRequest, match=named) as raised:
        check_webhook(wrong, allow_private=True)
    assert "secret" not in raised.value.message


def test_what_is_right_passes() -> None:
    agents = frozenset({Agent("a@example.com").email})
    check_webhook(NewWebhook(url=URL, types=EVENT_TYPES, agents=agents), allow_private=False)
