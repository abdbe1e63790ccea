"""ARI in plain data: requests of the engine -> REST, events -> inputs, a listing -> what was observed. No I/O.

Source: Asterisk's own API description, https://docs.asterisk.org (Asterisk REST Interface).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec

from ctc_ari.calls.effects import (
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    HangUpLeg,
    Music,
    Mute,
    Originate,
    PlayTone,
    PressKeys,
    RecordBridge,
    Recording,
    Request,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.ids import belongs_to
from ctc_ari.calls.inputs import Input, LegAnswered, LegGone, LegReady, LegRinging, Observed
from ctc_ari.calls.model import Call, Leg, LegStage, Role, bridge_id, channel_id, owner_of, recording_name

__all__ = [
    "ALLOWED_EVENTS",
    "Application",
    "ApplicationReplaced",
    "Bridge",
    "Channel",
    "Event",
    "Info",
    "Rest",
    "RestResponse",
    "Variable",
    "decode_event",
    "observe",
    "to_input",
    "to_rest",
]


class Rest(msgspec.Struct, frozen=True):
    """One REST request below the ARI root; `body` is sent as JSON."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None


class Channel(msgspec.Struct, frozen=True):
    """The part of ARI's Channel that we read."""

    id: str
    state: str = ""


class Bridge(msgspec.Struct, frozen=True):
    """The part of ARI's Bridge that we read."""

    id: str
    channels: tuple[str, ...] = ()


class Application(msgspec.Struct, frozen=True):
    """The part of ARI's Application that we read."""

    name: str


class Variable(msgspec.Struct, frozen=True):
    """`GET /asterisk/variable`; empty when it was never set."""

    value: str = ""


class _System(msgspec.Struct, frozen=True):
    version: str = ""


class _Status(msgspec.Struct, frozen=True):
    startup_time: str = ""


class Info(msgspec.Struct, frozen=True):
    """`GET /asterisk/info`."""

    system: _System = _System()
    status: _Status = _Status()

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor; (0, 0) for a build that names itself otherwise."""
        parts = self.system.version.removeprefix("certified/").split("-")[0].split(".")
        digits = [int(part) for part in parts[:2] if part.isdigit()]
        return (digits[0], digits[1] if len(digits) > 1 else 0) if digits else (0, 0)


class StasisStart(msgspec.Struct, frozen=True, tag=True):
    channel: Channel


class ChannelDestroyed(msgspec.Struct, frozen=True, tag=True):
    channel: Channel
    cause: int = 0
    #: Final SIP status, since Asterisk 22.
    tech_cause: int | None = None


class Dial(msgspec.Struct, frozen=True, tag=True):
    peer: Channel
    dialstatus: str = ""


class ApplicationReplaced(msgspec.Struct, frozen=True, tag=True):
    """Somebody else connected as the same application; this socket gets nothing more."""

    application: str = ""


class RestResponse(msgspec.Struct, frozen=True, tag="RESTResponse"):
    """The answer to a request sent over the event socket (Asterisk 22.4 and later)."""

    request_id: str
    status_code: int
    message_body: str = ""


class _Other(msgspec.Struct, frozen=True):
    type: Annotated[str, msgspec.Meta(min_length=1)]


Event = StasisStart | ChannelDestroyed | Dial | ApplicationReplaced | RestResponse

#: What `PUT /applications/{app}/eventFilter` lets through; without RESTResponse no answer would ever arrive.
ALLOWED_EVENTS = ("StasisStart", "ChannelDestroyed", "Dial", "ApplicationReplaced", "RESTResponse")

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_other = msgspec.json.Decoder(_Other)


def decode_event(text: str | bytes) -> Event | None:
    """One message of the event socket; None for a kind we do not use. Raises msgspec.ValidationError for garbage."""
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        if _other.decode(text).type in ALLOWED_EVENTS:
            raise
        return None


def to_input(event: Event) -> tuple[str, Input] | None:
    """The call an event belongs to and what it means for it."""
    match event:
        case StasisStart(Channel(asterisk_id, "Up")):
            #: An originated channel comes to us once it is answered, and only then can it be bridged.
            call_id, role = _leg(asterisk_id)
            return call_id, LegAnswered(role)
        case StasisStart(channel):
            call_id, role = _leg(channel.id)
            return call_id, LegReady(role)
        case Dial(peer, "RINGING"):
            call_id, role = _leg(peer.id)
            return call_id, LegRinging(role)
        case Dial(peer, "ANSWER"):
            call_id, role = _leg(peer.id)
            return (call_id, LegAnswered(role)) if role == "customer" else None
        case ChannelDestroyed(channel, cause, tech_cause):
            call_id, role = _leg(channel.id)
            return call_id, LegGone(role, cause or None, tech_cause or None)
        case _:
            return None


def _leg(asterisk_id: str) -> tuple[str, Role]:
    call_id, role = owner_of(asterisk_id)
    return call_id, "agent" if role == "bridge" else role


def to_rest(call: Call, request: Request, app: str, caller_id: str | None) -> Rest:
    """The REST request that does it; `caller_id` is what customers see when the agent has none of her own."""
    agent, bridge = call.agent_leg.channel, bridge_id(call.id)
    match request:
        case Originate(timeout):
            query = (("endpoint", call.agent_leg.endpoint), ("app", app), ("timeout", str(timeout)))
            return Rest("POST", f"channels/{agent}", query, {"variables": _agent_variables(call)})
        case CreateLeg():
            #: With an originator both channels share the agent's linkedid.
            shown = call.agent.caller_id or caller_id
            return _create(call.customer_leg, app, (("originator", agent),), _customer_variables(call, shown))
        case DialLeg(role, timeout):
            return Rest("POST", f"channels/{channel_id(call.id, role)}/dial", (("timeout", str(timeout)),))
        case CreateBridge():
            return Rest("POST", f"bridges/{bridge}", (("type", "mixing"),))
        case BridgeLegs():
            both = f"{agent},{call.customer_leg.channel}"
            return Rest("POST", f"bridges/{bridge}/addChannel", (("channel", both),))
        case StartRingback():
            return Rest("POST", f"channels/{agent}/ring")
        case StopRingback():
            return Rest("DELETE", f"channels/{agent}/ring")
        case PlayTone(tone):
            return Rest("POST", f"channels/{agent}/play", (("media", f"tone:{tone}"),))
        case Mute(role, on):
            path = f"channels/{channel_id(call.id, role)}/mute"
            return Rest("POST" if on else "DELETE", path, (("direction", "in"),))
        case Music(role, on):
            return Rest("POST" if on else "DELETE", f"channels/{channel_id(call.id, role)}/moh")
        case RecordBridge(number, action):
            return _record(call.id, number, action)
        case PressKeys(digits):
            return Rest("POST", f"channels/{call.customer_leg.channel}/dtmf", (("dtmf", digits),))
        case HangUpLeg(role):
            return Rest("DELETE", f"channels/{channel_id(call.id, role)}")
        case DestroyBridge():
            return Rest("DELETE", f"bridges/{bridge}")
    raise TypeError(f"no REST request for {type(request).__name__}")


#: `i` inhibits the update that would otherwise be sent for each part.
_NUMBER, _NAME = "CONNECTEDLINE(num,i)", "CONNECTEDLINE(name,i)"

#: One header per family of phones: Call-Info answer-after (RFC 5373 came later; Snom, Yealink, Grandstream, Linphone),
#: Alert-Info (Yealink, Cisco, Fanvil), Answer-Mode (RFC 5373).
_AUTO_ANSWER = {
    "PJSIP_HEADER(add,Call-Info)": "<sip:auto-answer.invalid>;answer-after=0",
    "PJSIP_HEADER(add,Alert-Info)": "<http://auto-answer.invalid>;info=alert-autoanswer;delay=0",
    "PJSIP_HEADER(add,Answer-Mode)": "Auto",
}


def _record(call_id: str, number: int, action: Recording) -> Rest:
    name = recording_name(call_id, number)
    match action:
        case Recording.START:
            query = (("name", name), ("format", "wav"), ("ifExists", "fail"))
            return Rest("POST", f"bridges/{bridge_id(call_id)}/record", query)
        case Recording.PAUSE:
            return Rest("POST", f"recordings/live/{name}/pause")
        case Recording.RESUME:
            return Rest("DELETE", f"recordings/live/{name}/pause")
        case Recording.STOP:
            return Rest("POST", f"recordings/live/{name}/stop")


def _create(leg: Leg, app: str, more: tuple[tuple[str, str], ...], variables: dict[str, str]) -> Rest:
    query = (("endpoint", leg.endpoint), ("app", app), ("channelId", leg.channel), *more)
    return Rest("POST", "channels/create", query, {"variables": variables})


def _agent_variables(call: Call) -> dict[str, str]:
    """The agent's phone shows the customer; her own identity is what the channel's records carry."""
    variables = {"CALLERID(num)": call.agent.extension or "", "CALLERID(name)": display_name(call.agent.name)}
    variables |= _connected_line(call.number)
    if call.contact:
        variables[_NAME] = display_name(call.contact.name)
    if call.agent.auto_answer:
        variables |= _AUTO_ANSWER
    return variables


def _customer_variables(call: Call, shown: str | None) -> dict[str, str]:
    """Her phone sees the agent's or the trunk's number; this side's own identity stays the number dialled."""
    return {"CALLERID(num)": call.number} | _connected_line(shown)


def _connected_line(number: str | None) -> dict[str, str]:
    return {_NUMBER: number, "CONNECTEDLINE(num-pres,i)": "allowed"} if number else {}


def display_name(name: str) -> str:
    """A name that can stand in a SIP header whatever it contains: no control characters, no quotes, at most 80."""
    plain = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in name)
    return " ".join(plain.replace('"', "'").replace("\\", "/").split())[:80]


_STAGES = {
    "Down": LegStage.READY,
    "Rsrvd": LegStage.READY,
    "Dialing": LegStage.DIALING,
    "Ring": LegStage.DIALING,
    "Ringing": LegStage.RINGING,
    "Up": LegStage.UP,
}


def observe(app: str, channels: Iterable[Channel], bridges: Iterable[Bridge], started: str) -> dict[str, Observed]:
    """What a node has of each of our calls, from its lists of channels and bridges."""
    stages: dict[str, dict[str, LegStage]] = {}
    bridged: dict[str, frozenset[Role]] = {}
    for channel in channels:
        call_id, role = owner_of(channel.id)
        if belongs_to(app, call_id) and role != "bridge":
            stages.setdefault(call_id, {})[role] = _STAGES.get(channel.state, LegStage.DIALING)
    for bridge in bridges:
        call_id, role = owner_of(bridge.id)
        if belongs_to(app, call_id) and role == "bridge":
            members = frozenset(part for owner, part in map(_leg, bridge.channels) if owner == call_id)
            bridged[call_id] = members
    return {
        call_id: Observed(
            stages.get(call_id, {}).get("agent"),
            stages.get(call_id, {}).get("customer"),
            bridge=call_id in bridged,
            bridged=bridged.get(call_id, frozenset()),
            asterisk_started=started,
        )
        for call_id in stages.keys() | bridged.keys()
    }
