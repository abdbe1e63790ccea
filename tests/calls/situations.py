"""Every kind of call that the engine can be told something about, and everything that it can be told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec.structs import replace

from ctc_ari.calls.ids import other_channel_id
from ctc_ari.calls.inputs import (
    AgentFound,
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
    Supervise,
)
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Call, Contact, Phase, Supervisor, SupervisorMode, Transfer, TransferMode
from tests.calls.builders import (
    BOB,
    CALL_ID,
    CALLER,
    CAROL,
    NOW,
    a_call_in,
    a_leg,
    a_transfer,
    an_inbound_call,
    start_transfer,
)
from tests.calls.scenario import REQUESTS

__all__ = ["FORMER", "calls_in", "inputs_of", "is_about"]

FORMER: Role = f"former:{CALL_ID}.x009"
PAIR: tuple[Role, Role] = ("agent", "customer")
ROLES: tuple[Role, ...] = (*PAIR, "target", "second", "device", "offer:1", "offer:2", "supervisor:s1", "spy:s1", FORMER)
LISTED = (None, LegStage.READY, LegStage.DIALING, LegStage.RINGING, LegStage.UP)
RUNG = (LegStage.DIALING, LegStage.RINGING)
_MADE = (LegStage.CREATING, LegStage.READY)
_WAYS: dict[Phase, tuple[tuple[LegStage, ...], tuple[LegStage, ...]]] = {
    Phase.PLACING: ((LegStage.ABSENT,), (LegStage.ABSENT,)),
    Phase.RINGING_AGENT: (RUNG, (LegStage.ABSENT, *_MADE)),
    Phase.RINGING_CUSTOMER: ((LegStage.UP,), (*_MADE, *RUNG)),
    Phase.TALKING: ((LegStage.UP,), (LegStage.UP,)),
    Phase.ANNOUNCING: ((LegStage.UP,), (*_MADE, *RUNG, LegStage.UP, LegStage.GONE)),
    Phase.ENDING: (tuple(LegStage)[1:], tuple(LegStage)),
    Phase.ENDED: ((LegStage.GONE,), (LegStage.GONE, LegStage.ABSENT)),
}


def calls_in(phase: Phase) -> Iterator[Call]:
    """Every stage of the channels that this phase can have."""
    for agent, customer in itertools.product(*_WAYS.get(phase, ((), ()))):
        yield a_call_in(phase, agent, customer)
    match phase:
        case Phase.PLACING:
            yield replace(an_inbound_call(), deadline=NOW + 5)
        case Phase.OFFERED:
            yield from _offered()
        case Phase.TALKING:
            yield from _talking()
        case Phase.TRANSFERRING:
            yield from _transferring()
        case Phase.CONSULTING:
            yield from _consulting()
        case Phase.RECALLING:
            yield from (a_call_in(phase, agent=stage) for stage in RUNG)
            yield from _supervised(
                a_call_in(phase, transfers=(a_transfer(state="failed", recorded=True, ended_at=NOW + 4),))
            )
        case Phase.ANNOUNCING:
            caller = Leg(CALLER, "", LegStage.UP)
            yield a_call_in(phase, direction="inbound", agent_leg=Leg("", ""), customer_leg=caller)
        case Phase.ENDING:
            for stage in LegStage:
                yield a_call_in(phase, others=(a_leg("target", stage), a_leg(FORMER, LegStage.UP, 9)), others_made=9)
            yield from _supervised(a_call_in(phase))


def _offered() -> Iterator[Call]:
    call = a_call_in(Phase.OFFERED)
    yield call
    yield replace(call, others=(), rung=(), route_position=0)
    released = a_leg(FORMER, LegStage.RINGING, 9)
    for first, second in itertools.product(RUNG, RUNG):
        offers = (a_leg("offer:1", first, 1), a_leg("offer:2", second, 2))
        yield replace(call, others=offers, others_made=2)
        yield replace(call, others=(*offers, released), others_made=9)


def _talking() -> Iterator[Call]:
    call = a_call_in(Phase.TALKING)
    yield a_call_in(Phase.TALKING, held_by_phone=True, muted=True, recording="on", recordings=1)
    yield from _supervised(call)
    for stage in RUNG:
        device = a_leg("device", stage, endpoint="PJSIP/web-1001")
        yield replace(call, others=(device,), others_made=1, moving_to="web", muted=True)
    yield replace(call, others=(a_leg(FORMER, LegStage.UP, 9),), others_made=9)
    failed = a_transfer(state="failed", by="phone", ended_at=NOW + 4, reason="busy")
    yield replace(call, transfers=(failed,), recording="on", recordings=1)


def _supervised(call: Call) -> Iterator[Call]:
    """Carla's phone rings, or she listens, or she is in the conversation."""
    modes: tuple[SupervisorMode, ...] = ("listen", "whisper", "barge")
    phone = Leg(other_channel_id(CALL_ID, 11), "PJSIP/1003", LegStage.UP, "supervisor:s1")
    spy = Leg(other_channel_id(CALL_ID, 12), "", LegStage.UP, "spy:s1")
    for mode in modes:
        with_her = replace(call, supervisors=(Supervisor("s1", CAROL, mode, 11),), others_made=12)
        yield replace(with_her, others=(*call.others, replace(phone, stage=LegStage.RINGING)))
        if mode == "barge":
            yield replace(with_her, others=(*call.others, phone))
        else:
            for stage in (LegStage.CREATING, LegStage.UP):
                yield replace(with_her, others=(*call.others, phone, replace(spy, stage=stage)))


def _under_way(phase: Phase, target: LegStage, **transfer: object) -> Call:
    mode: TransferMode = "blind" if phase is Phase.TRANSFERRING else "attended"
    parked = target is not LegStage.CREATING
    under_way: Transfer = a_transfer(mode, parked=parked, state="talking" if target is LegStage.UP else "ringing")
    return a_call_in(phase, others=(a_leg("target", target),), transfers=(replace(under_way, **transfer),))


def _transferring() -> Iterator[Call]:
    for target, by, recorded in itertools.product((LegStage.CREATING, *RUNG), ("api", "phone"), (False, True)):
        call = _under_way(Phase.TRANSFERRING, target, by=by, recorded=recorded)
        yield call
        yield replace(call, agent_leg=replace(call.agent_leg, stage=LegStage.GONE))
        yield replace(call, held_by_phone=True, muted=True)
    yield from _supervised(_under_way(Phase.TRANSFERRING, LegStage.RINGING))


def _consulting() -> Iterator[Call]:
    for target in (LegStage.CREATING, *RUNG, LegStage.UP):
        call = _under_way(Phase.CONSULTING, target)
        yield call
        yield replace(call, held_by_phone=True, recording="on", recordings=1)
        second = a_leg("second", LegStage.UP if target is LegStage.UP else LegStage.RINGING, 5)
        by_phone = replace(call.transfers[0], by="phone")
        yield replace(call, others=(*call.others, second), others_made=5, transfers=(by_phone,), held_by_phone=True)
    yield _under_way(Phase.CONSULTING, LegStage.UP, with_="customer")
    yield from _supervised(_under_way(Phase.CONSULTING, LegStage.UP))


def is_about(call: Call, happened: Input) -> bool:
    """Whether the desk would feed this: what a channel tells is fed only if the call has that channel."""
    match happened:
        case AgentFound() | NobodyFound():
            #: Whose phone rings is another one's turn only once it does not any more.
            return call.leg("offer:1").channel == ""
        case RequestFailed():
            return True
        case Observed(agent=agent, bridged=bridged, others=others):
            known = {role for role, leg in call.legs if leg.channel}
            gone = call.agent_leg.stage is LegStage.GONE and call.phase is Phase.TRANSFERRING
            return known >= {*bridged, *others} and not (agent and gone)
    role: Role | None = getattr(happened, "role", None)
    return role is None or call.leg(role).channel != ""


def inputs_of(kind: type[Input]) -> Iterator[Input]:
    """Everything of this kind."""
    if kind in (LegReady, LegDialed, LegRinging, LegAnswered, PhoneJoins):
        yield from (kind(role) for role in ROLES)
    elif kind is LegGone:
        for role, ending in itertools.product(ROLES, [(None, None), (16, None), (17, 486), (19, 480), (999, 999)]):
            yield LegGone(role, *ending)
    elif kind is LegHeld:
        yield from (LegHeld(role, on) for role in ROLES for on in (True, False))
    elif kind is PhoneTransfers:
        yield from (PhoneTransfers(role, "1002", start) for role in ROLES for start in (None, start_transfer()))
    elif kind is RequestFailed:
        statuses = (None, 400, 404, 409, 412, 422, 500, 503)
        yield from (RequestFailed(request, status) for request in REQUESTS.values() for status in statuses)
    elif kind is Observed:
        yield from _observed()
    elif kind in _ASKED:
        yield from _ASKED[kind]
    else:
        yield kind()


def _observed() -> Iterator[Observed]:
    bridges: tuple[frozenset[Role], ...] = (frozenset(), frozenset({"agent"}), frozenset(PAIR))
    for agent, customer, bridged, started in itertools.product(LISTED, LISTED, bridges, ("once", "again")):
        yield Observed(agent, customer, bridge=True, bridged=bridged, asterisk_started=started)
    up = LegStage.UP
    for stages in ({"target": LegStage.READY}, {"target": up}, {"second": up, "target": up}, {"device": up}):
        everybody = frozenset({*PAIR, *stages})
        yield Observed(up, up, bridge=True, bridged=everybody, asterisk_started="once", others={**stages})
        yield Observed(None, up, bridge=True, bridged=frozenset(stages), asterisk_started="once", others={**stages})
    sides: dict[Role, LegStage] = {"supervisor:s1": up, "spy:s1": up, FORMER: up, "offer:1": up}
    yield Observed(up, up, bridge=True, bridged=frozenset(PAIR), asterisk_started="once", others=sides)
    yield Observed(None, None, bridge=False, bridged=frozenset(), asterisk_started="once")


_MODES: tuple[SupervisorMode, ...] = ("listen", "whisper", "barge")
_ASKED: dict[type[Input], list[Input]] = {
    ShowCallerId: [ShowCallerId("+442079460199")],
    Stored: [Stored(), Stored(Contact("c1", "Carla"))],
    SetMuted: [SetMuted(True), SetMuted(False)],
    SetHeld: [SetHeld(True), SetHeld(False)],
    SetRecording: [SetRecording("on"), SetRecording("paused"), SetRecording("off")],
    SendDtmf: [SendDtmf("1#")],
    StartTransfer: [start_transfer("blind"), start_transfer("attended"), start_transfer("blind", "outside")],
    SecondCall: [SecondCall("1750000000.9", start_transfer("attended"))],
    MoveTo: [
        *(MoveTo("web", "PJSIP/web-1001", again) for again in (False, True)),
        *(MoveTo("desk", "PJSIP/1001", again) for again in (False, True)),
    ],
    Supervise: [Supervise(name, CAROL, "PJSIP/1003", mode) for name in ("s1", "s2") for mode in _MODES],
    StopSupervising: [StopSupervising("s1"), StopSupervising("s9")],
    AgentFound: [AgentFound(BOB, ("PJSIP/1002",), 2), AgentFound(BOB, ("PJSIP/1002", "PJSIP/web-1002"), 2)],
    NobodyFound: [NobodyFound(), NobodyFound(busy=True)],
}
