"""Zammad's generic CTI contract: a server of ours plays Zammad, with what its documentation says it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from ctc_ari.calls.inputs import HangUp, Input, ShowCallerId
from ctc_ari.calls.model import Agent, Call, EndReason, Phase
from ctc_ari.calls.ports import CallStore, Happening
from ctc_ari.crm.zammad import ZammadCrm, cause_of
from ctc_ari.errors import AgentBusy, DatabaseUnreachable
from ctc_ari.outbox import Attempt, Delivery, Send, Webhook
from ctc_ari.remote import Remote
from tests.calls.builders import ALICE, DID, SUCCESSOR, a_call_in, an_inbound_call
from tests.calls.fakes import FakeStore
from tests.http.fakes import FakeDesk, FakeDirectory
from tests.receivers import Received, Receiver, receiver

CRM = Webhook(id="crm", kind="crm", url="")
CALLER = "+447700900123"
#: What Zammad answers when it blocks a caller.
REJECT = {"action": "reject", "reason": "busy"}


def told(call: Call, event: str, caller_id: str | None = "+442079460000") -> Any:
    """What Zammad would be sent."""
    crm = ZammadCrm("http://127.0.0.1/", Remote(public_only=False), FakeDirectory(), caller_id)
    payload = crm.encode(Happening(call, event, 1_750_000_000.0, 1))
    return None if payload is None else msgspec.json.decode(payload)


def outbound(phase: Phase = Phase.TALKING, **changes: Any) -> Call:
    return replace(a_call_in(phase), number="+442079460123", **changes)


def inbound(**changes: Any) -> Call:
    return replace(an_inbound_call(), **({"phase": Phase.OFFERED, "number": CALLER} | changes))


# what is told


def test_an_outbound_call_begins_is_answered_and_ends_in_zammads_words() -> None:
    call = outbound(Phase.RINGING_AGENT)
    common = {"from": "442079460100", "to": "442079460123", "direction": "out", "callId": call.id, "user": ["Alice"]}
    assert told(call, "call.created") == common | {"event": "newCall"}
    answered = common | {"answeringNumber": ALICE.email}
    assert told(outbound(), "call.answered") == answered | {"event": "answer"}
    ended = outbound(Phase.ENDED, end_reason=EndReason.COMPLETED, answered_at=1.0)
    assert told(ended, "call.ended") == answered | {"event": "hangup", "cause": "normalClearing"}


def test_a_caller_is_told_before_anybody_is_found_and_the_agent_when_she_answers() -> None:
    nobody = inbound(agent=Agent(""), phase=Phase.PLACING)
    common = {"from": "447700900123", "to": DID[1:], "direction": "in", "callId": nobody.id}
    assert told(nobody, "call.created") == common | {"event": "newCall"}
    hers = told(inbound(agent=ALICE, answered_at=1.0), "call.answered")
    assert hers == common | {"event": "answer", "user": ["Alice"], "answeringNumber": ALICE.email}


def test_a_withheld_number_is_anonymous() -> None:
    assert told(inbound(number=""), "call.created")["from"] == "anonymous"


def test_our_side_is_what_customers_see() -> None:
    bare = replace(ALICE, caller_id=None)
    assert told(outbound(agent=bare), "call.created")["from"] == "442079460000"
    assert told(outbound(agent=bare), "call.created", None)["from"] == "1001"


def test_calls_between_agents_and_other_events_are_nothing_to_zammad() -> None:
    assert told(outbound(direction="internal"), "call.created") is None
    assert told(outbound(), "call.muted") is None
    assert ZammadCrm("", Remote(public_only=False), FakeDirectory(), None).told == (
        "call.created",
        "call.answered",
        "call.ended",
    )


@pytest.mark.parametrize(
    ("call", "reason", "cause"),
    [
        (outbound, EndReason.COMPLETED, "normalClearing"),
        (outbound, EndReason.TRANSFERRED, "forwarded"),
        (outbound, EndReason.CUSTOMER_BUSY, "busy"),
        (outbound, EndReason.CUSTOMER_NO_ANSWER, "noAnswer"),
        (outbound, EndReason.CUSTOMER_REJECTED, "noAnswer"),
        (outbound, EndReason.AGENT_NO_ANSWER, "cancel"),
        (outbound, EndReason.AGENT_BUSY, "cancel"),
        (outbound, EndReason.AGENT_REJECTED, "cancel"),
        (outbound, EndReason.AGENT_HANGUP, "cancel"),
        (outbound, EndReason.CANCELLED, "cancel"),
        (outbound, EndReason.UNREACHABLE, "notFound"),
        (outbound, EndReason.FAILED, "congestion"),
        (outbound, EndReason.LOST, "congestion"),
        (inbound, EndReason.AGENT_NO_ANSWER, "noAnswer"),
        (inbound, EndReason.AGENT_BUSY, "busy"),
        (inbound, EndReason.CUSTOMER_HANGUP, "cancel"),
    ],
)
def test_why_it_ended_before_anybody_talked(call: Callable[..., Call], reason: EndReason, cause: str) -> None:
    assert cause_of(call(end_reason=reason, answered_at=None)) == cause


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_a_cause_that_zammad_knows(reason: EndReason) -> None:
    known = {"normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded"}
    assert {cause_of(call(end_reason=reason)) for call in (outbound, inbound)} <= known


def test_a_conversation_that_somebody_cut_short_is_no_missed_call() -> None:
    assert cause_of(outbound(end_reason=EndReason.CANCELLED, answered_at=1.0)) == "normalClearing"
    assert cause_of(inbound(end_reason=EndReason.CUSTOMER_HANGUP, answered_at=1.0)) == "normalClearing"


# how it is told, and what Zammad answers


async def send(
    desk: FakeDesk, call_id: str, answer: Callable[[Received], web.Response], event: str = "call.created"
) -> tuple[Attempt, Received]:
    """One delivery to a Zammad with that behaviour."""
    async with receiver(answer) as zammad, Remote(public_only=False) as remote:
        crm = ZammadCrm(zammad.url + "/api/v1/cti/TOKEN", remote, FakeDirectory(), None)
        delivery = Delivery(id=1, webhook_id="crm", call_id=call_id, seq=1, type=event, payload='{"event":"newCall"}')
        attempt = await crm.sender(desk)(CRM, delivery)
    return attempt, zammad.requests[0]


class Desk(FakeDesk):
    """Remembers whom it was to turn away."""

    async def control(self, call_id: str, wish: Input) -> None:
        if self.failure is not None:
            raise self.failure
        self.wishes.append((call_id, wish))


def a_desk(call: Call) -> FakeDesk:
    desk = Desk()
    desk.calls[call.id] = call
    return desk


async def test_events_are_posted_as_json_to_the_endpoint() -> None:
    call = inbound()
    attempt, request = await send(a_desk(call), call.id, lambda _: web.json_response({}))
    assert attempt == Attempt(200)
    assert (request.method, request.path) == ("POST", "/hook/api/v1/cti/TOKEN")
    assert request.headers["Content-Type"] == "application/json"
    assert request.json == {"event": "newCall"}


async def test_a_caller_whom_zammad_blocks_is_turned_away() -> None:
    call = inbound()
    desk = a_desk(call)
    attempt, _ = await send(desk, call.id, lambda _: web.json_response(REJECT))
    assert attempt == Attempt(200)
    assert desk.wishes == [(call.id, HangUp("system"))]


@pytest.mark.parametrize(
    "call",
    [
        inbound(answered_at=1.0),
        outbound(),
        inbound(phase=Phase.ENDED, ended_at=1.0, end_reason=EndReason.CUSTOMER_HANGUP),
    ],
)
async def test_nobody_who_talks_and_nobody_who_is_called_is_turned_away(call: Call) -> None:
    """An answer may come late: Zammad was down, or slow."""
    desk = a_desk(call)
    await send(desk, call.id, lambda _: web.json_response(REJECT))
    assert desk.wishes == []


async def test_only_the_answer_to_new_call_turns_anybody_away() -> None:
    call = inbound()
    desk = a_desk(call)
    await send(desk, call.id, lambda _: web.json_response(REJECT), "call.ended")
    assert desk.wishes == []


async def test_a_call_that_is_not_there_any_more_is_none_of_zammads_business() -> None:
    desk = a_desk(inbound())
    attempt, _ = await send(desk, "gone", lambda _: web.json_response(REJECT))
    assert attempt == Attempt(200)
    desk.failure = DatabaseUnreachable()
    assert (await send(desk, inbound().id, lambda _: web.json_response(REJECT)))[0] == Attempt(200)


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"action": "dial", "caller_id": "03055571642; drop"}),
        web.json_response({"action": "dial"}),
        web.Response(text="<html>"),
        web.Response(body=b"\xff"),
        web.json_response(["reject"]),
        web.json_response({"action": 7}),
        web.Response(body=b'{"action": "reject", "x": "' + b"x" * 1_000_000 + b'"}'),
    ],
)
async def test_any_other_answer_is_a_delivery(answer: web.Response) -> None:
    call = inbound()
    desk = a_desk(call)
    assert (await send(desk, call.id, lambda _: answer))[0] == Attempt(200)
    assert desk.wishes == []


async def test_what_zammad_has_already_is_not_sent_again_and_again() -> None:
    """Our newCall arrived and its answer did not: it refuses a second one, and what follows would wait for a day."""
    call, answer = inbound(), {"error": "Object already exists!", "error_human": "Object already exists!"}
    assert (await send(a_desk(call), call.id, lambda _: web.json_response(answer, status=500)))[0].delivered
    attempt, _ = await send(a_desk(call), call.id, lambda _: web.json_response(answer, status=500), "call.ended")
    assert not attempt.delivered


# before a phone rings


@asynccontextmanager
async def asking(
    answer: Callable[[Received], Any], call: Call, patience: float = 10.0
) -> AsyncIterator[tuple[CallStore, Send, FakeDesk, Receiver]]:
    """The calls' store as the desk has it, and what the outbox sends with."""
    async with receiver(answer) as zammad, Remote(public_only=False) as remote:
        crm = ZammadCrm(zammad.url, remote, FakeDirectory(), None, patience)
        desk = a_desk(call)
        store = crm.keeping(FakeStore([]))
        yield store, crm.sender(desk), desk, zammad
        crm.close()


def new_call(call: Call) -> Delivery:
    return Delivery(id=1, webhook_id="crm", call_id=call.id, seq=1, type="call.created", payload="{}")


async def test_a_blocked_caller_is_turned_away_before_any_phone_rings_and_told_once() -> None:
    call = inbound(phase=Phase.PLACING)
    async with asking(lambda _: web.json_response(REJECT), call) as (store, send, desk, zammad):
        await store.add(call)
        assert desk.wishes == [(call.id, HangUp("system"))]
        assert await send(CRM, new_call(call)) == Attempt(200)
        assert [request.json["event"] for request in zammad.requests] == ["newCall"]


@pytest.mark.parametrize("key", ["callerId", "caller_id"])
async def test_the_caller_id_that_zammad_sets_is_shown(key: str) -> None:
    """As its documentation calls it, and as it does."""
    call = outbound(Phase.PLACING)
    answer = {"action": "dial", key: "493055571642", "number": call.number[1:]}
    async with asking(lambda _: web.json_response(answer), call) as (store, _, desk, _zammad):
        await store.add(call)
    assert desk.wishes == [(call.id, ShowCallerId("+493055571642"))]


async def test_a_click_waits_only_for_a_zammad_that_sets_caller_ids() -> None:
    gate = asyncio.Event()
    gate.set()

    async def answers(_: Received) -> web.Response:
        await gate.wait()
        return web.json_response({})

    call = outbound(Phase.PLACING)
    async with asking(answers, call) as (store, send, _, _zammad):
        await store.add(call)
        await send(CRM, new_call(call))
        gate.clear()
        await asyncio.wait_for(store.add(replace(call, id=SUCCESSOR, agent=Agent("bob@example.com"))), 5)
        gate.set()


async def test_a_slow_zammad_is_waited_for_briefly_once_and_its_late_answer_counts() -> None:
    gate = asyncio.Event()

    async def slowly(_: Received) -> web.Response:
        await gate.wait()
        return web.json_response(REJECT)

    call = inbound(phase=Phase.PLACING)
    async with asking(slowly, call, patience=0.05) as (store, send, desk, zammad):
        await asyncio.wait_for(store.add(call), 5)
        assert desk.wishes == []
        gate.set()
        assert await send(CRM, new_call(call)) == Attempt(200)
        assert desk.wishes == [(call.id, HangUp("system"))]
        assert len(zammad.requests) == 1


async def test_a_zammad_that_is_down_is_told_through_the_outbox() -> None:
    call = inbound(phase=Phase.PLACING)
    async with asking(lambda _: web.Response(status=502), call) as (store, send, _, zammad):
        await store.add(call)
        assert await send(CRM, new_call(call)) == Attempt(502), "as it was answered before the phone rang"
        zammad.answer = lambda _: web.json_response({})
        assert await send(CRM, new_call(call)) == Attempt(200), "tried again"
        assert len(zammad.requests) == 2


async def test_a_call_that_does_not_come_about_is_not_told() -> None:
    call = outbound(Phase.PLACING)
    async with asking(lambda _: web.json_response({}), call) as (store, _, _desk, zammad):
        store._store.failure = AgentBusy()  # type: ignore[attr-defined]
        with pytest.raises(AgentBusy):
            await store.add(call)
        assert zammad.requests == []


@pytest.mark.parametrize("status", [401, 422, 500])
async def test_what_zammad_refuses_is_tried_again(status: int) -> None:
    """401: the token; 422: the integration is switched off or not configured there."""
    call = inbound()
    attempt, _ = await send(a_desk(call), call.id, lambda _: web.json_response({"error": "x"}, status=status))
    assert (attempt.delivered, attempt.status) == (False, status)
