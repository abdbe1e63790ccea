"""The one place where calls are decided: `step(call, input, now) -> (call, effects)`, pure and in one table.

    placing ── row committed ──────────────> ringing_agent ── agent answers ──> ringing_customer ── answers ──> talking
       │                                        │                                   │  │                         │
       │                                        │              busy, rejected, … ───┘  └── agent hangs up ──┐    │
       │                                        │              announcing ── tone over ──────────────────┐  │    │
       └────────────────────────────────────────┴───────────────> ending ── no channel left ──> ended <──┴──┴────┘

What a phone's final answer means is RFC 3261 section 21 and, where no SIP status is known, Q.850.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from msgspec.structs import replace

from ctc_ari.calls import again, inbound, outbound, recall, referral, transfer
from ctc_ari.calls.controls import (
    control_failed,
    held_by_phone,
    phone_hold_noted,
    send_dtmf,
    set_held,
    set_muted,
    set_recording,
)
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    Effect,
    HangUpLeg,
    PlaySound,
    PlayTone,
    Watch,
)
from ctc_ari.calls.inbound import begin_inbound
from ctc_ari.calls.inputs import (
    AgentFound,
    CancelTransfer,
    CompleteTransfer,
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegHeld,
    LegReady,
    LegRinging,
    MoveTo,
    NobodyFound,
    Observed,
    PhoneJoins,
    PhoneTransfers,
    RequestFailed,
    SecondCall,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    ShowCallerId,
    StartTransfer,
    StopSupervising,
    Stored,
    StoreFailed,
    Supervise,
    SwapTransfer,
)
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, EndedBy, EndReason, Phase
from ctc_ari.calls.resume import dialled_already, is_beside, missed, reassert, resume, watch_again
from ctc_ari.calls.sides import SIDES, move_to, release_sides, side_of, spy_again, stop_supervising, supervise
from ctc_ari.calls.steps import (
    CLEANUP_RETRY,
    PLACING_SECONDS,
    RINGING_GRACE,
    Handler,
    Step,
    clean_up,
    end,
    ignore,
    refuse,
    stage,
)

__all__ = ["TABLE", "WISHES", "begin", "handler_of", "ignore", "refuse", "step"]


def begin(call: Call, now: float) -> Step:
    """The first step of a call, before its row is committed."""
    if call.direction == "inbound":
        return begin_inbound(call, now)
    return replace(call, deadline=now + PLACING_SECONDS), (Announce("call.created"),)


def step(call: Call, happened: Input, now: float) -> Step:
    """The call after this input, and what is to be done; `now` is Unix time in seconds."""
    after, effects = handler_of(call, happened)(call, happened, now)
    if after.supervisors and after.partner is not None and after.partner != call.partner:
        after, anew = spy_again(after)
        effects = (*effects, *anew)
    if isinstance(happened, Observed) and call.live and not after.interrupted:
        after = replace(after, interrupted=True)
    if after.customer_waits is not call.customer_waits:
        after = _count_waiting(after, now)
    return after, effects


def _count_waiting(call: Call, now: float) -> Call:
    """How long the customer had nobody to talk with."""
    if call.customer_waits:
        return replace(call, waiting_since=now)
    since = now if call.waiting_since is None else call.waiting_since
    #: A clock that is set back takes nothing away.
    return replace(call, waited=call.waited + max(0.0, now - since), waiting_since=None)


def handler_of(call: Call, happened: Input) -> Handler:
    """What deals with it: the table's entry, or that of `SIDES` for a channel beside the conversation."""
    match happened:
        case RequestFailed(Watch(), 422):
            #: "Event source does not exist" (Asterisk 22.10.1).
            return _gone_unwatched
    if call.others and call.live and (side := side_of(happened)):
        return SIDES[side, type(happened)]
    return TABLE[call.phase, type(happened)]


def _gone_unwatched(call: Call, failed: RequestFailed, now: float) -> Step:
    """It was gone before we could ask to be told of that."""
    role: Role = getattr(failed.request, "role", "")
    return step(call, LegGone(role), now) if call.leg(role).exists else (call, ())


# talking


def _conversation_over(call: Call, gone: LegGone, now: float) -> Step:
    if gone.role == "agent" and (recalled := recall.phone_gave_up(call, now)):
        return recalled
    by: EndedBy = "agent" if gone.role == "agent" else "customer"
    return end(stage(call, gone.role, LegStage.GONE), EndReason.COMPLETED, by, now)


def _talking_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    undone = control_failed(call, failed)
    if undone is not None:
        #: Without an answer the wish may have come true: it stands.
        return (call, ()) if failed.status is None else undone
    match failed.request, failed.status:
        case ((CreateBridge() | BridgeLegs()), int(status)) if status not in (400, 409):
            #: 404 is "Bridge not found": they would never hear each other.
            return end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def _hung_up(call: Call, hang_up: HangUp, now: float) -> Step:
    return end(call, EndReason.COMPLETED, hang_up.by, now)


def _too_long(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return end(call, EndReason.COMPLETED, "limit", now)


# announcing: the reason stands, and whoever waited hears it


def _listener_gone(call: Call, gone: LegGone, now: float) -> Step:
    call = stage(call, gone.role, LegStage.GONE)
    listener = "customer" if call.direction == "inbound" else "agent"
    return _release(call, gone, now) if gone.role == listener else (call, ())


def _announcing_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case ((PlayTone() | PlaySound()), int()):
            return _release(call, failed, now)
        case HangUpLeg("customer"), 404:
            return stage(call, "customer", LegStage.GONE), ()
        case _:
            return call, ()


def _release(call: Call, _happened: Input, now: float) -> Step:
    return end(call, call.end_reason or EndReason.FAILED, call.ended_by or "system", now)


# ending: the outcome is final, what is left over goes


def _last_leg(call: Call, gone: LegGone, _now: float) -> Step:
    call = stage(call, gone.role, LegStage.GONE)
    if any(leg.exists for _, leg in call.legs):
        return call, ()
    return clean_up(call)


def _came_too_late(call: Call, late: LegReady | LegRinging | LegAnswered, _now: float) -> Step:
    """A channel thought gone exists: its creation was carried out late."""
    if call.leg(late.role).exists:
        return call, ()
    return stage(call, late.role, LegStage.READY), (HangUpLeg(late.role),)


def _ending_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case HangUpLeg(role), 404:
            return _last_leg(call, LegGone(role), now)
        case CreateLeg(role), int(status) if status != 409:
            return _last_leg(call, LegGone(role), now)
        case _:
            return call, ()


def _try_again(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return clean_up(replace(call, deadline=now + CLEANUP_RETRY))


def _stored_late(call: Call, _stored: Stored, _now: float) -> Step:
    return replace(call, stored=True), ()


# after a connection came up


def _observed(call: Call, observed: Observed, now: float) -> Step:
    """Compare with what Asterisk really has, and go on from there."""
    if call.direction == "inbound" and call.phase is Phase.PLACING:
        return _caller_observed(call, observed, now)
    outcome = resume(call, observed)
    before, call = call, outcome.call
    match outcome.reason:
        case EndReason() as reason if outcome.tell_agent:
            return outbound.tell_agent(before, call, reason, now)
        case EndReason() as reason:
            return end(call, reason, outcome.by, now)
    if before.phase is Phase.PLACING:
        call = replace(call, deadline=now + call.agent_ring_timeout + RINGING_GRACE)
    call, effects = _note_progress(call, outcome.effects, now)
    #: The two who talk have been judged; a channel just asked for need not be listed yet.
    beside = [(channel, happened) for channel, happened in missed(call, observed) if is_beside(call, channel)]
    call, more = _catch_up(call, beside, now)
    effects = (*watch_again(call), *effects, *more)
    return call, (*effects, *(effect for effect in reassert(call, observed) if effect not in effects))


def _catch_up(call: Call, missed: Sequence[tuple[str, Input]], now: float) -> Step:
    """Tell what was missed, one after the other; what one leads to may give the next channel another role."""
    effects: tuple[Effect, ...] = ()
    for channel, happened in missed:
        role = call.role_of(channel)
        if role is not None:
            call, more = step(call, replace(happened, role=role), now)
            effects = (*effects, *more)
    return call, effects


def _note_progress(call: Call, effects: tuple[Effect, ...], now: float) -> Step:
    """What happened while we were away is told now, and each stage has its full time."""
    if call.phase in (Phase.RINGING_CUSTOMER, Phase.TALKING) and call.agent_answered_at is None:
        call = replace(call, agent_answered_at=now, deadline=now + call.customer_ring_timeout + RINGING_GRACE)
        effects = (*effects, Announce("call.agent_answered"))
    if call.phase is Phase.TALKING and call.answered_at is None:
        call = replace(call, answered_at=now, deadline=now + call.max_seconds)
        effects = (*effects, Announce("call.answered"))
    return call, effects


def _caller_observed(call: Call, observed: Observed, now: float) -> Step:
    """Whether phones rang for him was not written any more: they ring again."""
    if observed.asterisk_started != call.asterisk_started:
        return end(call, EndReason.LOST, "system", now)
    if observed.customer is None:
        return end(stage(call, "customer", LegStage.GONE), EndReason.CUSTOMER_HANGUP, "customer", now)
    call, effects = inbound.offering(replace(call, stored=True))
    return call, (*watch_again(call), *effects)


def _caught_up(call: Call, observed: Observed, now: float) -> Step:
    """What was missed is told now, one after the other, as if it had just happened."""
    if observed.asterisk_started != call.asterisk_started:
        return end(call, EndReason.LOST, "system", now)
    known = dialled_already(call, observed)
    left: tuple[Effect, ...] = ()
    if call.leg("target").exists and observed.stage("target") is observed.stage("agent") is None:
        #: Both have gone, whoever went first: the customer waits for the agent to be rung again.
        call, left = release_sides(replace(stage(call, "agent", LegStage.GONE), muted=False))
    call, effects = _catch_up(call, missed(call, observed), now)
    effects = tuple(effect for effect in effects if effect not in known)
    again = (effect for effect in reassert(call, observed) if effect not in effects)
    return call, (*watch_again(call), *left, *effects, *again)


def _observed_ending(call: Call, observed: Observed, _now: float) -> Step:
    """What is listed has to go, even a channel we thought gone: its creation was carried out late.

    Who was handed over goes on in the successor, and in the same bridge.
    """
    handed_over = call.end_reason is EndReason.TRANSFERRED
    for role, _ in call.legs:
        if not (handed_over and role in ("customer", "target")):
            call = stage(call, role, observed.stage(role) or LegStage.GONE)
    return clean_up(replace(call, bridge=call.bridge or (observed.bridge and not handed_over)))


_OUT, _IN, _X, _R, _A, _AG = outbound, inbound, transfer, referral, recall, again
_ROWS: dict[type[Input], tuple[Handler, ...]] = {
    #                  placing                  offered              ringing_agent                ringing_customer               talking                transferring          consulting               recalling            announcing           ending
    Stored:           (_OUT.stored,             ignore,              ignore,                      ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              _stored_late),
    ShowCallerId:     (_OUT.show_caller_id,     ignore,              ignore,                      ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              ignore),
    StoreFailed:      (_OUT.store_failed,       ignore,              ignore,                      ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              ignore),
    AgentFound:       (ignore,                  _IN.found,           ignore,                      ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              ignore),
    NobodyFound:      (ignore,                  _IN.nobody_found,    ignore,                      ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              ignore),
    LegReady:         (ignore,                  ignore,              _OUT.customer_ready,         _OUT.customer_ready_late,      ignore,                _X.target_ready,      _X.target_ready,         ignore,              _came_too_late,      _came_too_late),
    LegDialed:        (ignore,                  ignore,              _OUT.agent_dialed,           ignore,                        ignore,                ignore,               ignore,                  ignore,              ignore,              ignore),
    LegRinging:       (ignore,                  _IN.offer_rings,     _OUT.agent_ringing,          _OUT.customer_ringing,         ignore,                _X.target_rings,      _X.target_rings,         _A.rings,     _came_too_late,      _came_too_late),
    LegAnswered:      (ignore,                  _IN.offer_answered,  _OUT.agent_answered,         _OUT.customer_answered,        ignore,                _X.target_answered,   _X.target_answered,      _A.answered,  _came_too_late,      _came_too_late),
    LegGone:          (_OUT.gone_while_placing, _IN.offer_gone,      _OUT.leg_gone_before_answer, _OUT.leg_gone_before_talk,     _conversation_over,    _X.gone_in_transfer,  _X.gone_in_consultation, _A.gone,   _listener_gone,      _last_leg),
    LegHeld:          (ignore,                  ignore,              ignore,                      phone_hold_noted,              held_by_phone,         phone_hold_noted,     phone_hold_noted,        ignore,              ignore,              ignore),
    RequestFailed:    (ignore,                  _IN.offer_refused,   _OUT.ringing_agent_failed,   _OUT.ringing_customer_failed,  _talking_failed,       _X.transfer_failed,   _X.transfer_failed,      _A.failed,    _announcing_failed,  _ending_failed),
    SetMuted:         (refuse,                  refuse,              refuse,                      refuse,                        set_muted,             refuse,               set_muted,               refuse,              refuse,              refuse),
    SetHeld:          (refuse,                  refuse,              refuse,                      refuse,                        set_held,              refuse,               refuse,                  refuse,              refuse,              refuse),
    SetRecording:     (refuse,                  refuse,              refuse,                      refuse,                        set_recording,         refuse,               set_recording,           refuse,              refuse,              refuse),
    SendDtmf:         (refuse,                  refuse,              refuse,                      refuse,                        send_dtmf,             refuse,               _X.consult_keys,         refuse,              refuse,              refuse),
    StartTransfer:    (refuse,                  refuse,              refuse,                      refuse,                        _X.start,              _X.in_progress,       _X.in_progress,          _X.in_progress,      refuse,              refuse),
    CompleteTransfer: (refuse,                  refuse,              refuse,                      refuse,                        refuse,                refuse,               _X.complete,             refuse,              refuse,              refuse),
    CancelTransfer:   (refuse,                  refuse,              refuse,                      refuse,                        refuse,                _X.cancel,            _X.cancel,               refuse,              refuse,              refuse),
    SwapTransfer:     (refuse,                  refuse,              refuse,                      refuse,                        refuse,                refuse,               _X.swap,                 refuse,              refuse,              refuse),
    PhoneTransfers:   (ignore,                  ignore,              ignore,                      ignore,                        _R.phone_transfers,    _R.phone_declined,    _R.phone_declined,       ignore,              ignore,              ignore),
    PhoneJoins:       (ignore,                  ignore,              ignore,                      ignore,                        _R.phone_declined,     _R.phone_declined,    _R.join,                 ignore,              ignore,              ignore),
    SecondCall:       (_R.turn_away,            _R.turn_away,        _R.turn_away,                _R.turn_away,                  _R.second_call,        _R.turn_away,         _R.turn_away,            _R.turn_away,        _R.turn_away,        _R.turn_away),
    MoveTo:           (refuse,                  _AG.offer_again,     _AG.ring_again,              _AG.move_while_ringing,        move_to,               refuse,               _AG.move_consultation,   _AG.ring_again,      refuse,              refuse),
    Supervise:        (refuse,                  refuse,              refuse,                      refuse,                        supervise,             refuse,               supervise,               refuse,              refuse,              refuse),
    StopSupervising:  (refuse,                  refuse,              refuse,                      refuse,                        stop_supervising,      stop_supervising,     stop_supervising,        stop_supervising,    refuse,              refuse),
    HangUp:           (_OUT.cancelled,          _IN.declined,        _OUT.cancelled,              _OUT.cancelled,                _hung_up,              _X.hung_up,           _X.hung_up,              _hung_up,            _release,            ignore),
    DeadlinePassed:   (_OUT.store_failed,       _IN.offer_late,      _OUT.agent_too_late,         _OUT.customer_too_late,        _too_long,             _X.target_late,       _X.target_late,          _A.late,      _release,            _try_again),
    Observed:         (_observed,               _caught_up,          _observed,                   _observed,                     _observed,             _caught_up,           _caught_up,              _caught_up,          _observed,           _observed_ending),
}  # fmt: skip

#: What somebody asks for and has to be told when it cannot be.
WISHES = frozenset(
    {
        SetMuted,
        SetHeld,
        SetRecording,
        SendDtmf,
        StartTransfer,
        CompleteTransfer,
        CancelTransfer,
        SwapTransfer,
        MoveTo,
        Supervise,
        StopSupervising,
    }
)

#: Every phase and every input; nothing happens to a call that has ended.
TABLE: MappingProxyType[tuple[Phase, type[Input]], Handler] = MappingProxyType(
    {
        (phase, happened): handler
        for happened, row in _ROWS.items()
        for phase, handler in zip(Phase, (*row, ignore if happened not in WISHES else refuse), strict=True)
    }
)
