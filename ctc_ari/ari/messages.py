"""ARI in plain data: requests of the engine -> REST, events -> inputs, a listing -> what was observed. No I/O.

Source: Asterisk's own API description, https://docs.asterisk.org (Asterisk REST Interface).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

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
from ctc_ari.calls.ids import belongs_to
from ctc_ari.calls.inputs import LegAnswered, LegGone, LegHeld, LegReady, LegRinging
from ctc_ari.calls.model import Agent, Call, Leg, LegStage, Role, owner_of, recording_name, side_bridge_id
from ctc_ari.calls.ports import Arrived, DialAnswered, Heard, Referred
from ctc_ari.log.marks import PART, cause_of, part_mark

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


class Caller(msgspec.Struct, frozen=True):
    """The part of ARI's CallerID that we read."""

    name: str = ""
    number: str = ""


class Dialplan(msgspec.Struct, frozen=True):
    """Where in the dialplan a channel is; in Stasis, `app_data` begins with the application's name."""

    app_name: str = ""
    app_data: str = ""


class Channel(msgspec.Struct, frozen=True):
    """The part of ARI's Channel that we read."""

    id: str
    state: str = ""
    #: `PJSIP/1001-00000005`.
    name: str = ""
    caller: Caller = Caller()
    dialplan: Dialplan = Dialplan()


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
    args: tuple[str, ...] = ()


class ChannelHold(msgspec.Struct, frozen=True, tag=True):
    channel: Channel


class ChannelUnhold(msgspec.Struct, frozen=True, tag=True):
    channel: Channel


class _Destination(msgspec.Struct, frozen=True):
    destination: str = ""
    #: The SIP Call-ID of the call to be replaced (RFC 3891).
    protocol_id: str | None = None


class _ReferTo(msgspec.Struct, frozen=True):
    requested_destination: _Destination = _Destination()
    destination_channel: Channel | None = None


class _ReferredBy(msgspec.Struct, frozen=True):
    source_channel: Channel


class ChannelTransfer(msgspec.Struct, frozen=True, tag=True):
    """A phone sent REFER; with a `state` it is what we told that phone ourselves."""

    refer_to: _ReferTo
    referred_by: _ReferredBy
    state: str | None = None


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


Event = (
    StasisStart
    | ChannelDestroyed
    | Dial
    | ChannelHold
    | ChannelUnhold
    | ChannelTransfer
    | ApplicationReplaced
    | RestResponse
)

#: What `PUT /applications/{app}/eventFilter` lets through; without RESTResponse no answer would ever arrive.
ALLOWED_EVENTS = (
    "StasisStart",
    "ChannelDestroyed",
    "Dial",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelTransfer",
    "ApplicationReplaced",
    "RESTResponse",
)

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


def to_input(event: Event) -> tuple[str, Heard] | None:
    """The channel an event is about and what it means; whose channel that is, the desk knows."""
    match event:
        case StasisStart(channel, args) if args:
            #: Only what the dialplan hands us has arguments.
            return channel.id, _arrived(channel, args)
        case StasisStart(channel):
            #: An originated channel comes to us once it is answered, and only then can it be bridged.
            return channel.id, LegAnswered("") if channel.state == "Up" else LegReady("")
        case Dial(peer, "RINGING"):
            return peer.id, LegRinging("")
        case Dial(peer, "ANSWER"):
            return peer.id, DialAnswered()
        case ChannelDestroyed(channel, cause, tech_cause):
            return channel.id, LegGone("", cause or None, tech_cause or None)
        case ChannelHold(channel):
            return channel.id, LegHeld("", True)
        case ChannelUnhold(channel):
            return channel.id, LegHeld("", False)
        case ChannelTransfer(_ReferTo(wanted, other), by, None):
            lost = wanted.protocol_id is not None and other is None
            return by.source_channel.id, Referred(wanted.destination, other.id if other else None, lost)
        case _:
            return None


def _arrived(channel: Channel, args: Sequence[str]) -> Arrived:
    """Of `Stasis(app,inbound,DID)` or `Stasis(app,dialled,EXTEN)`."""
    return Arrived(
        channel.id,
        "inbound" if args[0] == "inbound" else "dialled",
        args[1] if len(args) > 1 else "",
        channel.caller.number,
        channel.caller.name,
        channel.name.rpartition("-")[0],
    )


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


_STAGES = {
    "Down": LegStage.READY,
    "Rsrvd": LegStage.READY,
    "Dialing": LegStage.DIALING,
    "Ring": LegStage.DIALING,
    "Ringing": LegStage.RINGING,
    "Up": LegStage.UP,
}


def observe(
    app: str, channels: Iterable[Channel], bridges: Iterable[Bridge]
) -> tuple[dict[str, LegStage], dict[str, frozenset[str]]]:
    """Our channels and how far they have come, and our bridges and who is in them, from a node's lists."""

    def ours(asterisk_id: str) -> bool:
        return belongs_to(app, owner_of(asterisk_id))

    stages = {
        channel.id: _STAGES.get(channel.state, LegStage.DIALING)
        for channel in channels
        if ours(channel.id)
        or (channel.dialplan.app_name == "Stasis" and channel.dialplan.app_data.split(",")[0] == app)
    }
    return stages, {bridge.id: frozenset(bridge.channels) for bridge in bridges if ours(bridge.id)}
