"""What is asked of Asterisk: requests of the engine -> REST. No I/O.

Source: Asterisk's own API description, https://docs.asterisk.org (Asterisk REST Interface).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ctc_ari.calls.effects import (
    AnswerLeg,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
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
    Recording,
    Request,
    Spy,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.ids import recording_name, side_bridge_id
from ctc_ari.calls.leg import Leg, Role
from ctc_ari.calls.model import Agent, Call
from ctc_ari.log.marks import PART, cause_of, part_mark

__all__ = ["Rest", "display_name", "to_rest"]


class Rest(msgspec.Struct, frozen=True):
    """One REST request below the ARI root; `body` is sent as JSON."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None


def to_rest(call: Call, request: Request, app: str, caller_id: str | None) -> Rest:
    """The REST request that does it; `caller_id` is what people outside see when the agent has none of her own."""
    shown = call.agent.caller_id or caller_id
    match request:
        case Originate(timeout, role):
            leg = call.leg(role)
            query = (("endpoint", leg.endpoint), ("app", app), ("timeout", str(timeout)), *_originator(call, leg))
            variables = _phone_variables(call, role) | {PART: part_mark(call, role)}
            return Rest("POST", f"channels/{leg.channel}", query, {"variables": variables})
        case CreateLeg("customer"):
            #: With an originator both channels share the agent's linkedid.
            return _create(
                call.customer_leg,
                app,
                (("originator", call.agent_leg.channel),),
                _outside_variables(call.number, shown) | {PART: part_mark(call, "customer")},
            )
        case CreateLeg(role):
            leg = call.leg(role)
            variables = _target_variables(call, shown) | {PART: part_mark(call, role)}
            return _create(leg, app, _originator(call, leg), variables)
        case DialLeg(role, timeout):
            return Rest("POST", f"channels/{_channel(call, role)}/dial", (("timeout", str(timeout)),))
        case CreateBridge(side):
            return Rest("POST", f"bridges/{_bridge(call, side)}", (("type", "mixing"),))
        case BridgeLegs(roles, side):
            return Rest("POST", f"bridges/{_bridge(call, side)}/addChannel", (("channel", _channels(call, roles)),))
        case UnbridgeLegs(roles):
            return Rest("POST", f"bridges/{call.bridge_id}/removeChannel", (("channel", _channels(call, roles)),))
        case DestroyBridge(side):
            return Rest("DELETE", f"bridges/{_bridge(call, side)}")
        case RecordBridge(number, action):
            return _record(call, number, action)
        case HangUpLeg(role, cause):
            cause = cause or cause_of(call, role)
            reason = (("reason_code", str(cause)),) if cause else ()
            return Rest("DELETE", f"channels/{_channel(call, role)}", reason)
        case Watch(role):
            source = (("eventSource", f"channel:{_channel(call, role)}"),)
            return Rest("POST", f"applications/{app}/subscription", source)
        case Spy(role, whisper):
            query = (("spy", "both"), ("whisper", "out" if whisper else "none"), ("app", app))
            return Rest("POST", f"channels/{call.agent_leg.channel}/snoop/{_channel(call, role)}", query)
        case _:
            return _to_channel(call, request)


def _to_channel(call: Call, request: Request) -> Rest:
    """What is done to a channel without naming any other thing."""
    match request:
        case AnswerLeg(role):
            return Rest("POST", f"channels/{_channel(call, role)}/answer")
        case Keep(role):
            never = (("variable", "TIMEOUT(absolute)"), ("value", "0"))
            return Rest("POST", f"channels/{_channel(call, role)}/variable", never)
        case LeaveToDialplan(role):
            return Rest("POST", f"channels/{_channel(call, role)}/continue")
        case StartRingback(role):
            return Rest("POST", f"channels/{_channel(call, role)}/ring")
        case StopRingback(role):
            return Rest("DELETE", f"channels/{_channel(call, role)}/ring")
        case PlayTone(tone, role):
            return Rest("POST", f"channels/{_channel(call, role)}/play", (("media", f"tone:{tone}"),))
        case PlaySound(sound, role):
            return Rest("POST", f"channels/{_channel(call, role)}/play", (("media", f"sound:{sound}"),))
        case Mute(role, on):
            return Rest("POST" if on else "DELETE", f"channels/{_channel(call, role)}/mute", (("direction", "in"),))
        case Music(role, on):
            return Rest("POST" if on else "DELETE", f"channels/{_channel(call, role)}/moh")
        case PressKeys(digits, role):
            return Rest("POST", f"channels/{_channel(call, role)}/dtmf", (("dtmf", digits),))
        case TellPhone(role, progress):
            return Rest("POST", f"channels/{_channel(call, role)}/transfer_progress", (("states", progress.value),))
    raise TypeError(f"no REST request for {type(request).__name__}")


def _channel(call: Call, role: Role) -> str:
    """A released channel may have left the call already; its role is its name."""
    kind, _, channel = role.partition(":")
    return channel if kind == "former" else call.leg(role).channel


def _channels(call: Call, roles: Iterable[Role]) -> str:
    return ",".join(_channel(call, role) for role in roles)


def _bridge(call: Call, side: int) -> str:
    return side_bridge_id(call.id, side) if side else call.bridge_id


def _originator(call: Call, leg: Leg) -> tuple[tuple[str, str], ...]:
    """Every channel but the first belongs to the first one's records."""
    return () if leg.channel == call.id else (("originator", call.customer_leg.channel),)


#: `i` inhibits the update that would otherwise be sent for each part.
_NUMBER, _NAME = "CONNECTEDLINE(num,i)", "CONNECTEDLINE(name,i)"

#: One header per family of phones: Call-Info answer-after (RFC 5373 came later; Snom, Yealink, Grandstream, Linphone),
#: Alert-Info (Yealink, Cisco, Fanvil), Answer-Mode (RFC 5373).
_AUTO_ANSWER = {
    "PJSIP_HEADER(add,Call-Info)": "<sip:auto-answer.invalid>;answer-after=0",
    "PJSIP_HEADER(add,Alert-Info)": "<http://auto-answer.invalid>;info=alert-autoanswer;delay=0",
    "PJSIP_HEADER(add,Answer-Mode)": "Auto",
}


def _record(call: Call, number: int, action: Recording) -> Rest:
    name = recording_name(call.id, number)
    match action:
        case Recording.START:
            query = (("name", name), ("format", "wav"), ("ifExists", "fail"))
            return Rest("POST", f"bridges/{call.bridge_id}/record", query)
        case Recording.PAUSE:
            return Rest("POST", f"recordings/live/{name}/pause")
        case Recording.RESUME:
            return Rest("DELETE", f"recordings/live/{name}/pause")
        case Recording.STOP:
            return Rest("POST", f"recordings/live/{name}/stop")


def _create(leg: Leg, app: str, more: tuple[tuple[str, str], ...], variables: dict[str, str]) -> Rest:
    query = (("endpoint", leg.endpoint), ("app", app), ("channelId", leg.channel), *more)
    return Rest("POST", "channels/create", query, {"variables": variables})


#: The phone's own transfer key is told to us instead of being carried out by Asterisk (since 22.3, 21.8 and 20.13).
_TRANSFERS = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}


def _phone_variables(call: Call, role: Role) -> dict[str, str]:
    """The agent's phone shows the customer; her own identity is what the channel's records carry."""
    if role.startswith("supervisor:"):
        return _own_identity(call.agent) | _shows(call.agent.extension, call.agent.name)
    variables = _own_identity(call.agent) | _shows(call.number, call.contact.name if call.contact else "") | _TRANSFERS
    if call.agent.auto_answer and role in ("agent", "device"):
        variables |= _AUTO_ANSWER
    return variables


def _target_variables(call: Call, shown: str | None) -> dict[str, str]:
    """A colleague sees who is handed over to her, or who consults her."""
    transfer = call.transfers[-1]
    target = transfer.target
    if target.outside:
        return _outside_variables(target.to, shown)
    if transfer.mode == "attended":
        return _own_identity(target.agent) | _shows(call.agent.extension, call.agent.name) | _TRANSFERS
    name = call.contact.name if call.contact else ""
    return _own_identity(target.agent) | _shows(call.number, name) | _TRANSFERS


def _outside_variables(number: str, shown: str | None) -> dict[str, str]:
    """That phone sees the agent's or the trunk's number; this side's own identity stays the number dialled."""
    return {"CALLERID(num)": number} | _connected_line(shown)


def _own_identity(agent: Agent) -> dict[str, str]:
    return {"CALLERID(num)": agent.extension or "", "CALLERID(name)": display_name(agent.name)}


def _shows(number: str | None, name: str) -> dict[str, str]:
    return _connected_line(number) | ({_NAME: display_name(name)} if name else {})


def _connected_line(number: str | None) -> dict[str, str]:
    return {_NUMBER: number, "CONNECTEDLINE(num-pres,i)": "allowed"} if number else {}


def display_name(name: str) -> str:
    """A name that can stand in a SIP header whatever it contains: no control characters, no quotes, at most 80."""
    plain = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in name)
    return " ".join(plain.replace('"', "'").replace("\\", "/").split())[:80]
