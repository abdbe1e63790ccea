"""Call scenarios as text: one line each of seconds, what happens, what has to be done, and the phase afterwards.

    seconds | input                | effects                        | phase
    0.1     | stored               | originate                      | ringing_agent
    0.2     | agent dialed         | create bridge, create customer | ringing_agent
    9       | customer gone 486 17 | play busy                      | announcing

`gone` takes the SIP status and the Q.850 cause, `refused` and `lost` a request and, for the first, its HTTP status. A
line `deadline` also demands that the call asked to be woken just then. Announcements are written `!answered`.
"""

from __future__ import annotations

from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    Effect,
    HangUpLeg,
    Originate,
    PlayTone,
    Request,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.engine import begin, step
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegReady,
    LegRinging,
    RequestFailed,
    Stored,
    StoreFailed,
)
from ctc_ari.calls.model import Call, Contact, Role
from tests.calls.builders import NOW, a_call

__all__ = ["effect_words", "play"]

REQUESTS: dict[str, Request] = {
    "originate": Originate(25),
    "create customer": CreateLeg("customer"),
    "dial customer": DialLeg("customer", 45),
    "create bridge": CreateBridge(),
    "bridge": BridgeLegs(),
    "ringback": StartRingback(),
    "no ringback": StopRingback(),
    "play busy": PlayTone("busy"),
    "play congestion": PlayTone("congestion"),
    "hang up agent": HangUpLeg("agent"),
    "hang up customer": HangUpLeg("customer"),
    "destroy bridge": DestroyBridge(),
}
_WORDS = {request: words for words, request in REQUESTS.items()}
_INPUTS: dict[str, Input] = {
    "stored": Stored(),
    "stored with contact": Stored(Contact("c1", "Carla")),
    "store failed": StoreFailed(),
    "cancel": HangUp("api"),
    "deadline": DeadlinePassed(),
}


def effect_words(effects: tuple[Effect, ...]) -> list[str]:
    """The effects as a scenario writes them."""
    return [
        "!" + effect.event.removeprefix("call.") if isinstance(effect, Announce) else _WORDS[effect]  # type: ignore[index]
        for effect in effects
    ]


def play(table: str, call: Call | None = None) -> Call:
    """Play the scenario from the click on; returns the call as it is at its end."""
    call, effects = begin(call or a_call(), NOW)
    assert effect_words(effects) == ["!created"]
    for line in filter(None, map(str.strip, table.splitlines())):
        seconds, happens, wanted, phase = (cell.strip() for cell in line.split("|"))
        now = NOW + float(seconds)
        if happens == "deadline":
            assert call.deadline == now, f"{line}: the deadline is {(call.deadline or 0) - NOW:g}"
        else:
            assert call.deadline is None or call.deadline > now, f"{line}: the deadline {call.deadline - NOW:g} is over"
        call, effects = step(call, _input(happens), now)
        assert effect_words(effects) == [word.strip() for word in wanted.split(",") if word.strip() != "-"], line
        assert call.phase == phase, f"{line}: but the phase is {call.phase}"
    return call


def _input(text: str) -> Input:
    if text in _INPUTS:
        return _INPUTS[text]
    first, *rest = text.split()
    if first == "lost":
        return RequestFailed(REQUESTS[" ".join(rest)], None)
    if first == "refused":
        return RequestFailed(REQUESTS[" ".join(rest[:-1])], int(rest[-1]))
    assert first in ("agent", "customer"), text
    role: Role = "agent" if first == "agent" else "customer"
    match rest:
        case ["dialed"]:
            return LegDialed(role)
        case ["ready"]:
            return LegReady(role)
        case ["rings"]:
            return LegRinging(role)
        case ["answers"]:
            return LegAnswered(role)
        case ["gone", *causes]:
            sip_status, cause = (int(number) or None for number in (causes or ["0", "16"]))
            return LegGone(role, cause, sip_status)
    raise AssertionError(f"no such input: {text}")
