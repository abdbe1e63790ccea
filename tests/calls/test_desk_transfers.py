"""The desk when calls are handed over, by the API and by the keys of phones: who is rung, whose channel it is."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.effects import (
    AnswerLeg,
    BridgeLegs,
    CreateLeg,
    DialLeg,
    HangUpLeg,
    TellPhone,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.ids import bridge_id
from ctc_ari.calls.inputs import (
    CancelTransfer,
    CompleteTransfer,
    LegGone,
    LegReady,
    SwapTransfer,
)
from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.calls.ports import Arrived, DialAnswered, Referred
from ctc_ari.errors import (
    AgentBusy,
    AgentNotFound,
    AgentOffline,
    CallNotFound,
    CtcError,
    NumberBlocked,
    TransferInProgress,
    WrongState,
)
from tests.calls.builders import BOB, CAROL
from tests.calls.room import OTHER, Room, consulting, turns

SECOND = "1750000000.9"


# handing over


async def test_a_transfer_returns_once_the_target_s_channel_exists_and_then_it_rings(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.hesitates = True
    asked = asyncio.create_task(room.desk.transfer(call_id, "1002", "blind"))
    await turns()
    assert not asked.done()
    room.telephony.answer()
    call = await asked
    assert (call.phase, call.transfers[-1].target.agent) == (Phase.TRANSFERRING, BOB)
    assert room.telephony.asked(DialLeg) == [call_id], "the customer's only"
    room.telephony.hesitates = False
    room.desk.hear(f"{call_id}.x001", LegReady(""))
    assert room.telephony.asked(DialLeg) == [call_id, call_id]
    assert room.telephony.requests[-1][1] == DialLeg("target", 25)


async def test_the_call_that_comes_of_it_is_another_one_with_its_own_row_and_agent(room: Room) -> None:
    call_id = await consulting(room)
    await room.desk.control(call_id, CompleteTransfer())
    await turns()
    ended, (successor,) = await room.desk.find(call_id), room.desk.live()
    assert (ended.end_reason, ended.transfers[-1].successor) == (EndReason.TRANSFERRED, successor.id)
    assert (successor.transferred_from, successor.agent, successor.linkedid) == (call_id, BOB, call_id)
    assert room.store.rows[successor.id].live
    assert room.events(successor.id) == ["call.created", "call.answered"]
    assert room.events(call_id)[-2:] == ["call.transfer_completed", "call.ended"]
    assert [request for at, request in room.telephony.requests if at == successor.id][-1] == BridgeLegs(("customer",))


async def test_the_successor_s_channels_are_heard_as_its_own(room: Room) -> None:
    call_id = await consulting(room)
    await room.desk.control(call_id, CompleteTransfer())
    (successor,) = room.desk.live()
    room.desk.hear(call_id, LegGone("", 16))
    assert room.desk.live() == [await room.desk.find(successor.id)], "the first agent's channel is not the successor's"
    room.desk.hear(f"{call_id}.c", LegGone("", 16))
    assert (await room.desk.find(successor.id)).ended_by == "customer"
    assert (successor.id, HangUpLeg("agent")) in room.telephony.requests
    room.desk.hear(f"{call_id}.x001", LegGone("", 16))
    assert not room.desk.live()
    assert not room.telephony.discarded


async def test_a_successor_can_be_handed_on(room: Room) -> None:
    call_id = await consulting(room)
    await room.desk.control(call_id, CompleteTransfer())
    (second,) = room.desk.live()
    await room.desk.transfer(second.id, "carol@example.com", "blind")
    room.desk.hear(f"{second.id}.x001", LegReady(""))
    room.desk.hear(f"{second.id}.x001", DialAnswered())
    await turns()
    (third,) = room.desk.live()
    assert (third.transferred_from, third.agent, third.linkedid) == (second.id, CAROL, call_id)
    assert third.bridge_id == bridge_id(call_id)
    assert third.customer_leg.channel == f"{call_id}.c"


async def test_the_row_of_the_successor_is_written_before_the_end_of_its_predecessor(room: Room) -> None:
    call_id = await consulting(room)
    before = len(room.store.saves)
    await room.desk.control(call_id, CompleteTransfer())
    (successor,) = room.desk.live()
    saved = [call.id for call, _ in room.store.saves[before:]]
    assert saved.index(successor.id) < saved.index(call_id), "a service that takes over now still finds the way"
    assert room.store.rows[successor.id].live
    assert room.store.rows[call_id].end_reason is EndReason.TRANSFERRED


# who may be rung


async def test_two_transfers_at_once_are_one_too_many(room: Room) -> None:
    call_id = await consulting(room, answered=False)
    with pytest.raises(TransferInProgress):
        await room.desk.transfer(call_id, "carol@example.com", "blind")


async def test_of_two_transfers_asked_for_at_the_same_moment_one_is_refused(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    asked = (room.desk.transfer(call_id, to, "blind") for to in ("bob@example.com", "carol@example.com"))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [TransferInProgress]
    assert len(room.telephony.asked(CreateLeg)) == 2, "the customer's, and one target's"


async def test_a_target_who_has_a_call_is_busy_and_one_who_is_rung_is_busy_for_others(room: Room) -> None:
    await room.call_in(Phase.TALKING, PlaceCall(BOB, OTHER))
    call_id = await room.call_in(Phase.TALKING)
    with pytest.raises(AgentBusy):
        await room.desk.transfer(call_id, "bob@example.com", "blind")
    await room.desk.transfer(call_id, "carol@example.com", "blind")
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(CAROL, OTHER))
    await room.desk.control(call_id, CancelTransfer())
    assert (await room.desk.place(PlaceCall(CAROL, OTHER))).call.live


@pytest.mark.parametrize(
    ("to", "failure"),
    [
        ("alice@example.com", WrongState),
        ("1001", WrongState),
        ("nobody@example.com", AgentNotFound),
        ("999", NumberBlocked),
    ],
)
async def test_whom_a_call_cannot_be_handed_to(room: Room, to: str, failure: type[CtcError]) -> None:
    call_id = await room.call_in(Phase.TALKING)
    with pytest.raises(failure):
        await room.desk.transfer(call_id, to, "blind")
    assert (await room.desk.find(call_id)).transfers == ()


async def test_a_target_whose_phone_is_not_registered_is_offline_and_the_two_talk_on(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status[CreateLeg] = 500
    with pytest.raises(AgentOffline):
        await room.desk.transfer(call_id, "bob@example.com", "attended")
    await turns()
    call = await room.desk.find(call_id)
    assert (call.phase, call.transfers[-1].reason) == (Phase.TALKING, "unreachable")
    assert not room.telephony.asked(UnbridgeLegs)
    room.telephony.status.clear()
    assert (await room.desk.place(PlaceCall(BOB, OTHER))).call.live


async def test_what_can_be_decided_and_when(room: Room) -> None:
    with pytest.raises(CallNotFound):
        await room.desk.transfer("ctc-nothing", "1002", "blind")
    call_id = await room.call_in(Phase.TALKING)
    for wish in (CompleteTransfer(), CancelTransfer(), SwapTransfer()):
        with pytest.raises(WrongState):
            await room.desk.control(call_id, wish)
    await room.end(call_id)
    with pytest.raises(WrongState):
        await room.desk.transfer(call_id, "1002", "blind")


async def test_a_swap_before_the_target_answered_is_refused(room: Room) -> None:
    call_id = await consulting(room, answered=False)
    with pytest.raises(WrongState):
        await room.desk.control(call_id, SwapTransfer())


async def test_cancelling_just_after_the_target_hung_up_is_no_failure(room: Room) -> None:
    call_id = await consulting(room)
    room.telephony.status[HangUpLeg] = 404
    await room.desk.control(call_id, CancelTransfer())
    assert (await room.desk.find(call_id)).phase is Phase.TALKING


async def test_a_refusal_that_comes_late_is_not_taken_for_the_next_target_s(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.hesitates = True
    room.telephony.status[CreateLeg] = 500
    first = asyncio.create_task(room.desk.transfer(call_id, "bob@example.com", "blind"))
    await turns()
    cancel = asyncio.create_task(room.desk.control(call_id, CancelTransfer()))
    await turns()
    second = asyncio.create_task(room.desk.transfer(call_id, "carol@example.com", "blind"))
    await turns()
    room.telephony.answer(1)
    await turns()
    assert (await room.desk.find(call_id)).leg("target").channel == f"{call_id}.x002"
    assert (await room.desk.find(call_id)).phase is Phase.TRANSFERRING
    room.telephony.status.clear()
    room.telephony.answer()
    await cancel
    assert (await second).transfers[-1].target.agent == CAROL
    with pytest.raises(AgentOffline):
        await first


# the keys of phones


async def test_a_blind_transfer_by_the_phone_s_key(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(call_id, Referred("1002"))
    await turns()
    call = await room.desk.find(call_id)
    assert (call.phase, call.transfers[-1].by, call.transfers[-1].target.agent) == (Phase.TRANSFERRING, "phone", BOB)


@pytest.mark.parametrize("refer", [Referred("999"), Referred("1001"), Referred("1002", lost=True), Referred("x")])
async def test_a_phone_that_asks_for_what_cannot_be_is_told_so(room: Room, refer: Referred) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(call_id, refer)
    await turns()
    assert room.telephony.asked(TellPhone) == [call_id]
    assert (await room.desk.find(call_id)).phase is Phase.TALKING


async def test_a_second_call_on_her_phone_is_a_consultation_and_can_be_joined_from_either_call(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(SECOND, Arrived(SECOND, "dialled", "1002", "1001", "Alice", "PJSIP/1001"))
    await turns()
    assert (await room.desk.find(call_id)).phase is Phase.CONSULTING
    assert (call_id, Watch("second")) in room.telephony.requests
    room.desk.hear(f"{call_id}.x002", LegReady(""))
    room.desk.hear(f"{call_id}.x002", DialAnswered())
    await turns()
    assert (call_id, AnswerLeg("second")) in room.telephony.requests
    room.desk.hear(SECOND, Referred("1002", other=call_id))
    await turns()
    assert (await room.desk.find(call_id)).end_reason is EndReason.TRANSFERRED
    room.desk.hear(SECOND, LegGone("", 16))
    room.desk.hear(call_id, LegGone("", 16))
    assert [call.agent for call in room.desk.live()] == [BOB]
    room.desk.hear(SECOND, LegReady(""))
    assert not room.telephony.discarded, "the phone's next call may have any channel"


async def test_a_call_dialled_on_a_phone_that_has_none_is_left_to_the_dialplan(room: Room) -> None:
    await room.call_in(Phase.RINGING_CUSTOMER)
    room.desk.hear(SECOND, Arrived(SECOND, "dialled", "1002", "1001", "Alice", "PJSIP/1001"))
    room.desk.hear("1750000000.10", Arrived("1750000000.10", "dialled", "1001", "1003", "Carol", "PJSIP/1003"))
    assert room.telephony.left == [SECOND, "1750000000.10"]


async def test_a_second_call_to_somebody_who_cannot_be_called_is_left_to_the_dialplan(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(SECOND, Arrived(SECOND, "dialled", "999", "1001", "Alice", "PJSIP/1001"))
    assert room.telephony.left == [SECOND]
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
