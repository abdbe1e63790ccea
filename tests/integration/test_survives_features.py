"""The service is killed, or loses its socket, while somebody is held, consulted, recorded, rung or listened to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from ctc_ari.runtime import asterisk, processes
from tests import phones
from tests.integration.process import Killable, killable
from tests.integration.talk import (
    AGENT,
    COLLEAGUE,
    CUSTOMER,
    HELPS,
    RINGBACK,
    Talk,
    ended,
    hear_each_other,
    hears,
    hears_music,
    successor,
    talking,
)
from tests.integration.test_supervisors import joined, left
from tests.integration.test_supervisors import request as supervise
from tests.integration.wire import wire
from tests.integration.world import Exchange, World, at_once, email, exchange, number
from tests.store import databases

DID = "+442079460720"
#: Until then what was answered is in the database, too: Asterisk cannot be asked who is muted or held.
WRITTEN_SECONDS = 0.05


@asynccontextmanager
async def phones_and_service(
    pbx: Exchange, server: databases.Server, folder: Path
) -> AsyncIterator[tuple[Killable, phones.Baresip, phones.Baresip, phones.Baresip]]:
    called = number("answers").removeprefix("+")
    port = pbx.callers[1]
    async with AsyncExitStack() as stack:
        agent, customer, colleague, desk = await at_once(
            stack,
            phones.baresip_phone("speaks", tone=AGENT, answer=True),
            phones.baresip_phone(called, tone=CUSTOMER, answer=True, port=port),
            phones.baresip_phone("helps", tone=COLLEAGUE),
            killable(
                pbx,
                server,
                folder,
                app=pbx.config.asterisk.app,
                trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{port}",
                routes={DID: email("helps")},
            ),
        )
        await desk.hire("speaks", agent.uri)
        await desk.hire("helps", colleague.uri)
        yield desk, agent, customer, colleague
        await desk.hang_up_all()


@pytest.fixture
async def talk(pbx: Exchange, server: databases.Server, tmp_path: Path) -> AsyncIterator[Talk]:
    """The agent and the customer talk; the service is a process of its own."""
    async with phones_and_service(pbx, server, tmp_path) as (desk, agent, customer, colleague):
        call_id = await desk.place("speaks", number("answers"))
        await desk.until(call_id, "talking")
        yield Talk(desk, call_id, agent, customer, colleague)


@asynccontextmanager
async def away(desk: World) -> AsyncIterator[None]:
    """The service is killed, and started again when what happens meanwhile has happened."""
    assert isinstance(desk, Killable)
    await desk.kill()
    yield
    await desk.start()


async def again(talk: Talk) -> None:
    """Killed, and started again."""
    await asyncio.sleep(WRITTEN_SECONDS)
    async with away(talk.desk):
        pass


async def test_held_stays_held_and_muted_stays_muted(talk: Talk) -> None:
    await talk.wish("PUT", "hold")
    await talk.wish("PUT", "mute")
    await again(talk)
    call = await talk.desk.call(talk.call_id)
    assert (call["held"], call["muted"]) == (True, True)
    await hears_music(talk.customer)
    await talk.wish("DELETE", "hold")
    await hears(talk.customer)
    await talk.wish("DELETE", "mute")
    await hear_each_other(talk.customer, talk.agent)


async def test_recording_is_not_lost(talk: Talk, tmp_path: Path) -> None:
    await talk.wish("PUT", "recording")
    await asyncio.sleep(0.5)
    await again(talk)
    call = await talk.desk.call(talk.call_id)
    assert call["recording"] is True
    await asyncio.sleep(0.5)
    await talk.wish("DELETE", "recording")
    recorded = await talk.recorded(call["recordings"][0], tmp_path)
    assert recorded.has(AGENT, CUSTOMER)
    assert recorded.seconds > 1.5, "what was said while the service was away is in it"


async def test_consultation_goes_on_and_is_completed(talk: Talk) -> None:
    transfer = await talk.consult()
    await again(talk)
    assert (await talk.desk.call(talk.call_id))["transfer"]["state"] == "talking"
    await hears(talk.agent, COLLEAGUE)
    await hears(talk.colleague, AGENT, but_not=CUSTOMER)
    await hears_music(talk.customer)
    await talk.wish("POST", f"transfers/{transfer}/complete")
    await successor(talk)
    await hear_each_other(talk.customer, talk.colleague)


async def test_agent_who_hangs_up_in_the_consultation_meanwhile_has_completed_it(talk: Talk) -> None:
    await talk.consult()
    async with away(talk.desk):
        await talk.agent.hang_up()
        await talk.agent.wait_closed()
    await successor(talk)
    await ended(talk, "transferred")
    await hear_each_other(talk.customer, talk.colleague)


async def test_target_who_hangs_up_meanwhile_brings_the_customer_back(talk: Talk) -> None:
    await talk.consult()
    async with away(talk.desk):
        await talk.colleague.hang_up()
        await talk.colleague.wait_closed()
    await talk.transfer_is("failed")
    await hear_each_other(talk.customer, talk.agent)


async def test_customer_who_hangs_up_meanwhile_has_ended_all_of_it(talk: Talk) -> None:
    await talk.consult()
    async with away(talk.desk):
        await talk.customer.hang_up()
        await talk.customer.wait_closed()
    await ended(talk, "completed")
    await talk.agent.wait_closed()
    await talk.colleague.wait_closed()


@pytest.mark.parametrize("answers", ["after", "while"])
async def test_blind_transfer_is_completed_whether_the_target_answers_after_or_while_the_service_is_away(
    talk: Talk, answers: str
) -> None:
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    async with away(talk.desk):
        if answers == "while":
            await talk.colleague.accept()
    if answers == "after":
        await hears(talk.customer, *RINGBACK)
        await talk.colleague.accept()
    await successor(talk)
    await ended(talk, "transferred")
    await hear_each_other(talk.customer, talk.colleague)


async def test_successor_of_a_transfer_goes_on_and_its_end_is_seen(talk: Talk) -> None:
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    await talk.colleague.accept()
    talk.call_id = await successor(talk)
    await again(talk)
    await hear_each_other(talk.customer, talk.colleague)
    await talk.wish("PUT", "hold")
    await hears_music(talk.customer)
    await talk.customer.hang_up()
    await ended(talk, "completed")
    await talk.colleague.wait_closed()


async def test_supervisor_goes_on_listening_and_can_be_released(talk: Talk) -> None:
    talk.desk.supervisor = (await talk.desk.give_token("lead", rights=["supervise"]))["token"]
    name = await joined(talk, "whisper")
    await again(talk)
    await hears(talk.colleague, AGENT, CUSTOMER)
    await hears(talk.agent, CUSTOMER, COLLEAGUE)
    await supervise(talk, "DELETE", f"/{name}", 204)
    await left(talk)
    await talk.colleague.wait_closed()
    await hears(talk.agent, CUSTOMER, but_not=COLLEAGUE)


async def test_caller_is_still_offered_after_a_restart_and_is_connected(
    pbx: Exchange, server: databases.Server, tmp_path: Path
) -> None:
    async with phones_and_service(pbx, server, tmp_path) as (desk, _, customer, colleague):
        await customer.dial(pbx.did(DID))
        await colleague.wait_incoming()
        calls = (await desk.api("GET", "/api/v1/calls"))[1]["calls"]
        async with away(desk):
            pass
        await colleague.accept()
        await desk.until(calls[0]["id"], "talking")
        await hear_each_other(colleague, customer)
        async with away(desk):
            pass
        await customer.hang_up()
        call = await desk.until(calls[0]["id"], "ended")
        assert (call["end_reason"], call["ended_by"]) == ("completed", "customer"), "its end is seen after a restart"
        await colleague.wait_closed()


async def test_caller_who_gives_up_while_the_service_is_away_is_a_missed_call(
    pbx: Exchange, server: databases.Server, tmp_path: Path
) -> None:
    async with phones_and_service(pbx, server, tmp_path) as (desk, _, customer, colleague):
        await customer.dial(pbx.did(DID))
        await colleague.wait_incoming()
        calls = (await desk.api("GET", "/api/v1/calls"))[1]["calls"]
        async with away(desk):
            await customer.hang_up()
            await colleague.wait_closed()
        call = await desk.until(calls[0]["id"], "ended")
        assert (call["missed"], call["end_reason"]) == (True, "customer_hangup")
        await colleague.wait_closed()
        await desk.nothing_left()


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_lost_socket_changes_nothing_for_those_on_hold_and_in_consultation(
    pbx: Exchange, server: databases.Server, transport: str
) -> None:
    node = pbx.config.asterisk.nodes[0]
    async with wire("127.0.0.1", urlsplit(node.ari_url).port or 0) as cable:
        nodes = (replace(node, ari_url=f"http://127.0.0.1:{cable.port}/ari"),)
        async with talking(pbx, server, f"thin{transport}", transport, nodes=nodes) as talk:
            await talk.wish("PUT", "hold")
            cable.cut()
            await talk.desk.ready(200)
            await hears_music(talk.customer)
            transfer = await talk.consult()
            cable.silence()
            await talk.desk.ready(503)
            cable.cut()
            cable.mend()
            await talk.desk.ready(200)
            await hears(talk.agent, COLLEAGUE)
            await hears_music(talk.customer)
            await talk.wish("POST", f"transfers/{transfer}/complete")
            await successor(talk)
            await hears(talk.customer, COLLEAGUE)


async def test_asterisk_is_restarted_during_a_consultation_then_the_call_is_lost_and_the_next_click_works(
    server: databases.Server,
) -> None:
    async with exchange() as own, AsyncExitStack() as stack, talking(own, server, "anew", "auto") as talk:
        await talk.consult()
        own.process.kill()
        await talk.desk.ready(503)
        installation = asterisk.find()
        assert installation is not None
        command = asterisk.command(installation, own.folder / "asterisk")
        started = await processes.start(command, output=own.folder / "again")
        stack.push_async_callback(processes.stop, started)
        await talk.desk.ready(200)
        await ended(talk, "lost")
        call_id = await talk.desk.place("answers", number("answers"))
        await talk.desk.until(call_id, "talking")
        await talk.desk.api("DELETE", f"/api/v1/calls/{call_id}")
