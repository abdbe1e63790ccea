"""Call scenarios as text: one line each of seconds, what happens, what has to be done, and the phase afterwards.

    seconds | input                | effects                        | phase
    0.1     | stored               | originate                      | ringing_agent
    0.2     | agent dialed         | create bridge, create customer | ringing_agent
    9       | customer gone 486 17 | play busy                      | announcing

`gone` takes the SIP status and the Q.850 cause, `refused` and `lost` a request and, for the first, its HTTP status. A
line `deadline` also demands that the call asked to be woken just then. Announcements are written `!answered`. What a
side hears or is done to names the side when it is not the agent (`ringback customer`); a channel that is being released
is `former:` and its id without the call's. A line without seconds goes on with the effects. A scenario begins with the
click, or with the call that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

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
    Progress,
    RecordBridge,
    Recording,
    Refuse,
    Request,
    Spy,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.engine import begin, step
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
    PhoneJoins,
    PhoneTransfers,
    RequestFailed,
    SecondCall,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    StopSupervising,
    Stored,
    StoreFailed,
    Supervise,
    SwapTransfer,
)
from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call, Contact, Phase
from tests.calls.builders import ALICE, BOB, CALL_ID, CAROL, NOW, a_call, start_transfer

__all__ = ["REQUESTS", "effect_words", "play", "play_all", "summary"]


def _role(role: Role) -> str:
    """Channels that are being released by the end of their ids."""
    kind, _, channel = role.partition(":")
    return f"former:{channel.removeprefix(CALL_ID) or 'first'}" if kind == "former" else role


def _named(words: str, role: Role, usual: Role = "agent") -> str:
    return words if role == usual else f"{words} {_role(role)}"


def _on(words: str, on: bool) -> str:
    return words if on else f"no {words}"


def words_of(effect: Effect) -> str:
    """One effect as a scenario writes it."""
    match effect:
        case Announce(event, to):
            return "!" + event.removeprefix("call.") + (f" to {to}" if to else "")
        case Originate(_, role):
            return _named("originate", role)
        case CreateLeg(role):
            return f"create {role}"
        case DialLeg(role):
            return f"dial {role}"
        case CreateBridge(side) | DestroyBridge(side):
            verb = "create" if isinstance(effect, CreateBridge) else "destroy"
            return f"{verb} bridge {side}" if side else f"{verb} bridge"
        case BridgeLegs(roles, side):
            words = "bridge" if roles == ("agent", "customer") else "bridge " + " ".join(map(_role, roles))
            return f"{words} in {side}" if side else words
        case UnbridgeLegs(roles):
            return "unbridge " + " ".join(map(_role, roles))
        case StartRingback(role) | StopRingback(role):
            return _on(_named("ringback", role), isinstance(effect, StartRingback))
        case PlayTone(sound, role) | PlaySound(sound, role):
            return _named(f"play {sound}", role)
        case HangUpLeg(role, cause):
            return f"hang up {_role(role)}" + (f" {cause}" if cause else "")
        case TellPhone(role, progress):
            return _named(f"tell {progress.value.removeprefix('channel_')}", role)
        case Music(role, on):
            return _on(f"music {role}", on)
        case Mute(role, on):
            return _on(f"mute {role}", on)
        case RecordBridge(number, action):
            return f"{action} recording {number}"
        case PressKeys(digits, role):
            return _named(f"keys {digits}", role, "customer")
        case Spy(role, whisper):
            return f"{'whisper' if whisper else 'listen'} {role}"
        case FindAgent(position):
            return f"find {position}"
        case HandOver(_, together):
            return "hand over: " + " + ".join(map(words_of, together))
        case Refuse(error):
            return f"refuse {error.code}"
        case AnswerLeg(role) | Keep(role) | Watch(role) | LeaveToDialplan(role):
            verbs = {AnswerLeg: "answer", Keep: "keep", Watch: "watch", LeaveToDialplan: "leave"}
            return f"{verbs[type(effect)]} {_role(role)}"
    raise AssertionError(f"no words for {effect}")


#: The requests a scenario can name as refused or lost.
REQUESTS: dict[str, Request] = {
    words_of(request): request
    for request in (
        Originate(25),
        Originate(25, "offer:1"),
        Originate(25, "offer:2"),
        Originate(25, "offer:3"),
        Originate(25, "device"),
        Originate(25, "supervisor:s1"),
        CreateLeg("customer"),
        CreateLeg("target"),
        DialLeg("customer", 45),
        DialLeg("target", 25),
        CreateBridge(),
        CreateBridge(1),
        CreateBridge(2),
        BridgeLegs(("supervisor:s1",)),
        BridgeLegs(),
        BridgeLegs(("target",)),
        BridgeLegs(("second", "target")),
        BridgeLegs(("customer", "target")),
        BridgeLegs(("customer",)),
        BridgeLegs(("agent",)),
        UnbridgeLegs(("agent", "customer")),
        UnbridgeLegs(("customer",)),
        Watch("customer"),
        AnswerLeg("customer"),
        Keep("customer"),
        LeaveToDialplan("customer"),
        StartRingback(),
        StopRingback(),
        StartRingback("customer"),
        StopRingback("customer"),
        PlayTone("busy"),
        PlayTone("congestion"),
        PlaySound("vm-nobodyavail", "customer"),
        PlaySound("beeperr", "agent"),
        Mute("agent", True),
        Mute("customer", True),
        Music("customer", True),
        Music("customer", False),
        RecordBridge(1, Recording.START),
        PressKeys("1#"),
        PressKeys("1#", "target"),
        TellPhone("agent", Progress.ANSWERED),
        Spy("spy:s1", False),
        HangUpLeg("agent"),
        HangUpLeg("customer"),
        HangUpLeg("target"),
        HangUpLeg(f"former:{CALL_ID}"),
        HangUpLeg(f"former:{CALL_ID}.x001"),
        DestroyBridge(),
        DestroyBridge(1),
    )
}
_INPUTS: dict[str, Input] = {
    "stored": Stored(),
    "stored with contact": Stored(Contact("c1", "Carla")),
    "store failed": StoreFailed(),
    "cancel": HangUp("api"),
    "turn away": HangUp("system"),
    "deadline": DeadlinePassed(),
    "mute": SetMuted(True),
    "no mute": SetMuted(False),
    "hold": SetHeld(True),
    "no hold": SetHeld(False),
    "record": SetRecording("on"),
    "no record": SetRecording("off"),
    "keys 1#": SendDtmf("1#"),
    "blind": start_transfer("blind"),
    "attended": start_transfer("attended"),
    "blind outside": start_transfer("blind", "outside"),
    "complete": CompleteTransfer(),
    "cancel transfer": CancelTransfer(),
    "swap": SwapTransfer(),
    "agent refers": PhoneTransfers("agent", "1002", start_transfer("blind")),
    "customer refers": PhoneTransfers("customer", "1002", start_transfer("blind")),
    "agent refers nowhere": PhoneTransfers("agent", "999"),
    "agent joins": PhoneJoins("agent"),
    "second joins": PhoneJoins("second"),
    "second call": SecondCall("1750000000.9", start_transfer("attended")),
    "move to web": MoveTo("web", "PJSIP/web-1001"),
    "move to desk": MoveTo("desk", "PJSIP/1001"),
    "listen": Supervise("s1", CAROL, "PJSIP/1003", "listen"),
    "whisper": Supervise("s1", CAROL, "PJSIP/1003", "whisper"),
    "barge": Supervise("s1", CAROL, "PJSIP/1003", "barge"),
    "leave": StopSupervising("s1"),
    "alice found": AgentFound(ALICE, ("PJSIP/1001", "PJSIP/web-1001"), 1),
    "bob found": AgentFound(BOB, ("PJSIP/1002",), 2),
    "nobody found": NobodyFound(),
    "nobody found but busy": NobodyFound(busy=True),
}


def effect_words(effects: tuple[Effect, ...]) -> list[str]:
    """The effects as a scenario writes them."""
    return [words_of(effect) for effect in effects]


def play(table: str, call: Call | None = None) -> Call:
    """Play the scenario; returns the call as it is at its end."""
    return play_all(table, call)[0]


def play_all(table: str, call: Call | None = None) -> tuple[Call, list[Effect]]:
    """Play the scenario; returns the call as it is at its end, and all that had to be done."""
    call = call or a_call()
    done: list[Effect] = []
    if call.phase is Phase.PLACING:
        call, effects = begin(call, NOW)
        assert effect_words(effects) == (["watch customer"] if call.direction == "inbound" else []) + ["!created"]
    for line in _lines(table):
        seconds, happens, wanted, phase = line
        now = NOW + float(seconds)
        if happens == "deadline":
            assert call.deadline == now, f"{line}: the deadline is {(call.deadline or 0) - NOW:g}"
        else:
            assert call.deadline is None or call.deadline > now, f"{line}: the deadline {call.deadline - NOW:g} is over"
        call, effects = step(call, _input(happens), now)
        assert effect_words(effects) == [word.strip() for word in wanted.split(",") if word.strip() != "-"], line
        assert call.phase == phase, f"{line}: but the phase is {call.phase}"
        done += effects
    return call, done


def summary(call: Call) -> str:
    """What became of the call, and of its last transfer."""
    words = f"{call.end_reason} by {call.ended_by}" if call.end_reason else str(call.phase)
    if call.transfer:
        words += f", {call.transfer.mode} {call.transfer.state}"
        words += f" ({call.transfer.reason})" if call.transfer.reason else ""
    return words


def _lines(table: str) -> list[list[str]]:
    """The cells of each line; one without seconds goes on with the effects of the line before."""
    lines: list[list[str]] = []
    for line in filter(None, map(str.strip, table.splitlines())):
        seconds, happens, wanted, phase = (cell.strip() for cell in line.split("|"))
        if seconds:
            lines.append([seconds, happens, wanted, phase])
        else:
            lines[-1][2:] = [f"{lines[-1][2]} {wanted}", phase]
    return lines


_SAID: dict[str, Callable[[Role], Input]] = {
    "dialed": LegDialed,
    "ready": LegReady,
    "rings": LegRinging,
    "answers": LegAnswered,
    "holds": lambda role: LegHeld(role, True),
    "resumes": lambda role: LegHeld(role, False),
}


def _input(text: str) -> Input:
    if text in _INPUTS:
        return _INPUTS[text]
    first, *rest = text.split()
    if first == "lost":
        return RequestFailed(REQUESTS[" ".join(rest)], None)
    if first == "refused":
        return RequestFailed(REQUESTS[" ".join(rest[:-1])], int(rest[-1]))
    role = first.replace("former:first", f"former:{CALL_ID}").replace("former:.", f"former:{CALL_ID}.")
    match rest:
        case [said] if said in _SAID:
            return _SAID[said](role)
        case ["gone", *causes]:
            sip_status, cause = (int(number) or None for number in (causes or ["0", "16"]))
            return LegGone(role, cause, sip_status)
    raise AssertionError(f"no such input: {text}")
