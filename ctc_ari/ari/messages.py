"""What Asterisk says, in plain data: events -> inputs, a listing -> what was observed. No I/O.

Source: Asterisk's own API description, https://docs.asterisk.org (Asterisk REST Interface).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from ctc_ari.calls.ids import belongs_to, owner_of
from ctc_ari.calls.inputs import LegAnswered, LegGone, LegHeld, LegReady, LegRinging
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.ports import Arrived, DialAnswered, Heard, Left, Referred

__all__ = [
    "ALLOWED_EVENTS",
    "Application",
    "ApplicationReplaced",
    "Bridge",
    "Channel",
    "Event",
    "Info",
    "RestResponse",
    "UserEvent",
    "Variable",
    "decode_event",
    "observe",
    "to_input",
]


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


class StasisEnd(msgspec.Struct, frozen=True, tag=True):
    channel: Channel


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


class UserEvent(msgspec.Struct, frozen=True, tag="ChannelUserevent"):
    """What was sent with `POST /events/user/{eventName}`, by us."""


class RestResponse(msgspec.Struct, frozen=True, tag="RESTResponse"):
    """The answer to a request sent over the event socket (Asterisk 22.4 and later)."""

    request_id: str
    status_code: int
    message_body: str = ""


class _Other(msgspec.Struct, frozen=True):
    type: Annotated[str, msgspec.Meta(min_length=1)]


Event = (
    StasisStart
    | StasisEnd
    | ChannelDestroyed
    | Dial
    | ChannelHold
    | ChannelUnhold
    | ChannelTransfer
    | ApplicationReplaced
    | UserEvent
    | RestResponse
)

#: What `PUT /applications/{app}/eventFilter` lets through; without RESTResponse no answer would ever arrive.
ALLOWED_EVENTS = (
    "StasisStart",
    "StasisEnd",
    "ChannelDestroyed",
    "Dial",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelTransfer",
    "ApplicationReplaced",
    "ChannelUserevent",
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
        case StasisEnd(channel):
            return channel.id, Left()
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
