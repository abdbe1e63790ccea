"""Every ending of a call, on real phones, over both transports: the right reason, and nothing left behind."""

from __future__ import annotations

import pytest

from tests.integration.world import World, number


async def ends(desk: World, call_id: str, reason: str, *, by: str | None = None) -> None:
    call = await desk.until(call_id, "ended")
    assert call["end_reason"] == reason
    assert by is None or call["ended_by"] == by
    await desk.nothing_left()
    events = [happening.event for happening in desk.heard if happening.call.id == call_id]
    assert events.count("call.ended") == 1


@pytest.mark.parametrize(
    ("agent", "reason"),
    [("busy", "agent_busy"), ("declines", "agent_rejected"), ("rings", "agent_no_answer")],
)
async def test_agent_cannot_be_had_and_the_customer_is_never_called(desk: World, agent: str, reason: str) -> None:
    before = len(desk.exchange.carrier.invites)
    call_id = await desk.place(agent, number("answers"))
    await ends(desk, call_id, reason)
    assert len(desk.exchange.carrier.invites) == before


@pytest.mark.parametrize(
    ("customer", "reason"),
    [
        ("busy", "customer_busy"),
        ("declines", "customer_rejected"),
        ("rings", "customer_no_answer"),
        ("away", "customer_no_answer"),
        ("unknown", "unreachable"),
        ("broken", "unreachable"),
    ],
)
async def test_customer_cannot_be_had_then_agent_hears_it_and_call_ends(
    desk: World, customer: str, reason: str
) -> None:
    call_id = await desk.place("answers", number(customer))
    call = await desk.until(call_id, "ended")
    answered, ended = call["agent_answered_at"], call["ended_at"]
    assert answered < ended, "the agent was released at once and could not hear why"
    await ends(desk, call_id, reason)


async def test_agent_phone_is_offline_then_the_click_says_so_and_nothing_rings(desk: World) -> None:
    status, body = await desk.click("registers", number("answers"))
    assert (status, body["code"]) == (500, "agent_offline")
    await desk.nothing_left()
    status, body = await desk.click("registers", number("answers"))
    assert (status, body["code"]) == (500, "agent_offline"), "a second try is a new one"


async def test_agent_hangs_up_while_the_customer_rings(desk: World) -> None:
    call_id = await desk.place("leaves", number("rings"))
    await ends(desk, call_id, "agent_hangup", by="agent")


async def test_customer_hangs_up(desk: World) -> None:
    call_id = await desk.place("answers", number("leaves"))
    await desk.until(call_id, "talking")
    await ends(desk, call_id, "completed", by="customer")


async def test_agent_hangs_up_the_conversation(desk: World) -> None:
    call_id = await desk.place("leaves", number("answers"))
    await desk.until(call_id, "talking")
    await ends(desk, call_id, "completed", by="agent")


async def test_both_hang_up_at_once(desk: World) -> None:
    call_id = await desk.place("leaves", number("leaves"))
    await ends(desk, call_id, "completed")


@pytest.mark.parametrize(
    ("agent", "customer", "state", "reason"),
    [
        ("rings", "answers", "ringing_agent", "cancelled"),
        ("answers", "rings", "ringing_customer", "cancelled"),
        ("answers", "answers", "talking", "completed"),
    ],
)
async def test_hung_up_through_the_api_at_each_stage(
    desk: World, agent: str, customer: str, state: str, reason: str
) -> None:
    call_id = await desk.place(agent, number(customer))
    await desk.until(call_id, state)
    assert await desk.api("DELETE", f"/api/v1/calls/{call_id}") == (204, None)
    await ends(desk, call_id, reason, by="api")
    assert await desk.api("DELETE", f"/api/v1/calls/{call_id}") == (204, None), "harmless the second time"


async def test_cancelled_while_the_agent_hears_that_the_customer_is_busy(desk: World) -> None:
    call_id = await desk.place("answers", number("busy"))
    await desk.decided(call_id)
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await ends(desk, call_id, "customer_busy")


async def test_story_of_a_conversation_is_told_in_order(desk: World) -> None:
    call_id = await desk.place("slow", number("answers"))
    await desk.until(call_id, "talking")
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    call = await desk.until(call_id, "ended")
    assert [happening.event for happening in desk.heard if happening.call.id == call_id] == [
        "call.created",
        "call.agent_ringing",
        "call.agent_answered",
        "call.customer_ringing",
        "call.answered",
        "call.ended",
    ]
    times = [call[key] for key in ("created_at", "agent_answered_at", "answered_at", "ended_at")]
    assert times == sorted(times)
