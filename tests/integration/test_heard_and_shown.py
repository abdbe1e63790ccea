"""What the people see on their phones and hear in them."""

from __future__ import annotations

import asyncio

from tests import phones
from tests.integration.world import CARRIER_ID, Exchange, World, number, world
from tests.store import databases

#: The United Kingdom's tones, which the private Asterisk plays where numbers.default_region is GB.
RINGBACK = (400.0, 450.0)
GRACE = {"id": "grace", "name": "Grace Hopper", "company": None, "email": None, "url": None}
BUSY = (400.0,)


async def test_agent_sees_the_customers_name_and_number(desk: World) -> None:
    before = len(desk.exchange.agents.invites)
    call_id = await desk.place("rings", number("answers"))
    await desk.until(call_id, "ended")
    invite = desk.exchange.agents.invites[before]
    assert (invite.from_name, invite.from_number) == ("Grace Hopper", number("answers"))
    assert (await desk.call(call_id))["contact"] == GRACE


async def test_customer_sees_the_trunks_number_or_the_agents_and_never_her_own(desk: World) -> None:
    for agent, shown in (("answers", CARRIER_ID), ("own", "+442079460177")):
        before = len(desk.exchange.carrier.invites)
        call_id = await desk.place(agent, number("answers"))
        await desk.until(call_id, "talking")
        invite = desk.exchange.carrier.invites[before]
        assert invite.called == number("answers").removeprefix("+")
        assert invite.from_number == shown
        own = number("answers").removeprefix("+")
        assert not [name for name, value in invite.headers.items() if own in value and name not in ("To", "Contact")]
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()


async def test_agent_who_opted_in_is_asked_to_answer_by_itself_and_nobody_else_is(desk: World) -> None:
    before = len(desk.exchange.agents.invites)
    for agent in ("auto", "answers"):
        call_id = await desk.place(agent, number("answers"))
        await desk.until(call_id, "talking")
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()
    auto, plain = desk.exchange.agents.invites[before:]
    assert "answer-after=0" in auto.headers["Call-Info"]
    assert "info=alert-autoanswer" in auto.headers["Alert-Info"]
    assert auto.headers["Answer-Mode"] == "Auto"
    assert not {"Call-Info", "Alert-Info", "Answer-Mode"} & set(plain.headers)


async def test_agent_hears_ringback_then_both_hear_each_other(pbx: Exchange, server: databases.Server) -> None:
    called = number("answers").removeprefix("+")
    async with (
        phones.baresip_phone("hears", tone=600.0, answer=True) as phone,
        phones.baresip_phone(called, tone=1000.0) as customer,
        world(pbx, server, app="ears", trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{customer.port}") as desk,
    ):
        await desk.hire("hears", phone.uri)
        call_id = await desk.place("hears", number("answers"))
        await customer.wait_incoming()
        await desk.until(call_id, "ringing_customer")
        ringback = await phone.listen(1.5)
        assert ringback.has(*RINGBACK), f"{ringback.frequency} Hz at {ringback.level}"
        await customer.accept()
        await desk.until(call_id, "talking")
        await asyncio.sleep(0.5)
        there, here = await asyncio.gather(customer.listen(1.0), phone.listen(1.0))
        assert here.has(1000.0), f"{here.frequency} Hz at {here.level}"
        assert there.has(600.0), f"{there.frequency} Hz at {there.level}"
        await customer.hang_up()
        assert (await desk.until(call_id, "ended"))["ended_by"] == "customer"
        await desk.nothing_left()


async def test_agent_hears_the_busy_tone_before_she_is_released(desk: World) -> None:
    async with phones.baresip_phone("told", tone=None, answer=True) as phone:
        await desk.hire(f"told{desk.app}", phone.uri)
        call_id = await desk.place(f"told{desk.app}", number("busy"))
        await phone.wait_established()
        await asyncio.sleep(0.5)
        tone = await phone.listen(1.5)
        assert tone.has(*BUSY), f"{tone.frequency} Hz at {tone.level}"
        assert any(not on for on, _ in tone.cadence()), "a tone without pauses is not the busy tone"
        await phone.wait_closed()
        assert (await desk.until(call_id, "ended"))["end_reason"] == "customer_busy"


async def test_agent_hears_what_the_carrier_announces_before_the_answer(desk: World) -> None:
    async with phones.baresip_phone("early", tone=None, answer=True) as phone:
        await desk.hire(f"early{desk.app}", phone.uri)
        call_id = await desk.place(f"early{desk.app}", number("early"))
        await desk.until(call_id, "ringing_customer")
        await asyncio.sleep(0.5)
        announced = await phone.listen(1.0)
        assert announced.has(700.0), f"{announced.frequency} Hz at {announced.level}"
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()
