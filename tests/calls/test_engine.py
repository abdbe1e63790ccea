"""Every pair of the table, and every entry for a channel beside the conversation, on every kind of call."""

from __future__ import annotations

import itertools

import pytest

from ctc_ari.calls import inputs
from ctc_ari.calls.effects import (
    Announce,
    AnswerLeg,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    Effect,
    FindAgent,
    HandOver,
    HangUpLeg,
    Keep,
    LeaveToDialplan,
    Music,
    Mute,
    Originate,
    PlaySound,
    PlayTone,
    PressKeys,
    RecordBridge,
    Refuse,
    Request,
    Spy,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.engine import TABLE, WISHES, begin, handler_of, ignore, refuse, step
from ctc_ari.calls.inputs import (
    CancelTransfer,
    CompleteTransfer,
    Input,
    MoveTo,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    StartTransfer,
    StopSupervising,
    Supervise,
    SwapTransfer,
)
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.sides import SIDES
from tests.calls.builders import CONVERSATIONS, NOW, a_call, an_inbound_call
from tests.calls.scenario import effect_words
from tests.calls.situations import calls_in, inputs_of, is_about

#: What may be done for a channel beside the conversation, and for the phone's own keys.
BESIDE: set[type[Effect]] = {Originate, Spy, CreateBridge, DestroyBridge, BridgeLegs, HangUpLeg, Announce, Refuse}
BESIDE |= {Watch, TellPhone}
HEARD: set[type[Effect]] = {StartRingback, StopRingback, Music, Mute, PlaySound, UnbridgeLegs, RecordBridge, PressKeys}
#: The effects that may come with the arrival, or the stay, in each phase; `HangUpLeg` also releases former channels.
LEGAL: dict[Phase, set[type[Effect]]] = {
    Phase.PLACING: set(),
    Phase.OFFERED: {Originate, CreateBridge, StartRingback, FindAgent, HangUpLeg, Watch, Announce, Refuse},
    Phase.RINGING_AGENT: {Originate, CreateBridge, CreateLeg, HangUpLeg, Announce, Refuse},
    Phase.RINGING_CUSTOMER: BESIDE | {CreateLeg, DialLeg, StartRingback},
    Phase.TALKING: BESIDE | HEARD | {AnswerLeg, Keep},
    Phase.TRANSFERRING: BESIDE | HEARD | {CreateLeg, DialLeg},
    Phase.CONSULTING: BESIDE | HEARD | {CreateLeg, DialLeg, AnswerLeg},
    Phase.RECALLING: BESIDE | HEARD,
    Phase.ANNOUNCING: {HangUpLeg, StopRingback, PlayTone, PlaySound, AnswerLeg, Keep, Watch},
    Phase.ENDING: {HangUpLeg, Announce},
    Phase.ENDED: {DestroyBridge, Announce, HangUpLeg, LeaveToDialplan},
}
#: What else hands a call over to its successor.
HANDING_OVER: set[type[Effect]] = {HandOver, BridgeLegs, StopRingback, Music, RecordBridge, TellPhone, DestroyBridge}
#: A second call that comes at a bad time is turned away.
TURNED_AWAY: set[type[Effect]] = {Watch, HangUpLeg, TellPhone}

FORWARD = (Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER, Phase.TALKING, Phase.ANNOUNCING, Phase.ENDING)
#: Which phases may follow which; only transfers lead back.
NEXT: dict[Phase, set[Phase]] = {
    Phase.PLACING: {*FORWARD, Phase.OFFERED},
    Phase.OFFERED: {Phase.TALKING, Phase.ANNOUNCING, Phase.ENDING},
    **{phase: {*FORWARD[place + 1 :]} for place, phase in enumerate(FORWARD)},
    Phase.TALKING: {Phase.TRANSFERRING, Phase.CONSULTING, Phase.RECALLING, Phase.ENDING},
    Phase.TRANSFERRING: {Phase.TALKING, Phase.RECALLING, Phase.ENDING},
    Phase.CONSULTING: {Phase.TALKING, Phase.TRANSFERRING, Phase.RECALLING, Phase.ENDING},
    Phase.RECALLING: {Phase.TALKING, Phase.ENDING},
    Phase.ENDING: {Phase.ENDED},
    Phase.ENDED: set(),
}
#: What may be asked for, and when; at any other time it is refused.
WHEN: dict[type[Input], set[Phase]] = {
    SetMuted: {Phase.TALKING, Phase.CONSULTING},
    SetHeld: {Phase.TALKING},
    SetRecording: {Phase.TALKING, Phase.CONSULTING},
    SendDtmf: {Phase.TALKING, Phase.CONSULTING},
    StartTransfer: {Phase.TALKING, Phase.TRANSFERRING, Phase.CONSULTING, Phase.RECALLING},
    CompleteTransfer: {Phase.CONSULTING},
    CancelTransfer: {Phase.TRANSFERRING, Phase.CONSULTING},
    SwapTransfer: {Phase.CONSULTING},
    MoveTo: {*CONVERSATIONS, Phase.OFFERED, Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER} - {Phase.TRANSFERRING},
    Supervise: {Phase.TALKING, Phase.CONSULTING},
    StopSupervising: {*CONVERSATIONS},
}


def test_the_table_has_every_phase_and_every_input() -> None:
    kinds = {getattr(inputs, name) for name in inputs.__all__} - {Input}
    assert set(TABLE) == set(itertools.product(Phase, kinds))
    heard = {phase for phase, kind in TABLE if TABLE[phase, kind] not in (ignore, refuse)}
    assert heard == set(Phase) - {Phase.ENDED}
    assert set(WHEN) == set(WISHES)
    for kind, phases in WHEN.items():
        assert {phase for phase in Phase if TABLE[phase, kind] is refuse} == set(Phase) - phases


def test_every_kind_of_channel_beside_the_conversation_has_an_entry_for_whatever_is_about_it() -> None:
    kinds = {kind for kind in {kind for _, kind in TABLE} if "role" in kind.__struct_fields__}
    about = kinds | {inputs.RequestFailed}
    assert set(SIDES) == set(itertools.product(("device", "supervisor", "spy", "former"), about))


@pytest.mark.parametrize(("phase", "kind"), TABLE, ids=lambda key: key if isinstance(key, str) else key.__name__)
def test_every_input_in_every_phase_leads_to_a_whole_call_and_legal_effects(phase: Phase, kind: type[Input]) -> None:
    for call, happened in itertools.product(calls_in(phase), inputs_of(kind)):
        if not is_about(call, happened):
            continue
        assert_whole(call, call, f"{call}")
        after, effects = step(call, happened, NOW + 5)
        told = f"{call}\n{happened}\n-> {after}\n{effect_words(effects)}"
        assert after.phase is phase or after.phase in NEXT[phase] | _through_ending(phase), told
        assert_whole(call, after, told)
        assert_legal(call, happened, after, effects, told)
        if handler_of(call, happened) in (ignore, refuse):
            assert (after, effects) == (call, ()), told


def _through_ending(phase: Phase) -> set[Phase]:
    """With no channel left, the end is reached at once."""
    return {Phase.ENDED} if Phase.ENDING in NEXT[phase] else set()


def assert_whole(before: Call, after: Call, told: str) -> None:
    """What holds for every call after every step."""
    assert (after.deadline is None) == (after.phase is Phase.ENDED), told
    assert (after.ended_at is not None) == (after.end_reason is not None and not after.live), told
    if after.phase in (Phase.ANNOUNCING, Phase.ENDING, Phase.ENDED):
        assert after.end_reason is not None, told
        assert after.ended_by is not None, told
    else:
        assert after.end_reason is None, told
    if before.end_reason is not None:
        assert (after.end_reason, after.ended_by) == (before.end_reason, before.ended_by), told
    if after.phase in CONVERSATIONS:
        assert after.customer_leg.stage is LegStage.UP, told
        assert after.answered_at is not None, told
        assert after.agent_answered_at is not None, told
    if after.phase in (Phase.TALKING, Phase.CONSULTING):
        assert after.agent_leg.stage is LegStage.UP, told
    if after.phase is Phase.RECALLING:
        assert after.agent_leg.stage in (LegStage.DIALING, LegStage.RINGING), told
    if after.phase is Phase.ENDED:
        assert not any(leg.exists for _, leg in after.legs), told
    assert_transfers_whole(before, after, told)
    assert_others_whole(after, told)
    for name in ("created_at", "agent_answered_at", "answered_at", "ended_at"):
        known = getattr(before, name)
        assert known is None or getattr(after, name) == known, told


def assert_transfers_whole(before: Call, after: Call, told: str) -> None:
    under_way = [transfer for transfer in after.transfers if transfer.open]
    assert bool(under_way) == (after.phase in (Phase.TRANSFERRING, Phase.CONSULTING)), told
    assert under_way in ([], [after.transfer]), told
    assert all((transfer.ended_at is None) == transfer.open for transfer in after.transfers), told
    assert len({transfer.id for transfer in after.transfers}) == len(after.transfers), told
    assert after.transfers[: len(before.transfers) - 1] == before.transfers[:-1], told
    if under_way:
        assert after.leg("target").exists, told
        assert (under_way[0].state == "talking") == (after.leg("target").stage is LegStage.UP), told
        assert under_way[0].parked == (after.leg("target").stage is not LegStage.CREATING), told
    elif after.live:
        assert not after.leg("target").exists, told
        assert not after.leg("second").exists, told


def assert_others_whole(after: Call, told: str) -> None:
    channels = [leg.channel for _, leg in after.legs if leg.channel]
    assert len(set(channels)) == len(channels), told
    roles = [leg.role for leg in after.others]
    assert len(set(roles)) == len(roles), told
    assert all(roles), told
    if after.live and after.phase is not Phase.ANNOUNCING:
        assert (after.moving_to is not None) == after.leg("device").exists, told
        assert {f"supervisor:{supervisor.id}" for supervisor in after.supervisors} == {
            role for role in roles if role.startswith("supervisor:")
        }, told
    if after.live:
        assert after.phase is Phase.OFFERED or not [role for role in roles if role.startswith("offer:")], told


def assert_legal(before: Call, happened: Input, after: Call, effects: tuple[Effect, ...], told: str) -> None:
    """Nothing is asked for that this moment does not allow."""
    ended = Announce("call.ended") in effects
    assert ended == (before.live and not after.live), told
    allowed = LEGAL[after.phase] | TURNED_AWAY
    if before.phase is Phase.PLACING:
        allowed = allowed | {LeaveToDialplan}
    if after.end_reason is EndReason.TRANSFERRED:
        allowed = allowed | HANDING_OVER
    if not isinstance(happened, inputs.Observed):
        #: What was missed is told in one go, and some of it cancels out.
        assert {type(effect) for effect in effects} <= allowed, told
        for effect in effects:
            assert_effect(before, after, effect, told)
        requests = [effect for effect in effects if isinstance(effect, Request)]
        assert len(set(requests)) == len(requests), told
    if after.phase is Phase.ENDING and before.phase is not Phase.ENDING:
        hung_up = {effect.role for effect in effects if isinstance(effect, HangUpLeg)}
        assert {role for role, leg in after.legs if leg.exists} <= hung_up, told
    if after.phase is Phase.ENDED and before.phase is not Phase.ENDED and after.bridge:
        assert DestroyBridge() in effects, told


def assert_effect(before: Call, after: Call, effect: Effect, told: str) -> None:
    match effect:
        case Originate(role=role) | DialLeg(role=role):
            assert after.stored, told
            assert before.leg(role).stage in (LegStage.ABSENT, LegStage.CREATING, LegStage.READY, LegStage.GONE) or (
                before.leg(role).channel != after.leg(role).channel
            ), told
            assert after.leg(role).stage is LegStage.DIALING, told
        case CreateLeg("agent"):
            raise AssertionError(told)
        case CreateLeg(role):
            assert before.leg(role).stage in (LegStage.ABSENT, LegStage.CREATING, LegStage.GONE), told
            assert after.leg(role).stage is LegStage.CREATING, told
        case HangUpLeg(role):
            assert after.leg(role).exists or role.startswith("former:"), told
            assert role.startswith("former:") or after.phase in (Phase.ANNOUNCING, Phase.ENDING), told
        case DestroyBridge(0):
            assert after.phase is Phase.ENDED, told
            assert after.bridge, told
        case BridgeLegs(roles, 0) if after.live:
            assert all(after.leg(role).exists for role in roles), told
        case UnbridgeLegs(roles):
            assert all(before.leg(role).exists for role in roles), told
        case Refuse() | FindAgent():
            assert after.live, told
        case HandOver(successor, together):
            assert {type(done) for done in together} <= {StopRingback, Music, BridgeLegs}, told
            assert all(successor.leg(role).exists for role in ("agent", "customer")), told
            assert_handed_over(before, after, successor, told)


def assert_handed_over(before: Call, after: Call, successor: Call, told: str) -> None:
    """The two who go on are the successor's alone."""
    assert (after.end_reason, after.transfers[-1].state) == (EndReason.TRANSFERRED, "completed"), told
    channels = {leg.channel for _, leg in successor.legs}
    assert channels == {before.customer_leg.channel, before.leg("target").channel}, told
    assert not channels & {leg.channel for _, leg in after.legs if leg.exists}, told
    assert (successor.id, successor.bridge_id) == (before.transfers[-1].successor, before.bridge_id), told
    assert not after.bridge, told
    assert_whole(successor, successor, told)


def test_beginning_asks_nothing_of_asterisk() -> None:
    call, effects = begin(a_call(), NOW)
    assert effects == (Announce("call.created"),)
    assert call.phase is Phase.PLACING
    assert call.deadline == NOW + 5


def test_a_caller_s_beginning_asks_only_to_be_told_when_he_gives_up() -> None:
    call, effects = begin(an_inbound_call(), NOW)
    assert effects == (Watch("customer"), Announce("call.created"))
    assert (call.phase, call.deadline) == (Phase.PLACING, NOW + 5)
