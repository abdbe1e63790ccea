"""The desk with callers, other devices and supervisors, and when it comes back to all of them."""

from __future__ import annotations

import pytest

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.effects import (
    HangUpLeg,
    Originate,
    PlaySound,
)
from ctc_ari.calls.ids import bridge_id
from ctc_ari.calls.inputs import (
    CompleteTransfer,
    LegAnswered,
    LegGone,
    Supervise,
)
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.calls.ports import Arrived, Snapshot
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    DatabaseUnreachable,
)
from tests.calls.builders import ALICE, BOB, CAROL, DID
from tests.calls.room import OTHER, Opener, Room, consulting, turns

# devices and supervisors


async def test_a_move_to_a_phone_that_is_not_registered_is_refused_and_the_call_stays(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status[Originate] = 500
    with pytest.raises(AgentOffline):
        await room.desk.move(call_id, "web")
    await turns()
    call = await room.desk.find(call_id)
    assert (call.device, call.moving_to, call.phase) == ("desk", None, Phase.TALKING)


async def test_once_the_other_device_answers_its_channel_is_the_agent_s(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    assert (await room.desk.move(call_id, "web")).moving_to == "web"
    room.desk.hear(f"{call_id}.x001", LegAnswered(""))
    room.desk.hear(call_id, LegGone("", 16))
    await turns()
    call = await room.desk.find(call_id)
    assert (call.device, call.agent_leg.channel, call.phase) == ("web", f"{call_id}.x001", Phase.TALKING)
    room.desk.hear(f"{call_id}.x001", LegGone("", 16))
    assert (await room.desk.find(call_id)).ended_by == "agent"


async def test_a_supervisor_who_has_a_call_is_busy_and_each_has_an_id(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    await room.call_in(Phase.TALKING, PlaceCall(BOB, OTHER))
    with pytest.raises(AgentBusy):
        await room.desk.supervise(call_id, BOB, "listen")
    call, name = await room.desk.supervise(call_id, CAROL, "listen")
    assert [supervisor.id for supervisor in call.supervisors] == [name]
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(CAROL, OTHER))
    await room.desk.control(call_id, Supervise(name, CAROL, "", "barge"))
    assert (await room.desk.find(call_id)).supervisors[0].mode == "barge"


async def test_a_supervisor_whose_phone_is_not_registered_is_offline(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    room.telephony.status[Originate] = 500
    with pytest.raises(AgentOffline):
        await room.desk.supervise(call_id, CAROL, "listen")
    await turns()
    assert (await room.desk.find(call_id)).supervisors == ()


# callers


def caller(number: int, dialled: str = DID) -> Arrived:
    return Arrived(f"1750000000.{number}", "inbound", dialled, "447700900123", "Grace", "PJSIP/trunk")


async def arrives(room: Room, number: int, dialled: str = DID) -> None:
    arrived = caller(number, dialled)
    room.desk.hear(arrived.channel, arrived)
    await turns()


def rung(room: Room) -> list[str]:
    return [endpoint for call in room.desk.live() for endpoint in (leg.endpoint for leg in call.others)]


async def test_a_caller_rings_all_devices_of_the_first_and_the_row_comes_before(open_room: Opener) -> None:
    room = open_room(routes={DID: ["alice@example.com", "bob@example.com"]})
    await arrives(room, 1)
    (call,) = room.desk.live()
    assert (call.direction, call.number, call.did, call.agent) == ("inbound", "+447700900123", DID, ALICE)
    assert rung(room) == ["PJSIP/1001", "PJSIP/web-1001"]
    assert room.story[:3] == ["Watch", "committed", "Originate"]
    assert room.events(call.id) == ["call.created", "call.offered"]
    assert room.heard[-1].audience == ("alice@example.com",)


async def test_the_caller_s_channel_is_known_by_the_name_asterisk_gave_it(open_room: Opener) -> None:
    room = open_room(routes={DID: "alice@example.com"})
    await arrives(room, 1)
    (call,) = room.desk.live()
    room.desk.hear(f"{call.id}.x001", LegAnswered(""))
    assert (await room.desk.find(call.id)).phase is Phase.TALKING
    room.desk.hear("1750000000.1", LegGone("", 16))
    assert (await room.desk.find(call.id)).ended_by == "customer"


async def test_who_is_rung_by_a_click_is_not_rung_by_a_caller(open_room: Opener) -> None:
    room = open_room(routes={DID: ["alice@example.com", "bob@example.com"]})
    await room.call_in(Phase.RINGING_AGENT)
    await arrives(room, 1)
    assert rung(room) == ["PJSIP/1002", "PJSIP/web-1002"]


async def test_who_is_rung_by_a_caller_is_not_rung_by_a_click_nor_a_transfer(open_room: Opener) -> None:
    room = open_room(routes={DID: "alice@example.com"})
    await arrives(room, 1)
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(ALICE, OTHER))
    call_id = await room.call_in(Phase.TALKING, PlaceCall(BOB, OTHER))
    with pytest.raises(AgentBusy):
        await room.desk.transfer(call_id, "alice@example.com", "blind")


async def test_two_callers_at_once_ring_two_agents_and_the_third_is_told_that_all_are_busy(open_room: Opener) -> None:
    room = open_room(routes={DID: ["alice@example.com", "bob@example.com"]})
    for number in (1, 2, 3):
        room.desk.hear(f"1750000000.{number}", caller(number))
    await turns(10)
    assert [call.agent for call in room.desk.live() if call.phase is Phase.OFFERED] == [ALICE, BOB]
    (told,) = [call for call in room.desk.live() if call.phase is Phase.ANNOUNCING]
    assert told.end_reason is EndReason.AGENT_BUSY
    assert room.telephony.asked(PlaySound) == [told.id]


async def test_whoever_was_offered_a_call_that_went_to_the_next_is_free(open_room: Opener) -> None:
    room = open_room(routes={DID: ["alice@example.com", "bob@example.com"]})
    await arrives(room, 1)
    (call,) = room.desk.live()
    await room.desk.hang_up(call.id)
    await turns()
    assert (await room.desk.find(call.id)).agent == BOB
    assert (await room.desk.place(PlaceCall(ALICE, OTHER))).call.live
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(BOB, OTHER))


async def test_a_declined_caller_can_be_called_back_while_he_hears_that_nobody_is_there(open_room: Opener) -> None:
    room = open_room(routes={DID: "alice@example.com"})
    await arrives(room, 1)
    (declined,) = room.desk.live()
    await room.desk.hang_up(declined.id)
    await turns()
    assert (await room.desk.find(declined.id)).phase is Phase.ANNOUNCING
    placed = await room.desk.place(PlaceCall(ALICE, declined.number))
    assert (placed.duplicate, placed.call.direction) == (False, "outbound")


async def test_a_route_skips_whom_nobody_knows_and_rings_extensions(open_room: Opener) -> None:
    room = open_room(routes={DID: ["nobody@example.com", "2000"]})
    await arrives(room, 1)
    assert rung(room) == ["PJSIP/2000"]


async def test_a_number_without_a_route_and_a_caller_without_a_database_are_left_to_the_dialplan(
    open_room: Opener,
) -> None:
    room = open_room(routes={DID: "alice@example.com"})
    await arrives(room, 1, "+442079460199")
    room.store.writable = False
    await arrives(room, 2)
    room.store.writable, room.store.failure = True, DatabaseUnreachable()
    await arrives(room, 3)
    assert room.telephony.left == ["1750000000.1", "1750000000.2"]
    assert [request for _, request in room.telephony.requests if type(request).__name__ == "LeaveToDialplan"]
    assert not room.telephony.asked(Originate)
    assert not room.desk.live()


# coming back


async def test_callers_whom_nobody_knows_are_left_to_the_dialplan_and_parts_of_ours_are_removed(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    known = {call_id: LegStage.UP, f"{call_id}.c": LegStage.UP}
    strays = {f"{call_id}.x009": LegStage.UP, "1750000000.7": LegStage.DIALING}
    bridges = {bridge_id(call_id): frozenset(known), f"{call_id}.y003": frozenset[str]()}
    room.desk.reconcile(Snapshot("pbx1", "once", known | strays, bridges))
    assert sorted(room.telephony.discarded) == [f"{call_id}.x009", f"{call_id}.y003"]
    assert room.telephony.left == ["1750000000.7"]
    assert [call.id for call in room.desk.live()] == [call_id]


async def test_while_the_first_agent_s_channel_goes_a_reconnect_takes_nothing_from_the_successor(room: Room) -> None:
    call_id = await consulting(room)
    await room.desk.control(call_id, CompleteTransfer())
    await turns()
    (successor,) = room.desk.live()
    both = {f"{call_id}.c": LegStage.UP, f"{call_id}.x001": LegStage.UP}
    before = len(room.telephony.requests)
    bridges = {bridge_id(call_id): frozenset(both)}
    room.desk.reconcile(Snapshot("pbx1", "once", both | {call_id: LegStage.UP}, bridges))
    await turns()
    asked = [(at, request) for at, request in room.telephony.requests[before:] if at == call_id]
    assert asked == [(call_id, HangUpLeg("agent"))]
    assert not room.telephony.discarded
    assert [call.id for call in room.desk.live()] == [successor.id]


async def test_a_service_killed_between_the_two_rows_does_not_begin_the_successor_again(
    open_room: Opener,
) -> None:
    first, second = open_room(), open_room()
    call_id = await consulting(first)
    before = first.store.rows[call_id]
    await first.desk.control(call_id, CompleteTransfer())
    await turns()
    (successor,) = first.desk.live()
    second.store.live = [(before, 6), (first.store.rows[successor.id], 2)]
    await second.desk.load()
    both = {f"{call_id}.c": LegStage.UP, f"{call_id}.x001": LegStage.UP}
    bridges = {bridge_id(call_id): frozenset(both)}
    second.desk.reconcile(Snapshot("pbx1", "once", both, bridges))
    await turns()
    assert [call.id for call in second.desk.live()] == [successor.id]
    assert second.events(successor.id) == [], "it began long ago"
    assert second.events(call_id) == ["call.transfer_completed", "call.ended"]
    assert not second.telephony.asked(HangUpLeg)
