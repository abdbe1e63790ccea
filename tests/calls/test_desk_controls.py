"""The desk while calls last: hang-ups, controls, records, deadlines."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.calls.effects import (
    DestroyBridge,
    HangUpLeg,
    Music,
    Mute,
    RecordBridge,
)
from ctc_ari.calls.inputs import (
    CompleteTransfer,
    LegAnswered,
    LegGone,
    LegReady,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
)
from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.calls.ports import NOT_SENT
from ctc_ari.config import Asterisk
from ctc_ari.errors import (
    AsteriskUnreachable,
    CallFailed,
    CallNotFound,
    CtcError,
    WrongState,
)
from tests.calls.room import CLICK, Opener, Room, consulting, turns

# hanging up


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.RINGING_AGENT, EndReason.CANCELLED),
        (Phase.RINGING_CUSTOMER, EndReason.CANCELLED),
        (Phase.TALKING, EndReason.COMPLETED),
        (Phase.ANNOUNCING, EndReason.CUSTOMER_BUSY),
    ],
)
async def test_hung_up_from_outside_then_channels_go_and_the_bridge_after_them(
    room: Room, phase: Phase, reason: EndReason
) -> None:
    call_id = await room.call_in(phase)
    await room.desk.hang_up(call_id)
    await room.desk.hang_up(call_id)
    await turns()
    assert (await room.desk.find(call_id)).end_reason is reason
    assert not room.desk.live()
    assert HangUpLeg("agent") in [request for _, request in room.telephony.requests]
    assert not room.telephony.asked(DestroyBridge)
    for role in ("agent", "customer"):
        room.tell(call_id, LegGone(role))
    assert room.telephony.asked(DestroyBridge) == [call_id]
    assert room.events(call_id)[-1] == "call.ended"
    assert room.events(call_id).count("call.ended") == 1
    await room.desk.hang_up(call_id)


async def test_hung_up_before_the_row_is_committed_then_nothing_rings(room: Room) -> None:
    room.store.gate = asyncio.Event()
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    (call,) = room.desk.live()
    await room.desk.hang_up(call.id)
    room.store.gate.set()
    with pytest.raises(CallFailed, match="cancelled"):
        await click
    assert not room.telephony.requests
    assert room.store.rows[call.id].end_reason is EndReason.CANCELLED


async def test_hanging_up_what_never_was_is_an_error(room: Room) -> None:
    with pytest.raises(CallNotFound):
        await room.desk.hang_up("ctc-nothing")


# controls


async def test_a_control_needs_a_call_and_a_conversation(room: Room) -> None:
    with pytest.raises(CallNotFound):
        await room.desk.control("ctc-nothing", SetMuted(True))
    call_id = await room.call_in(Phase.RINGING_CUSTOMER)
    for wish in (SetMuted(True), SetHeld(True), SetRecording("on"), SendDtmf("1")):
        with pytest.raises(WrongState):
            await room.desk.control(call_id, wish)
    await room.end(call_id)
    with pytest.raises(WrongState):
        await room.desk.control(call_id, SetMuted(True))
    assert room.controls() == []


async def test_a_control_returns_when_asterisk_has_done_all_of_it(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.hesitates = True
    wish = asyncio.create_task(room.desk.control(call_id, SetHeld(True)))
    await turns()
    assert room.controls() == [Mute("customer", True), Music("customer", True)]
    room.telephony.answer(1)
    await turns()
    assert not wish.done()
    room.telephony.answer(1)
    await wish
    assert (await room.desk.find(call_id)).held


async def test_a_control_that_is_done_already_asks_nothing(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    await room.desk.control(call_id, SetMuted(True))
    await room.desk.control(call_id, SetMuted(True))
    assert room.controls() == [Mute("agent", True)]


@pytest.mark.parametrize(
    ("status", "failure", "held"),
    [(500, CallFailed, False), (NOT_SENT, AsteriskUnreachable, False), (None, AsteriskUnreachable, True)],
)
async def test_a_control_that_failed_says_so_and_the_call_is_as_before_unless_it_may_have_happened(
    room: Room, status: int | None, failure: type[CtcError], held: bool
) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status = {Mute: status, Music: status}
    with pytest.raises(failure):
        await room.desk.control(call_id, SetHeld(True))
    await turns()
    call = await room.desk.find(call_id)
    assert (call.held, call.phase) == (held, Phase.TALKING)
    assert room.events(call_id)[-1] == ("call.held" if held else "call.resumed")


async def test_without_a_connection_nothing_is_begun_and_the_call_is_as_before(room: Room) -> None:
    call_id = await consulting(room)
    before = await room.desk.find(call_id)
    room.telephony.connected = False
    with pytest.raises(AsteriskUnreachable):
        await room.desk.control(call_id, CompleteTransfer())
    assert await room.desk.find(call_id) == before


async def test_half_a_hold_that_failed_is_told_though_the_other_half_worked(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status = {Mute: 500}
    with pytest.raises(CallFailed):
        await room.desk.control(call_id, SetHeld(True))


async def test_a_recording_that_cannot_start_is_off(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status = {RecordBridge: 422}
    with pytest.raises(CallFailed):
        await room.desk.control(call_id, SetRecording("on"))
    assert (await room.desk.find(call_id)).recording == "off"


async def test_whoever_gives_up_waiting_for_a_control_hurts_nobody(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.hesitates = True
    wish = asyncio.create_task(room.desk.control(call_id, SetMuted(True)))
    await turns()
    wish.cancel()
    await turns()
    room.telephony.answer()
    assert (await room.desk.find(call_id)).muted


# records


async def test_what_only_we_know_is_written_at_once_and_the_rest_with_others(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    await room.desk.control(call_id, SetMuted(True))
    await room.end(call_id)
    kept = [(call.phase, urgent) for call, urgent in room.store.saves]
    assert [phase for phase, urgent in kept if urgent] == [
        Phase.RINGING_CUSTOMER,
        Phase.TALKING,
        Phase.TALKING,
        Phase.ENDING,
    ]
    assert (Phase.RINGING_AGENT, False) in kept
    assert (Phase.RINGING_CUSTOMER, False) in kept
    assert Phase.ENDED not in [phase for phase, _ in kept], "that its last channel is gone changes no record"


async def test_listeners_and_the_journal_hear_the_same_in_order(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    await room.end(call_id)
    assert room.events(call_id) == [
        "call.created",
        "call.agent_ringing",
        "call.agent_answered",
        "call.customer_ringing",
        "call.answered",
        "call.ended",
    ]
    assert [happening.seq for happening in room.heard] == [1, 2, 3, 4, 5, 6]
    assert room.store.journal == room.heard


# deadlines


async def test_a_conversation_that_is_too_long_ends_by_the_limit(open_room: Opener) -> None:
    room = open_room(asterisk=Asterisk(max_call_seconds=0))
    call_id = (await room.desk.place(CLICK)).call.id
    for happened in (LegReady("customer"), LegAnswered("agent"), LegAnswered("customer")):
        room.tell(call_id, happened)
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
    await asyncio.sleep(0.01)
    call = await room.desk.find(call_id)
    assert (call.end_reason, call.ended_by) == (EndReason.COMPLETED, "limit")


async def test_a_deadline_that_moved_does_not_fire_at_its_old_time(open_room: Opener) -> None:
    room = open_room(asterisk=Asterisk(max_call_seconds=0))
    call_id = (await room.desk.place(CLICK)).call.id
    for happened in (LegReady("customer"), LegAnswered("agent"), LegAnswered("customer")):
        room.tell(call_id, happened)
    await room.desk.hang_up(call_id)
    await asyncio.sleep(0.01)
    assert (await room.desk.find(call_id)).ended_by == "api"


async def test_a_closed_desk_lets_calls_be(open_room: Opener) -> None:
    room = open_room(asterisk=Asterisk(max_call_seconds=0))
    call_id = (await room.desk.place(CLICK)).call.id
    for happened in (LegReady("customer"), LegAnswered("agent"), LegAnswered("customer")):
        room.tell(call_id, happened)
    room.desk.close()
    await asyncio.sleep(0.01)
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
