"""Channels beside a conversation: the agent's other device, supervisors, and those that are being released.

Whatever happens to them, the two who talk hear nothing of it.
"""

from __future__ import annotations

from types import MappingProxyType

from msgspec.structs import replace

from ctc_ari.calls.controls import music_of_our_own
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    DestroyBridge,
    Effect,
    HangUpLeg,
    Music,
    Mute,
    Originate,
    Refuse,
    Spy,
    StartRingback,
)
from ctc_ari.calls.inputs import (
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegHeld,
    LegReady,
    LegRinging,
    MoveTo,
    PhoneJoins,
    PhoneTransfers,
    RequestFailed,
    StopSupervising,
    Supervise,
)
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, Phase, Supervisor
from ctc_ari.calls.steps import Handler, Step, add_leg, dismiss, drop, ignore, stage
from ctc_ari.errors import SupervisorNotFound, WrongState

__all__ = ["SIDES", "barging", "move_to", "release_sides", "side_of", "spy_again", "stop_supervising", "supervise"]


def side_of(happened: Input) -> str:
    """What kind of channel beside the conversation this is about: `device`, `supervisor`, `spy`, `former`; else ``."""
    about = happened.request if isinstance(happened, RequestFailed) else happened
    if getattr(about, "side", 0):
        return "supervisor"
    roles: tuple[Role, ...] = getattr(about, "roles", ()) or (getattr(about, "role", ""),)
    kind = roles[0].partition(":")[0]
    return kind if kind in ("device", "supervisor", "spy", "former") else ""


# the agent's other device


def move_to(call: Call, wish: MoveTo, _now: float) -> Step:
    """Her other device rings; until it is answered she talks on."""
    if wish.device in (call.moving_to, call.device) and not wish.again:
        return call, ()
    if call.moving_to and not (wish.again and wish.device == call.moving_to):
        return call, (Refuse(WrongState),)
    #: The page that was rung before may be gone as well.
    call, released = dismiss(call, "device") if call.moving_to else (call, ())
    call = add_leg(replace(call, moving_to=wish.device), "device", wish.endpoint, LegStage.DIALING)
    return call, (*released, Originate(call.agent_ring_timeout, "device"))


def _moved(call: Call, answered: LegAnswered, _now: float) -> Step:
    """It takes the place of the one she used, which is released once the new one is in the conversation."""
    leg, old = call.leg("device"), call.agent_leg
    if call.moving_to is None or not _may_move(call):
        call, released = dismiss(replace(call, moving_to=None), "device")
        return call, (*released, Announce("call.device_failed"))
    former, held_there = f"former:{old.channel}", call.held_by_phone
    others = tuple(other for other in call.others if other.role != "device")
    call = replace(
        call,
        agent_leg=replace(leg, stage=LegStage.UP, role=""),
        others=(*others, replace(old, role=former)),
        device=call.moving_to,
        moving_to=None,
        held_by_phone=False,
    )
    muted: tuple[Effect, ...] = (Mute("agent", True),) if call.muted else ()
    if held_there and not call.held:
        #: The phone that held takes its music along only if we say so; who waits for a transfer goes on hearing it.
        music = (Music("customer", False),) if call.phase is Phase.TALKING else ()
        muted = (*muted, *music, Announce("call.resumed"))
    anew = music_of_our_own() if held_there and call.held else ()
    call, spies = spy_again(call)
    return call, (*muted, *_hears(call), HangUpLeg(former), *anew, *spies, Announce("call.device_changed"))


def _may_move(call: Call) -> bool:
    """Whether she is in the bridge, or will be; who consults by her phone's keys has a second channel for that."""
    consults = call.phase is Phase.CONSULTING and call.transfers[-1].by == "api"
    return consults or call.phase in (Phase.RINGING_CUSTOMER, Phase.TALKING)


def _hears(call: Call) -> tuple[Effect, ...]:
    """What she heard before: whoever is in the bridge, and that a phone rings."""
    dialled = call.customer_leg.stage in (LegStage.DIALING, LegStage.RINGING, LegStage.UP)
    #: Whom she calls is dialled first: an agent in the bridge proves it after a crash.
    joins = (BridgeLegs(("agent",)),) if dialled else ()
    waits_for = call.customer_leg if call.phase is Phase.RINGING_CUSTOMER else call.leg("target")
    return (*joins, StartRingback("agent")) if waits_for.stage is LegStage.RINGING else joins


def _not_moved(call: Call, _happened: Input, _now: float) -> Step:
    return replace(drop(call, "device"), moving_to=None), (Announce("call.device_failed"),)


def _device_refused(call: Call, failed: RequestFailed, now: float) -> Step:
    if isinstance(failed.request, Originate) and failed.status not in (None, 409):
        return _not_moved(call, failed, now)
    return call, ()


# supervisors


def supervise(call: Call, wish: Supervise, _now: float) -> Step:
    """The supervisor's phone rings; a wish that repeats an id changes how she takes part."""
    known = next((supervisor for supervisor in call.supervisors if supervisor.id == wish.id), None)
    if known is not None:
        return _change_mode(call, known, replace(known, mode=wish.mode))
    call = add_leg(call, f"supervisor:{wish.id}", wish.endpoint, LegStage.DIALING)
    supervisor = Supervisor(wish.id, wish.agent, wish.mode, call.others_made)
    call = replace(call, supervisors=(*call.supervisors, supervisor))
    return call, (Originate(call.agent_ring_timeout, f"supervisor:{wish.id}"), Announce("call.supervisor_invited"))


def stop_supervising(call: Call, wish: StopSupervising, _now: float) -> Step:
    """She leaves, and nobody notices."""
    supervisor = next((supervisor for supervisor in call.supervisors if supervisor.id == wish.id), None)
    if supervisor is None:
        return call, (Refuse(SupervisorNotFound),)
    return _release(call, supervisor)


def _supervisor_answered(call: Call, answered: LegAnswered, _now: float) -> Step:
    supervisor = _of(call, answered.role)
    if supervisor is None:
        return dismiss(call, answered.role)
    if call.leg(answered.role).stage is LegStage.UP:
        return call, ()
    call, effects = _take_part(stage(call, answered.role, LegStage.UP), supervisor)
    return call, (*effects, Announce("call.supervisor_joined"))


def _take_part(call: Call, supervisor: Supervisor) -> Step:
    """In the conversation itself, or in a bridge of her own with a channel that listens to the agent's.

    It is another bridge each time: Asterisk does not let the id of one that is gone be used again.
    """
    if supervisor.mode == "barge" and call.phase is Phase.TRANSFERRING:
        #: Nobody talks there now; she comes in when they talk again.
        return call, ()
    if supervisor.mode == "barge":
        return call, (BridgeLegs((f"supervisor:{supervisor.id}",)),)
    supervisor = replace(supervisor, number=call.others_made + 1)
    call, effects = _spy(_with(call, supervisor), supervisor)
    return call, (CreateBridge(supervisor.number), *effects)


def _with(call: Call, changed: Supervisor) -> Call:
    others = tuple(changed if supervisor.id == changed.id else supervisor for supervisor in call.supervisors)
    return replace(call, supervisors=others)


def _spy(call: Call, supervisor: Supervisor) -> Step:
    role = f"spy:{supervisor.id}"
    call = add_leg(call, role, "", LegStage.CREATING)
    return call, (Spy(role, whisper=supervisor.mode == "whisper"),)


def _change_mode(call: Call, before: Supervisor, after: Supervisor) -> Step:
    if before.mode == after.mode:
        return call, ()
    call = _with(call, after)
    event = Announce("call.supervisor_changed")
    if call.leg(f"supervisor:{after.id}").stage is not LegStage.UP:
        return call, (event,)
    call, released = dismiss(call, f"spy:{after.id}")
    if before.mode == "barge" or after.mode == "barge":
        call, effects = _take_part(call, after)
        if after.mode == "barge":
            effects = (*effects, DestroyBridge(before.number))
    else:
        call, effects = _spy(call, after)
    return call, (*released, *effects, event)


def _spy_ready(call: Call, ready: LegReady | LegAnswered, _now: float) -> Step:
    supervisor = _of(call, ready.role)
    if supervisor is None or call.leg(ready.role).stage is not LegStage.CREATING:
        return call, ()
    both = (f"supervisor:{supervisor.id}", ready.role)
    return stage(call, ready.role, LegStage.UP), (BridgeLegs(both, supervisor.number),)


def spy_again(call: Call) -> Step:
    """Whoever listens, listens anew.

    The agent's channel may be another one, or what she hears begin again after a pause: of that, a channel that has
    listened since before hears only her own voice now and then (Asterisk 22.10, on a busy machine).
    """
    effects: tuple[Effect, ...] = ()
    for supervisor in call.supervisors:
        role = f"spy:{supervisor.id}"
        if call.leg(role).exists:
            call, released = dismiss(call, role)
            call, spies = _spy(call, supervisor)
            effects = (*effects, *released, *spies)
    return call, effects


def _supervisor_gone(call: Call, gone: LegGone, _now: float) -> Step:
    """Her phone, or what listened for her: without either nothing is left to hear."""
    supervisor = _of(call, gone.role)
    call = drop(call, gone.role)
    return _release(call, supervisor) if supervisor else (call, ())


def _supervisor_refused(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case _, None | 409:
            return call, ()
        case Originate(role=role), _:
            return _supervisor_gone(call, LegGone(role), now)
        case BridgeLegs(), 400:
            #: "Channel not found": its own event tells.
            return call, ()
        case ((CreateBridge(side=side) | BridgeLegs(side=side)), _) if side:
            heard_by = next((supervisor for supervisor in call.supervisors if supervisor.number == side), None)
        case BridgeLegs(roles=(role, *_)), _:
            heard_by = _of(call, role)
        case _:
            return call, ()
    #: She would hear nothing.
    return _release(call, heard_by) if heard_by else (call, ())


def _spy_refused(call: Call, failed: RequestFailed, now: float) -> Step:
    role = getattr(failed.request, "role", "")
    if isinstance(failed.request, Spy) and failed.status not in (None, 409):
        return _supervisor_gone(call, LegGone(role), now)
    return call, ()


def _release(call: Call, supervisor: Supervisor) -> Step:
    call, phone = dismiss(call, f"supervisor:{supervisor.id}")
    call, spy = dismiss(call, f"spy:{supervisor.id}")
    call = replace(call, supervisors=tuple(other for other in call.supervisors if other.id != supervisor.id))
    bridge = (DestroyBridge(supervisor.number),) if supervisor.mode != "barge" else ()
    return call, (*spy, *phone, *bridge, Announce("call.supervisor_left"))


def _of(call: Call, role: Role) -> Supervisor | None:
    wanted = role.partition(":")[2]
    return next((supervisor for supervisor in call.supervisors if supervisor.id == wanted), None)


def barging(call: Call) -> tuple[Role, ...]:
    """The supervisors who are in the conversation."""
    roles = (f"supervisor:{supervisor.id}" for supervisor in call.supervisors if supervisor.mode == "barge")
    return tuple(role for role in roles if call.leg(role).stage is LegStage.UP)


# all of them


def release_sides(call: Call) -> Step:
    """The conversation is over: whoever was beside it goes."""
    effects: tuple[Effect, ...] = ()
    for supervisor in call.supervisors:
        call, released = _release(call, supervisor)
        effects = (*effects, *released)
    call, device = dismiss(replace(call, moving_to=None), "device")
    return call, (*effects, *device)


def _former_gone(call: Call, gone: LegGone, _now: float) -> Step:
    return drop(call, gone.role), ()


def _former_refused(call: Call, failed: RequestFailed, _now: float) -> Step:
    if isinstance(failed.request, HangUpLeg) and failed.status == 404:
        return drop(call, failed.request.role), ()
    return call, ()


_KINDS = ("device", "supervisor", "spy", "former")
_ROWS: dict[type[Input], tuple[Handler, ...]] = {
    #               device           supervisor            spy            former
    LegReady:       (ignore,          ignore,               _spy_ready,    ignore),
    LegDialed:      (ignore,          ignore,               ignore,        ignore),
    LegRinging:     (ignore,          ignore,               ignore,        ignore),
    LegAnswered:    (_moved,          _supervisor_answered, _spy_ready,    ignore),
    LegHeld:        (ignore,          ignore,               ignore,        ignore),
    LegGone:        (_not_moved,      _supervisor_gone,     _supervisor_gone, _former_gone),
    PhoneTransfers: (ignore,          ignore,               ignore,        ignore),
    PhoneJoins:     (ignore,          ignore,               ignore,        ignore),
    RequestFailed:  (_device_refused, _supervisor_refused,  _spy_refused,  _former_refused),
}  # fmt: skip

#: What happens to a channel beside the conversation, in every phase in which the call lives.
SIDES: MappingProxyType[tuple[str, type[Input]], Handler] = MappingProxyType(
    {(kind, happened): handler for happened, row in _ROWS.items() for kind, handler in zip(_KINDS, row, strict=True)}
)
