"""A small Asterisk that speaks REST: any number of channels and bridges, requests served in order, then events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ctc_ari.ari.rest import Rest, to_rest
from ctc_ari.calls.effects import Request
from ctc_ari.calls.inputs import LegAnswered, LegGone, LegReady, LegRinging
from ctc_ari.calls.model import Call, LegStage
from ctc_ari.calls.ports import NOT_SENT, DialAnswered, Heard, Replied, Snapshot

__all__ = ["Channel", "Sent", "Switchboard"]

#: A dialled channel is listed as Down until its phone rings; a caller's is Ring until we answer.
_LISTED = {
    "down": LegStage.READY,
    "dialled": LegStage.READY,
    "caller": LegStage.DIALING,
    "ringing": LegStage.RINGING,
    "up": LegStage.UP,
}


@dataclass
class Channel:
    """One channel and what is played to it."""

    #: `originated`, `created`, `foreign` (from the dialplan), `snoop`.
    kind: str
    state: str
    endpoint: str = ""
    #: Whose end is told: the dialplan's only to those who asked.
    watched: bool = True
    snoops_on: str = ""
    music: bool = False
    ringback: bool = False
    muted: bool = False
    #: Its phone has put the call on hold.
    holds: bool = False


@dataclass
class Sent:
    """A request under way."""

    call_id: str
    request: Request
    rest: Rest
    replied: Replied


@dataclass
class Switchboard:
    """What Asterisk has, and what is on its way to it and from it. Implements `Telephony`."""

    node: str = "pbx1"
    app: str = "ctc"
    behind: float = 0.0
    connected: bool = True
    starts: int = 0
    channels: dict[str, Channel] = field(default_factory=dict)
    bridges: dict[str, set[str]] = field(default_factory=dict)
    #: Asterisk does not let the id of a bridge that is gone be used again.
    destroyed: set[str] = field(default_factory=set)
    dials: Counter[str] = field(default_factory=Counter)
    requests: deque[Sent] = field(default_factory=deque)
    replies: deque[tuple[Sent, int]] = field(default_factory=deque)
    events: dict[str, deque[Heard]] = field(default_factory=dict)
    #: Channels with which the dialplan went on.
    left: set[str] = field(default_factory=set)

    @property
    def started(self) -> str:
        return str(self.starts)

    @property
    def idle(self) -> bool:
        """Nothing is on its way, in either direction."""
        return not self.requests and not self.replies and not any(self.events.values())

    # the desk's side

    def perform(self, call: Call, requests: Sequence[Request], replied: Replied) -> None:
        """Queue them, in this order."""
        for request in requests:
            if self.connected:
                rest = to_rest(call, request, self.app, None)
                self.requests.append(Sent(call.id, request, rest, replied))
            else:
                replied(request, NOT_SENT)

    def discard(self, channels: Sequence[str], bridges: Sequence[str] = ()) -> None:
        """Queue their removal."""
        self._unheard([f"channels/{channel}" for channel in channels] + [f"bridges/{bridge}" for bridge in bridges])

    def leave(self, channel: str) -> None:
        """Queue it."""
        self._unheard([f"channels/{channel}/continue"], "POST")

    def _unheard(self, paths: Sequence[str], method: str = "DELETE") -> None:
        for path in paths:
            rest = Rest("DELETE" if method == "DELETE" else "POST", path)
            self.requests.append(Sent("", Request(), rest, lambda _request, _status: None))

    def snapshot(self) -> Snapshot:
        """As listed after a connection came up."""
        channels = {name: _LISTED[channel.state] for name, channel in self.channels.items()}
        bridges = {name: frozenset(members) for name, members in self.bridges.items()}
        return Snapshot(self.node, self.started, channels, bridges)

    # Asterisk's side

    def serve(self, rest: Rest) -> int:
        """Carry one request out; the HTTP status, as Asterisk 22 answers."""
        kind, _, rest_of_path = rest.path.partition("/")
        name, _, what = rest_of_path.partition("/")
        query = dict(rest.query)
        match kind:
            case "channels" if name == "create":
                return self._make(query["channelId"], Channel("created", "down", query["endpoint"]), LegReady(""))
            case "channels" if not what:
                if rest.method == "DELETE":
                    return self._removed(name)
                self.dials[name] += 1
                return self._make(name, Channel("originated", "dialled", query["endpoint"]), None)
            case "channels":
                return self._serve_channel(name, what, query, on=rest.method == "POST")
            case "bridges":
                return self._serve_bridge(name, what, query, rest.method)
            case "applications":
                watched = query["eventSource"].removeprefix("channel:")
                assert watched, "Asterisk would tell of every channel there is"
                if watched not in self.channels:
                    return 422
                self.channels[watched].watched = True
        return 204

    def _make(self, name: str, channel: Channel, told: Heard | None) -> int:
        """Asterisk refuses an id that a living one begins with."""
        if any(other.startswith(name) for other in self.channels):
            return 409
        self.channels[name] = channel
        if told is not None:
            self.tell(name, told)
        return 200

    def _removed(self, name: str) -> int:
        if name not in self.channels:
            return 404
        self.lose(name, LegGone("", 16))
        return 204

    def _serve_channel(self, name: str, what: str, query: dict[str, str], *, on: bool) -> int:
        channel = self.channels.get(name)
        if channel is None:
            return 404
        match what.partition("/")[0]:
            case "dial":
                if channel.state not in ("down", "dialled"):
                    return 409
                channel.state = "dialled"
                self.dials[name] += 1
            case "snoop":
                return self._make(what.partition("/")[2], Channel("snoop", "up", snoops_on=name), LegAnswered(""))
            case "continue":
                self.left.add(name)
                self._forget(name)
            case "answer":
                #: What rang was the caller's own phone.
                channel.state, channel.ringback = "up", False
            case "ring":
                #: One generator for both: what begins takes the place of what was played.
                channel.ringback, channel.music = on, channel.music and not on
            case "moh":
                channel.music, channel.ringback = on, channel.ringback and not on
            case "mute":
                channel.muted = on
        return 204

    def _serve_bridge(self, name: str, what: str, query: dict[str, str], method: str) -> int:
        if not what and method == "POST":
            if name in self.bridges or name in self.destroyed:
                return 409
            self.bridges[name] = set()
            return 200
        if name not in self.bridges:
            return 404
        named = query.get("channel", "").split(",")
        match what:
            case "":
                del self.bridges[name]
                self.destroyed.add(name)
            case "addChannel" | "removeChannel" if not self.channels.keys() >= {*named}:
                return 400
            case "addChannel":
                if any(self.channels[one].kind == "originated" and self.channels[one].state != "up" for one in named):
                    return 422
                for members in self.bridges.values():
                    members.difference_update(named)
                self.bridges[name].update(named)
                for other in self.bridges[name] if any(self.channels[one].holds for one in named) else ():
                    self.channels[other].music |= not self.channels[other].holds
            case "removeChannel":
                if not self.bridges[name] >= {*named}:
                    return 422
                self.bridges[name].difference_update(named)
        return 204

    def tell(self, name: str, heard: Heard) -> None:
        """It is on its way."""
        self.events.setdefault(name, deque()).append(heard)

    def lose(self, name: str, told: LegGone) -> None:
        """The channel is gone, and whoever snooped on it; of those Asterisk never tells."""
        channel = self.channels[name]
        self._forget(name)
        if channel.watched and channel.kind != "snoop":
            self.tell(name, told)
        for snoop in [other for other, listens in self.channels.items() if listens.snoops_on == name]:
            self._forget(snoop)

    def _forget(self, name: str) -> None:
        del self.channels[name]
        for members in self.bridges.values():
            members.discard(name)

    def drop_socket(self) -> None:
        """What was on its way is lost."""
        self.requests.clear()
        self.replies.clear()
        self.events.clear()

    def restart(self) -> None:
        """Everything is gone and nothing is told."""
        self.starts += 1
        self.channels.clear()
        self.bridges.clear()
        self.destroyed.clear()
        self.drop_socket()

    # people

    def ring(self, name: str) -> None:
        """The phone says that it rings."""
        self.channels[name].state = "ringing"
        self.tell(name, LegRinging(""))

    def answer(self, name: str) -> None:
        """An originated channel comes to the application, and is hung up on when nobody listens there."""
        channel = self.channels[name]
        if channel.kind == "originated" and not self.connected:
            self.lose(name, LegGone("", 16))
            return
        channel.state = "up"
        self.tell(name, LegAnswered("") if channel.kind == "originated" else DialAnswered())

    def arrive(self, name: str, endpoint: str, heard: Heard) -> None:
        """The dialplan hands a channel over."""
        self.channels[name] = Channel("foreign", "caller", endpoint, watched=False)
        self.tell(name, heard)

    def named(self, fits: Callable[[Channel], bool]) -> list[str]:
        """The channels of which this holds, in an order that does not depend on chance."""
        return sorted(name for name, channel in self.channels.items() if fits(channel))
