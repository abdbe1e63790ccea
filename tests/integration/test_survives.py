"""The service is killed, cut off, left without Asterisk or database: calls go on, records are right, it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from ctc_ari.runtime import asterisk, processes
from tests import phones
from tests.integration.process import Killable, killable
from tests.integration.wire import wire
from tests.integration.world import Exchange, World, exchange, number, world
from tests.store import databases


@pytest.fixture(scope="module")
async def mortal(
    pbx: Exchange, server: databases.Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Killable]:
    """A service process that these tests kill."""
    async with killable(pbx, server, tmp_path_factory.mktemp("service")) as running:
        yield running


async def next_click_works(desk: World) -> None:
    call_id = await desk.place("a1", number("answers"))
    await desk.until(call_id, "talking")
    assert (await desk.api("DELETE", f"/api/v1/calls/{call_id}"))[0] == 204
    await desk.until(call_id, "ended")
    await desk.nothing_left()


async def test_killed_while_the_agent_rings_then_the_call_goes_on(mortal: Killable) -> None:
    async with phones.baresip_phone("patient") as phone:
        await mortal.hire("patient", phone.uri)
        call_id = await mortal.place("patient", number("answers"))
        await phone.wait_incoming()
        await mortal.kill()
        await mortal.start()
        await phone.accept()
        call = await mortal.until(call_id, "talking")
        assert call["agent_answered_at"] < call["answered_at"]
        await mortal.api("DELETE", f"/api/v1/calls/{call_id}")
        assert (await mortal.until(call_id, "ended"))["end_reason"] == "completed"
        await next_click_works(mortal)


async def test_agent_answers_while_the_service_is_down_then_she_is_released_and_the_record_says_so(
    mortal: Killable,
) -> None:
    before = len(mortal.exchange.carrier.invites)
    call_id = await mortal.place("slow", number("answers"))
    await mortal.kill()
    await asyncio.sleep(2.0)
    await mortal.start()
    assert (await mortal.until(call_id, "ended"))["end_reason"] == "lost"
    await mortal.nothing_left()
    assert len(mortal.exchange.carrier.invites) == before
    await next_click_works(mortal)


@pytest.mark.parametrize("down", [0.0, 1.5])
async def test_killed_while_the_customer_rings_then_they_talk_all_the_same(mortal: Killable, down: float) -> None:
    before = len(mortal.exchange.carrier.invites)
    call_id = await mortal.place("a2", number("takes_time"))
    await mortal.until(call_id, "ringing_customer")
    await mortal.exchange.carrier.wait_invite(before + 1)
    await mortal.kill()
    await asyncio.sleep(down)
    await mortal.start()
    await mortal.until(call_id, "talking")
    assert len(mortal.exchange.carrier.invites) - before == 1, "the customer's phone rang once"
    await mortal.api("DELETE", f"/api/v1/calls/{call_id}")
    assert (await mortal.until(call_id, "ended"))["end_reason"] == "completed"
    await next_click_works(mortal)


async def test_killed_during_the_conversation_then_nobody_notices(mortal: Killable) -> None:
    byes = len(mortal.exchange.agents.byes), len(mortal.exchange.carrier.byes)
    call_id = await mortal.place("a3", number("answers"))
    before = await mortal.until(call_id, "talking")
    await mortal.written(call_id, "state", "talking")
    await mortal.kill()
    await mortal.start()
    assert await mortal.call(call_id) == before, "the record is what it was"
    assert (len(mortal.exchange.agents.byes), len(mortal.exchange.carrier.byes)) == byes
    status, body = await mortal.click("a3", number("rings"))
    assert (status, body["code"]) == (500, "agent_busy")
    await mortal.api("DELETE", f"/api/v1/calls/{call_id}")
    assert (await mortal.until(call_id, "ended"))["end_reason"] == "completed"
    await next_click_works(mortal)


@pytest.mark.parametrize(("agent", "customer", "by"), [("a4", "leaves", "customer"), ("leaves", "answers", "agent")])
async def test_one_side_hangs_up_while_the_service_is_down_then_the_other_is_released(
    mortal: Killable, agent: str, customer: str, by: str
) -> None:
    call_id = await mortal.place(agent, number(customer))
    await mortal.written(call_id, "state", "talking")
    await mortal.kill()
    await asyncio.sleep(1.5)
    await mortal.start()
    call = await mortal.until(call_id, "ended")
    assert (call["end_reason"], call["ended_by"]) == ("completed", by)
    await mortal.nothing_left()
    await next_click_works(mortal)


async def test_killed_while_the_agent_hears_why_then_she_is_released(mortal: Killable) -> None:
    call_id = await mortal.place("a5", number("busy"))
    await mortal.written(call_id, "end_reason", "customer_busy")
    await mortal.kill()
    await mortal.start()
    call = await mortal.until(call_id, "ended")
    assert call["end_reason"] == "customer_busy"
    await mortal.nothing_left()
    await next_click_works(mortal)


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_event_socket_is_lost_then_the_service_comes_back_and_the_call_goes_on(
    pbx: Exchange, server: databases.Server, transport: str
) -> None:
    node = pbx.config.asterisk.nodes[0]
    async with wire("127.0.0.1", urlsplit(node.ari_url).port or 0) as cable:
        nodes = (replace(node, ari_url=f"http://127.0.0.1:{cable.port}/ari"),)
        async with world(pbx, server, app=f"cut{transport}", nodes=nodes, transport=transport) as desk:
            stays = await desk.place("a6", number("answers"))
            goes = await desk.place("a7", number("leaves"))
            for call_id in (stays, goes):
                await desk.until(call_id, "talking")
            cable.silence()
            problem = await desk.ready(503)
            assert "asterisk" in str(problem)
            before = len(pbx.agents.invites)
            status, body = await desk.click("a8", number("answers"))
            assert (status, body["code"]) == (500, "asterisk_unreachable")
            cable.cut()
            cable.mend()
            await desk.ready(200)
            assert (await desk.call(stays))["state"] == "talking"
            missed = await desk.until(goes, "ended")
            assert (missed["end_reason"], missed["ended_by"]) == ("completed", "customer")
            assert len(pbx.agents.invites) == before, "what was refused does not ring later"
            cable.cut()
            await asyncio.sleep(0.05)
            await desk.ready(200)
            assert (await desk.call(stays))["state"] == "talking"
            await desk.api("DELETE", f"/api/v1/calls/{stays}")
            await desk.nothing_left()
            await next_click_works(desk)


async def test_asterisk_is_restarted_then_its_calls_are_lost_and_the_next_click_works(
    server: databases.Server,
) -> None:
    async with exchange() as pbx, world(pbx, server, app="again") as desk:
        call_id = await desk.place("answers", number("answers"))
        await desk.until(call_id, "talking")
        pbx.process.kill()
        problem = await desk.ready(503)
        assert "asterisk" in str(problem)
        status, body = await desk.click("a1", number("answers"))
        assert (status, body["code"]) == (500, "asterisk_unreachable")
        installation = asterisk.find()
        assert installation is not None
        command = asterisk.command(installation, pbx.folder / "asterisk")
        again = await processes.start(command, output=pbx.folder / "again")
        try:
            await desk.ready(200)
            call = await desk.until(call_id, "ended")
            assert call["end_reason"] == "lost"
            await next_click_works(desk)
        finally:
            await processes.stop(again)


async def test_database_goes_away_then_calls_go_on_new_ones_are_refused_and_records_are_right(pbx: Exchange) -> None:
    with databases.server() as database:
        async with world(pbx, database, app="dbless") as desk:
            talks = await desk.place("a1", number("answers"))
            ends = await desk.place("a2", number("answers"))
            for call_id in (talks, ends):
                await desk.until(call_id, "talking")
            database.kill()
            problem = await desk.ready(503)
            assert "database" in str(problem)
            before = len(pbx.agents.invites)
            status, body = await desk.click("a3", number("answers"))
            assert (status, body["code"]) == (500, "database_unreachable")
            assert (await desk.api("DELETE", f"/api/v1/calls/{ends}"))[0] == 204
            await asyncio.sleep(0.5)
            assert (await desk.call(talks))["state"] == "talking"
            assert len(pbx.agents.invites) == before
            database.start()
            await desk.ready(200)
            call = await desk.until(ends, "ended")
            assert (call["end_reason"], call["ended_by"]) == ("completed", "api")
            await desk.api("DELETE", f"/api/v1/calls/{talks}")
            await desk.nothing_left()
            await next_click_works(desk)
