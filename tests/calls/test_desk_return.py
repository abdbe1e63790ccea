"""The desk after a restart or a lost connection, and after mistakes of ours."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from ctc_ari.calls import desk
from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.effects import BridgeLegs, CreateBridge, CreateLeg, Request, Watch
from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.inputs import (
    CompleteTransfer,
    Input,
    LegAnswered,
    LegGone,
    LegReady,
)
from ctc_ari.calls.model import Agent, Call, EndReason, LegStage, Phase, bridge_id, channel_id
from ctc_ari.calls.ports import NOT_SENT, Arrived, Left, Snapshot
from ctc_ari.errors import AgentBusy, AsteriskUnreachable
from tests.calls.builders import ALICE, BOB, NOW, a_call_in
from tests.calls.room import CLICK, NUMBER, OTHER, Room, consulting, turns

#: A call that an agent dialled on her own phone.
SECOND = "1750000000.9"

# coming back


def talking_in(*call_ids: str) -> Snapshot:
    """Both sides of these calls, in their bridge."""
    pairs = {call_id: (channel_id(call_id, "agent"), channel_id(call_id, "customer")) for call_id in call_ids}
    return Snapshot(
        "pbx1",
        "once",
        {channel: LegStage.UP for pair in pairs.values() for channel in pair},
        {bridge_id(call_id): frozenset(pair) for call_id, pair in pairs.items()},
    )


def left_behind(call_id: str, agent: Agent, **changes: Any) -> Call:
    """A conversation in the database of a service that was killed."""
    call = a_call_in(Phase.TALKING)
    return replace(
        call,
        id=call_id,
        agent=agent,
        agent_leg=replace(call.agent_leg, channel=channel_id(call_id, "agent")),
        customer_leg=replace(call.customer_leg, channel=channel_id(call_id, "customer")),
        **changes,
    )


async def test_after_a_restart_calls_that_are_still_there_go_on_and_the_journal_too(room: Room) -> None:
    stays, goes = new_call_id("ctc", NOW), new_call_id("ctc", NOW)
    room.store.live = [(left_behind(stays, ALICE), 4), (left_behind(goes, BOB), 5)]
    await room.desk.load()
    assert len(room.desk.live()) == 2
    room.desk.reconcile(talking_in(stays))
    await turns()
    assert [call.id for call in room.desk.live()] == [stays]
    assert [(happening.event, happening.seq) for happening in room.heard] == [("call.ended", 6)]
    await room.end(stays)
    assert (room.heard[-1].event, room.heard[-1].seq) == ("call.ended", 5)
    assert {row.end_reason for row in room.store.rows.values()} == {EndReason.COMPLETED}


async def test_after_a_restart_her_agent_is_busy_and_a_double_click_is_the_same_call(room: Room) -> None:
    talks, ended = new_call_id("ctc", NOW), new_call_id("ctc", NOW)
    room.store.live = [(left_behind(talks, ALICE), 4)]
    room.store.rows[ended] = replace(a_call_in(Phase.ENDED), id=ended, agent=BOB)
    await room.desk.load()
    assert (await room.desk.place(CLICK)).call.id == talks
    assert (await room.desk.place(PlaceCall(BOB, NUMBER))).call.id == ended
    with pytest.raises(AgentBusy):
        await room.desk.place(PlaceCall(ALICE, OTHER))
    assert not room.telephony.requests


async def test_another_node_s_calls_are_not_ours(room: Room) -> None:
    room.store.live = [(left_behind("ctc-other", ALICE, node="pbx2"), 4)]
    await room.desk.load()
    assert not room.desk.live()


async def test_channels_of_no_call_are_discarded(room: Room) -> None:
    call_id = await room.call_in(Phase.TALKING)
    stray = new_call_id("ctc", NOW)
    room.desk.reconcile(talking_in(call_id, stray))
    assert room.telephony.discarded == [stray, f"{stray}.c", f"{stray}.b"]
    assert [call.id for call in room.desk.live()] == [call_id]


async def test_a_channel_that_comes_too_late_is_discarded_if_it_is_ours(room: Room) -> None:
    late = new_call_id("ctc", NOW)
    call_id = await room.call_in(Phase.TALKING)
    for channel in (late, f"{late}.c", f"{call_id}.x007"):
        room.desk.hear(channel, LegReady(""))
    room.desk.hear("somebody-else", LegReady(""))
    room.desk.hear(new_call_id("ctc", NOW), LegGone(""))
    assert room.telephony.discarded == [late, f"{late}.c", f"{call_id}.x007"]


async def test_a_deadline_that_passed_while_we_were_away_fires_after_the_comparison(room: Room) -> None:
    call_id = new_call_id("ctc", NOW)
    room.store.live = [(left_behind(call_id, ALICE, deadline=NOW - 60), 4)]
    await room.desk.load()
    await asyncio.sleep(0.01)
    assert room.desk.live(), "not before we know what Asterisk has"
    room.desk.reconcile(talking_in(call_id))
    await asyncio.sleep(0.01)
    assert (await room.desk.find(call_id)).ended_by == "limit"


# mistakes of ours


class Nonsense(Input, frozen=True):
    """An input that no table has."""


async def test_a_mistake_in_one_call_hurts_neither_another_nor_its_own_next_input(room: Room) -> None:
    hurt = await room.call_in(Phase.RINGING_CUSTOMER)
    other = await room.call_in(Phase.RINGING_CUSTOMER, PlaceCall(BOB, OTHER))
    with capture_logs() as logs:
        room.desk.feed(hurt, Nonsense())
    assert [(entry["event"], entry["call"]) for entry in logs] == [("engine failed", hurt)]
    for call_id in (other, hurt):
        room.desk.feed(call_id, LegAnswered("customer"))
        assert (await room.desk.find(call_id)).phase is Phase.TALKING


@pytest.mark.parametrize("asked", [CreateBridge, CreateLeg, BridgeLegs])
async def test_a_connection_that_is_lost_at_any_moment_of_a_call_s_beginning_ends_nothing(
    room: Room, asked: type[Request]
) -> None:
    room.telephony.status = {asked: NOT_SENT}
    call_id = (await room.desk.place(CLICK)).call.id
    await turns()
    room.desk.hear(channel_id(call_id, "agent"), LegAnswered(""))
    await turns()
    assert (await room.desk.find(call_id)).live


async def test_a_connection_that_is_lost_while_a_transfer_is_completed_ends_nothing(room: Room) -> None:
    call_id = await consulting(room)
    room.telephony.status = {BridgeLegs: NOT_SENT}
    with pytest.raises(AsteriskUnreachable):
        await room.desk.control(call_id, CompleteTransfer())
    await turns()
    assert [call.phase for call in room.desk.live()] == [Phase.TALKING]


async def test_nothing_is_watched_that_is_gone(room: Room) -> None:
    """Asterisk takes the name of no channel for all there are, and forgets the others with the next connection."""
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(SECOND, Arrived(SECOND, "dialled", "1002", "1001", "Alice", "PJSIP/1001"))
    await turns()
    assert (await room.desk.find(call_id)).phase is Phase.CONSULTING
    room.telephony.requests.clear()
    room.desk.reconcile(talking_in(call_id))
    await turns()
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
    assert not room.telephony.asked(Watch)


# what Asterisk does not say


@pytest.mark.parametrize("gone", ["agent", "customer"])
async def test_one_who_left_is_gone_though_asterisk_never_says_so(
    room: Room, monkeypatch: pytest.MonkeyPatch, gone: Literal["agent", "customer"]
) -> None:
    monkeypatch.setattr(desk, "GONE_SECONDS", 0.0)
    call_id = await room.call_in(Phase.TALKING)
    room.desk.hear(channel_id(call_id, gone), Left())
    await turns()
    call = await room.desk.find(call_id)
    assert (call.phase, call.end_reason, call.ended_by) == (Phase.ENDING, EndReason.COMPLETED, gone)


async def test_one_who_left_and_is_said_to_be_gone_counts_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "GONE_SECONDS", 0.0)
    call_id = await consulting(room)
    target = f"{call_id}.x001"
    room.desk.hear(target, Left())
    room.desk.hear(target, LegGone("", 16))
    await turns()
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
