"""The desk on an exchange and a store in memory: double clicks, refusals, rows, and Asterisk's answer to the ring."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.calls import engine
from ctc_ari.calls.commands import CallDesk, PlaceCall, Placed
from ctc_ari.calls.effects import (
    CreateBridge,
    CreateLeg,
    Originate,
)
from ctc_ari.calls.inputs import (
    LegAnswered,
    LegGone,
    LegRinging,
)
from ctc_ari.calls.model import Agent, Contact, EndReason, Phase
from ctc_ari.calls.policy import BURST
from ctc_ari.calls.ports import NOT_SENT, CallStore, Telephony
from ctc_ari.config import Limits
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CtcError,
    DatabaseUnreachable,
    DeviceUnavailable,
    LimitReached,
)
from tests.calls.builders import ALICE, BOB, a_call
from tests.calls.room import CLICK, NUMBER, OTHER, Opener, Room, turns


async def test_desk_and_fakes_fit_their_protocols(room: Room) -> None:
    desk: CallDesk = room.desk
    telephony: Telephony = room.telephony
    store: CallStore = room.store
    assert all((desk, telephony, store))


# one click, one call


async def test_a_hundred_parallel_clicks_ring_the_agent_once_and_all_get_the_same_call(room: Room) -> None:
    placed = await asyncio.gather(*(room.desk.place(CLICK) for _ in range(100)))
    assert len({answer.call.id for answer in placed}) == 1
    assert [answer.duplicate for answer in placed].count(False) == 1
    assert len(room.telephony.asked(Originate)) == 1


async def test_a_hundred_parallel_clicks_share_the_failure_too(room: Room) -> None:
    room.telephony.status[Originate] = 500
    answers = await asyncio.gather(*(room.desk.place(CLICK) for _ in range(100)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {AgentOffline}
    assert len(room.telephony.asked(Originate)) == 1


@pytest.mark.parametrize("given_up", ["first", "joined"])
async def test_of_two_joined_clicks_one_that_is_given_up_does_not_take_the_other_with_it(
    room: Room, given_up: str
) -> None:
    room.telephony.hesitates = True
    clicks = {}
    for name in ("first", "joined"):
        clicks[name] = asyncio.create_task(room.desk.place(CLICK))
        await turns()
    clicks.pop(given_up).cancel()
    await turns()
    room.telephony.answer()
    (other,) = clicks.values()
    assert (await other).call.live


async def test_a_click_within_the_window_is_the_same_call_even_after_that_ended(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    await room.end(call_id)
    again = await room.desk.place(CLICK)
    assert (again.call.id, again.duplicate, again.call.live) == (call_id, True, False)
    room.now += 11
    later = await room.desk.place(CLICK)
    assert later.call.id != call_id
    assert not later.duplicate
    assert len(room.telephony.asked(Originate)) == 2


async def test_a_click_after_the_window_joins_while_it_rings_and_is_refused_once_they_talk(room: Room) -> None:
    call_id = await room.call_in(Phase.RINGING_CUSTOMER)
    room.now += 11
    assert (await room.desk.place(CLICK)).call.id == call_id
    room.tell(call_id, LegAnswered("customer"))
    with pytest.raises(AgentBusy):
        await room.desk.place(CLICK)


async def test_a_click_after_a_failed_start_is_a_new_try(room: Room) -> None:
    room.telephony.status[Originate] = 500
    with pytest.raises(AgentOffline):
        await room.desk.place(CLICK)
    await turns()
    room.telephony.status.clear()
    again = await room.desk.place(CLICK)
    assert not again.duplicate
    assert again.call.live
    assert len(set(room.telephony.asked(Originate))) == 2


# refused before anything is created


async def test_an_agent_on_a_call_is_busy_and_free_as_soon_as_its_outcome_is_final(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(ALICE, OTHER))
    assert len(room.telephony.asked(Originate)) == 1
    await room.desk.hang_up(call_id)
    assert (await room.desk.place(PlaceCall(ALICE, OTHER))).call.live, "her channels need not be gone for that"


async def test_no_more_calls_at_once_than_allowed(open_room: Opener) -> None:
    room = open_room(limits=Limits(concurrent_calls=1))
    call_id = await room.call_in(Phase.TALKING)
    with pytest.raises(LimitReached):
        await room.desk.place(PlaceCall(BOB, NUMBER))
    await room.desk.hang_up(call_id)
    assert (await room.desk.place(PlaceCall(BOB, NUMBER))).call.live


async def test_a_burst_beyond_the_rate_is_refused_with_the_time_to_wait(open_room: Opener) -> None:
    room = open_room(limits=Limits(calls_per_second=100, agent_calls_per_minute=1000))
    agents = [Agent(f"a{n}@example.com", extension=str(2000 + n)) for n in range(BURST + 5)]
    answers = await asyncio.gather(
        *(room.desk.place(PlaceCall(agent, NUMBER)) for agent in agents), return_exceptions=True
    )
    assert sum(isinstance(answer, Placed) for answer in answers) == BURST
    refused = [answer for answer in answers if isinstance(answer, LimitReached)]
    assert len(refused) == 5
    assert all(0 < answer.retry_after < 0.1 for answer in refused)


async def test_while_asterisk_is_behind_calls_are_refused(room: Room) -> None:
    room.telephony.behind = 0.3
    with pytest.raises(LimitReached) as refused:
        await room.desk.place(CLICK)
    assert refused.value.retry_after == 1
    assert not room.telephony.requests
    room.telephony.behind = 0.2
    assert (await room.desk.place(CLICK)).call.live


async def test_without_asterisk_or_database_nothing_is_begun_and_the_agent_stays_free(room: Room) -> None:
    room.telephony.connected = False
    with pytest.raises(AsteriskUnreachable):
        await room.desk.place(CLICK)
    room.telephony.connected, room.store.writable = True, False
    with pytest.raises(DatabaseUnreachable):
        await room.desk.place(CLICK)
    assert not room.story
    assert not room.heard
    room.store.writable = True
    assert not (await room.desk.place(CLICK)).duplicate


@pytest.mark.parametrize(
    ("agent", "endpoint"),
    [
        (Agent("a@b", extension="1001"), "PJSIP/1001"),
        (Agent("a@b", extension="1001", desk_endpoint="PJSIP/desk-7"), "PJSIP/desk-7"),
        (Agent("a@b", contact="sip:a@192.0.2.1"), "PJSIP/ctc-phone/sip:a@192.0.2.1"),
        (Agent("a@b", desk_endpoint="PJSIP/own", contact="sip:a@192.0.2.1"), "PJSIP/own/sip:a@192.0.2.1"),
    ],
)
async def test_the_desk_phone_is_dialled_where_the_directory_says(room: Room, agent: Agent, endpoint: str) -> None:
    placed = await room.desk.place(PlaceCall(agent, NUMBER))
    assert placed.call.agent_leg.endpoint == endpoint
    assert placed.call.customer_leg.endpoint == "PJSIP/442079460001@trunk"


async def test_a_device_that_the_agent_does_not_have_is_refused(room: Room) -> None:
    stranger = Agent("nobody@example.com", desk_endpoint="PJSIP/own")
    for command in (PlaceCall(stranger, NUMBER, device="web"), PlaceCall(Agent("nobody@example.com"), NUMBER)):
        with pytest.raises(DeviceUnavailable):
            await room.desk.place(command)
    assert not room.story


async def test_the_browser_is_dialled_by_the_extension(room: Room) -> None:
    agent = Agent("a@b", extension="1001", desk_endpoint="PJSIP/desk-7", contact="sip:a@192.0.2.1")
    placed = await room.desk.place(PlaceCall(agent, NUMBER, device="web"))
    assert (placed.call.device, placed.call.agent_leg.endpoint) == ("web", "PJSIP/web-1001")


# the row first


async def test_nothing_rings_before_the_row_is_committed(room: Room) -> None:
    room.store.gate = asyncio.Event()
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    assert not room.story
    room.store.gate.set()
    assert (await click).call.stored
    await turns()
    assert room.story == ["committed", "Originate", "CreateBridge", "CreateLeg"]


async def test_the_contact_found_by_the_store_is_the_call_s(room: Room) -> None:
    room.store.contact = Contact("c1", "Carla")
    assert (await room.desk.place(CLICK)).call.contact == Contact("c1", "Carla")


@pytest.mark.parametrize("failure", [DatabaseUnreachable(), RuntimeError("a mistake of ours")])
async def test_a_row_that_cannot_be_committed_rings_nothing_and_its_end_is_written(
    room: Room, failure: Exception
) -> None:
    room.store.failure = failure
    answers = await asyncio.gather(room.desk.place(CLICK), room.desk.place(CLICK), return_exceptions=True)
    assert answers[0] is failure
    assert isinstance(answers[1], CtcError)
    assert not room.telephony.requests
    (row,) = room.store.rows.values()
    assert (row.live, row.end_reason) == (False, EndReason.FAILED)
    assert [happening.event for happening in room.store.journal] == ["call.created", "call.ended"]
    assert not room.desk.live()
    room.store.failure = None
    assert not (await room.desk.place(CLICK)).duplicate


async def test_an_agent_busy_elsewhere_rings_nothing_and_leaves_no_row(room: Room) -> None:
    room.store.rows["elsewhere"] = a_call("elsewhere")
    with pytest.raises(AgentBusy):
        await room.desk.place(CLICK)
    assert not room.telephony.requests
    assert list(room.store.rows) == ["elsewhere"]
    assert not room.store.saves
    del room.store.rows["elsewhere"]
    assert (await room.desk.place(CLICK)).call.live


async def test_a_click_given_up_before_the_commit_rings_nothing_and_its_end_is_written(room: Room) -> None:
    room.store.gate = asyncio.Event()
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    click.cancel()
    with pytest.raises(asyncio.CancelledError):
        await click
    room.store.gate.set()
    await turns()
    assert not room.telephony.requests
    assert [row.end_reason for row in room.store.rows.values()] == [EndReason.FAILED]


async def test_a_row_that_comes_too_late_rings_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PLACING_SECONDS", 0.0)
    room.store.gate = asyncio.Event()
    click = asyncio.create_task(room.desk.place(CLICK))
    await asyncio.sleep(0.01)
    assert [happening.event for happening in room.heard] == ["call.created", "call.ended"]
    room.store.gate.set()
    with pytest.raises(CallFailed):
        await click
    assert not room.telephony.requests
    assert [row.end_reason for row in room.store.rows.values()] == [EndReason.FAILED]


# Asterisk's answer to the ring


@pytest.mark.parametrize(
    ("status", "failure", "reason"),
    [
        (500, AgentOffline, EndReason.UNREACHABLE),
        (400, AgentOffline, EndReason.UNREACHABLE),
        (NOT_SENT, AsteriskUnreachable, EndReason.FAILED),
    ],
)
async def test_a_refused_ring_is_told_and_ends_the_call(
    room: Room, status: int, failure: type[CtcError], reason: EndReason
) -> None:
    room.telephony.status[Originate] = status
    with pytest.raises(failure):
        await room.desk.place(CLICK)
    await turns()
    assert not room.desk.live()
    (row,) = room.store.rows.values()
    assert row.end_reason is reason
    assert room.telephony.asked(CreateLeg) == []


@pytest.mark.parametrize("status", [None, 409])
async def test_a_ring_that_may_have_happened_is_never_a_failure(room: Room, status: int | None) -> None:
    room.telephony.status[Originate] = status
    placed = await room.desk.place(CLICK)
    await turns()
    assert placed.call.live
    room.tell(placed.call.id, LegRinging("agent"))
    assert len(room.telephony.asked(CreateLeg)) == 1, "her ringing is as good as the answer"


async def test_her_phone_declines_before_asterisk_s_answer_then_the_click_still_worked(room: Room) -> None:
    room.telephony.hesitates = True
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    (call,) = room.desk.live()
    room.tell(call.id, LegGone("agent", 21, 603))
    async with asyncio.timeout(2):
        placed = await click
    assert placed.call.end_reason is EndReason.AGENT_REJECTED


async def test_the_customer_s_channel_and_the_bridge_wait_for_asterisk_s_answer_to_the_ring(room: Room) -> None:
    room.telephony.hesitates = True
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    assert [type(request) for _, request in room.telephony.requests] == [Originate]
    room.telephony.answer()
    await click
    assert [type(request) for _, request in room.telephony.requests] == [Originate, CreateBridge, CreateLeg]
