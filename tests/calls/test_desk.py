"""The desk on an exchange and a store in memory: double clicks, refusals, hang-ups, controls, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from ctc_ari.calls.commands import CallDesk, PlaceCall, Placed
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.effects import (
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    HangUpLeg,
    Music,
    Mute,
    Originate,
    RecordBridge,
    Request,
)
from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    Input,
    LegAnswered,
    LegGone,
    LegReady,
    LegRinging,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
)
from ctc_ari.calls.model import Agent, Call, Contact, EndReason, LegStage, Phase, bridge_id, channel_id
from ctc_ari.calls.policy import BURST
from ctc_ari.calls.ports import NOT_SENT, CallStore, Happening, Snapshot, Telephony
from ctc_ari.config import Asterisk, Limits
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CallNotFound,
    CtcError,
    DatabaseUnreachable,
    DeviceUnavailable,
    LimitReached,
    WrongState,
)
from tests.calls.builders import ALICE, BOB, NOW, a_call, a_call_in, a_dialling
from tests.calls.fakes import FakeStore, FakeTelephony

NUMBER = "+442079460001"
OTHER = "+442079460002"
CLICK = PlaceCall(ALICE, NUMBER)
GENEROUS = Limits(agent_calls_per_minute=1000, concurrent_calls=100, calls_per_second=1000, duplicate_window=10)


@dataclass
class Room:
    """A desk with its fakes and a clock that a test sets."""

    asterisk: Asterisk = field(default_factory=Asterisk)
    limits: Limits = GENEROUS
    routes: dict[str, str | list[str]] = field(default_factory=dict)
    now: float = NOW

    def __post_init__(self) -> None:
        self.story: list[str] = []
        self.heard: list[Happening] = []
        self.telephony = FakeTelephony(self.story)
        self.store = FakeStore(self.story)
        self.desk = Desk(
            self.telephony,
            self.store,
            asterisk=self.asterisk,
            dialling=a_dialling(self.routes),
            limits=self.limits,
            clock=lambda: self.now,
            listeners=(self.heard.append,),
        )

    async def call_in(self, phase: Phase, command: PlaceCall = CLICK) -> str:
        """Place a call and let it get as far as this phase; its id."""
        call_id = (await self.desk.place(command)).call.id
        await turns()
        ways: dict[Phase, list[Input]] = {
            Phase.RINGING_AGENT: [LegReady("customer"), LegRinging("agent")],
            Phase.RINGING_CUSTOMER: [LegAnswered("agent"), LegRinging("customer")],
            Phase.TALKING: [LegAnswered("customer")],
            Phase.ANNOUNCING: [LegGone("customer", 17, 486)],
        }
        order = [Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER, phase]
        for step in dict.fromkeys(order[: order.index(phase) + 1]):
            for happened in ways[step]:
                self.desk.feed(call_id, happened)
        await turns()
        assert (await self.desk.find(call_id)).phase is phase
        return call_id

    async def end(self, call_id: str) -> None:
        """Hang up, and let both channels go."""
        await self.desk.hang_up(call_id)
        for role in ("agent", "customer"):
            self.desk.feed(call_id, LegGone(role))
        await turns()

    def events(self, call_id: str) -> list[str]:
        return [happening.event for happening in self.heard if happening.call.id == call_id]

    def controls(self) -> list[Request]:
        return [request for _, request in self.telephony.requests if isinstance(request, Mute | Music | RecordBridge)]


async def turns(count: int = 5) -> None:
    """Let the loop go round: what was answered is handled."""
    for _ in range(count):
        await asyncio.sleep(0)


Opener = Callable[..., Room]


@pytest.fixture
async def open_room() -> AsyncIterator[Opener]:
    opened: list[Room] = []

    def build(**settings: Any) -> Room:
        opened.append(Room(**settings))
        return opened[-1]

    yield build
    for room in opened:
        room.desk.close()


@pytest.fixture
async def room(open_room: Opener) -> Room:
    return open_room()


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


async def test_a_joined_click_that_is_given_up_does_not_take_the_first_with_it(room: Room) -> None:
    room.telephony.hesitates = True
    first = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    second = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    second.cancel()
    await turns()
    room.telephony.answer()
    assert (await first).call.live


async def test_a_first_click_that_is_given_up_does_not_take_the_joined_ones_with_it(room: Room) -> None:
    room.telephony.hesitates = True
    first = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    second = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    first.cancel()
    await turns()
    room.telephony.answer()
    assert (await second).call.live


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
    room.desk.feed(call_id, LegAnswered("customer"))
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


async def test_a_row_that_comes_too_late_rings_nothing(room: Room) -> None:
    room.store.gate = asyncio.Event()
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    (call,) = room.desk.live()
    room.desk.feed(call.id, DeadlinePassed())
    room.store.gate.set()
    with pytest.raises(CallFailed):
        await click
    assert not room.telephony.requests
    assert room.store.rows[call.id].end_reason is EndReason.FAILED


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
    room.desk.feed(placed.call.id, LegRinging("agent"))
    assert len(room.telephony.asked(CreateLeg)) == 1, "her ringing is as good as the answer"


async def test_her_phone_declines_before_asterisk_s_answer_then_the_click_still_worked(room: Room) -> None:
    room.telephony.hesitates = True
    click = asyncio.create_task(room.desk.place(CLICK))
    await turns()
    (call,) = room.desk.live()
    room.desk.feed(call.id, LegGone("agent", 21, 603))
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
        room.desk.feed(call_id, LegGone(role))
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
        room.desk.feed(call_id, happened)
    assert (await room.desk.find(call_id)).phase is Phase.TALKING
    await asyncio.sleep(0.01)
    call = await room.desk.find(call_id)
    assert (call.end_reason, call.ended_by) == (EndReason.COMPLETED, "limit")


async def test_a_deadline_that_moved_does_not_fire_at_its_old_time(open_room: Opener) -> None:
    room = open_room(asterisk=Asterisk(max_call_seconds=0))
    call_id = (await room.desk.place(CLICK)).call.id
    for happened in (LegReady("customer"), LegAnswered("agent"), LegAnswered("customer")):
        room.desk.feed(call_id, happened)
    await room.desk.hang_up(call_id)
    await asyncio.sleep(0.01)
    assert (await room.desk.find(call_id)).ended_by == "api"


async def test_a_closed_desk_lets_calls_be(open_room: Opener) -> None:
    room = open_room(asterisk=Asterisk(max_call_seconds=0))
    call_id = (await room.desk.place(CLICK)).call.id
    for happened in (LegReady("customer"), LegAnswered("agent"), LegAnswered("customer")):
        room.desk.feed(call_id, happened)
    room.desk.close()
    await asyncio.sleep(0.01)
    assert (await room.desk.find(call_id)).phase is Phase.TALKING


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
