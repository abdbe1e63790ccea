"""Clicks as people and machines really send them: twice, too often, with odd numbers, for somebody who is busy."""

from __future__ import annotations

import asyncio
import string
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ctc_ari.config import Limits
from tests.integration.world import Exchange, World, email, number, world
from tests.store import databases


async def test_hundred_identical_clicks_ring_once(desk: World) -> None:
    before = len(desk.exchange.agents.invites)
    answers = await asyncio.gather(*(desk.click("rings", number("answers")) for _ in range(100)))
    assert {status for status, _ in answers} == {200}
    assert len({body["call_id"] for _, body in answers}) == 1
    assert sorted(body.get("duplicate", False) for _, body in answers) == [False, *[True] * 99]
    call_id = answers[0][1]["call_id"]
    status, body = await desk.click("rings", number("answers"))
    assert (status, body["call_id"], body["duplicate"]) == (200, call_id, True), "it is still ringing"
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await desk.nothing_left()
    assert len(desk.exchange.agents.invites) - before == 1


async def test_agent_who_rings_or_talks_is_busy_and_not_rung_again(desk: World) -> None:
    before = len(desk.exchange.agents.invites)
    call_id = await desk.place("answers", number("answers"))
    status, body = await desk.click("answers", number("rings"))
    assert (status, body["code"]) == (500, "agent_busy")
    await desk.until(call_id, "talking")
    status, problem = await desk.api("POST", "/api/v1/calls", json={"to": number("rings"), "email": email("answers")})
    assert (status, problem["code"]) == (409, "agent_busy")
    assert len(desk.exchange.agents.invites) - before == 1
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await desk.nothing_left()
    again = await desk.place("answers", number("rings"))
    await desk.api("DELETE", f"/api/v1/calls/{again}")
    await desk.nothing_left()


async def test_limits_answer_429_at_once_and_calls_already_up_go_on(pbx: Exchange, server: databases.Server) -> None:
    limits = Limits(agent_calls_per_minute=3, concurrent_calls=3, calls_per_second=100, duplicate_window=0)
    async with world(pbx, server, app="limits", limits=limits) as desk:
        calls = [await desk.place(f"a{n}", number("answers")) for n in range(3)]
        for call_id in calls:
            await desk.until(call_id, "talking")
        loop = asyncio.get_running_loop()
        started = loop.time()
        for attempt in range(200):
            status, body = await desk.click(f"a{3 + attempt % 10}", number("answers"))
            assert (status, body["code"]) == (429, "limit_reached")
        assert loop.time() - started < 10.0, "refusing is cheap"
        assert [call["state"] for call in (await desk.api("GET", "/api/v1/calls"))[1]["calls"]] == ["talking"] * 3
        for call_id in calls:
            await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()
        for _ in range(2):
            call_id = await desk.place("a0", number("answers"))
            await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        async with desk.session.get(
            f"{desk.address}/ClickToCallAPI",
            params={"phone_number": number("answers"), "email": email("a0"), "token": desk.token},
        ) as answer:
            assert answer.status == 429, "the fourth call of this agent within a minute"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        await desk.nothing_left()


async def test_more_calls_a_second_than_allowed_are_refused(pbx: Exchange, server: databases.Server) -> None:
    limits = replace(pbx.config.limits, calls_per_second=2)
    async with world(pbx, server, app="rate", limits=limits) as desk:
        answers = await asyncio.gather(*(desk.click(f"a{n}", number("answers")) for n in range(8)))
        statuses = sorted(status for status, _ in answers)
        assert statuses == [200, 200, 429, 429, 429, 429, 429, 429]
        await asyncio.sleep(0.6)
        assert (await desk.click("a9", number("answers")))[0] == 200, "after half a second there is room again"


async def test_call_longer_than_the_maximum_is_ended(pbx: Exchange, server: databases.Server) -> None:
    async with world(pbx, server, app="long", max_call_seconds=1) as desk:
        call_id = await desk.place("answers", number("answers"))
        call = await desk.until(call_id, "ended")
        assert (call["end_reason"], call["ended_by"]) == ("completed", "limit")
        await desk.nothing_left()


@pytest.mark.parametrize(
    "spelling",
    [
        "+442079460011",
        "00442079460011",
        "020 7946 0011",
        "(020) 7946-0011",
        "+44 (0)20 7946 0011",
        "tel:+44-20-7946-0011",
        " 442079460011",
        "\u202a+44 20 7946 0011\u202c",
    ],
)
async def test_any_usual_spelling_reaches_the_carrier_as_e164(desk: World, spelling: str) -> None:
    before = len(desk.exchange.carrier.invites)
    call_id = await desk.place("answers", spelling)
    await desk.until(call_id, "talking")
    invite = desk.exchange.carrier.invites[before]
    assert invite.request_uri.startswith("sip:442079460011@127.0.0.1:")
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await desk.nothing_left()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("999", "number_blocked"),
        ("112", "number_blocked"),
        ("+44 999", "number_blocked"),
        ("0909 8790000", "number_blocked"),
        ("+1 212 555 2368", "number_blocked"),
        ("12345", "invalid_number"),
        ("1@agent/sip:evil@host", "invalid_number"),
        ("02079460011&PJSIP/2000", "invalid_number"),
        ("02079460011,30", "invalid_number"),
        ("02079460011\r\nEvil: yes", "invalid_number"),
        ("${CHANNEL}", "invalid_number"),
        ("' or 1=1 --", "invalid_number"),
    ],
)
async def test_number_that_must_not_be_dialled_is_refused_before_anything_rings(
    desk: World, text: str, code: str
) -> None:
    before = len(desk.exchange.agents.invites)
    status, body = await desk.click("answers", text)
    assert (status, body["code"]) == (400, code)
    status, problem = await desk.api("POST", "/api/v1/calls", json={"to": text, "email": email("answers")})
    assert (status, problem["code"]) == (422, code)
    assert len(desk.exchange.agents.invites) == before
    assert not await desk.exchange.left_over(desk.app)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    data=st.text(
        alphabet=st.one_of(st.sampled_from(string.digits + "+ ()-.@/&,;:%{}$\"'\r\n\x00"), st.characters()),
        min_size=1,
        max_size=40,
    )
)
async def test_no_input_reaches_another_endpoint_host_or_header(data: str, desk: World) -> None:
    """Whatever is asked for: either nothing leaves Asterisk, or one INVITE to the trunk with nothing but digits."""
    carrier, agents = desk.exchange.carrier, desk.exchange.agents
    called, rung = len(carrier.invites), len(agents.invites)
    query = f"phone_number={quote(data, safe='', errors='surrogatepass')}&email={email('answers')}&token={desk.token}"
    async with desk.session.get(f"{desk.address}/ClickToCallAPI?{query}") as answer:
        body = await answer.json()
        assert answer.status in (200, 400), body
        if answer.status == 400:
            assert not await desk.exchange.left_over(desk.app)
            assert (len(carrier.invites), len(agents.invites)) == (called, rung)
            return
    await desk.until(body["call_id"], "talking")
    invite = carrier.invites[called]
    assert invite.called.isdigit()
    assert invite.request_uri.startswith(f"sip:{invite.called}@127.0.0.1:{carrier.port}")
    await desk.api("DELETE", f"/api/v1/calls/{body['call_id']}")
    await desk.nothing_left()
