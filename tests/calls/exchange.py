"""A small Asterisk: channels, one bridge, requests served in order, events in each channel's order."""

from __future__ import annotations

from collections import Counter, deque

from ctc_ari.calls.effects import (
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    HangUpLeg,
    Originate,
    PlayTone,
    Request,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.inputs import Input, LegAnswered, LegGone, LegReady, LegRinging, Observed
from ctc_ari.calls.leg import LegStage, Role

__all__ = ["Exchange"]

#: A dialled channel is listed as Down until its phone rings.
_LISTED = {"down": LegStage.READY, "dialled": LegStage.READY, "ringing": LegStage.RINGING, "up": LegStage.UP}


class Exchange:
    """What Asterisk has of one call."""

    def __init__(self) -> None:
        self.started = 0
        self.channels: dict[Role, str] = {}
        self.bridge = False
        self.members: set[Role] = set()
        #: The agent hears that the customer's phone rings.
        self.ringback = False
        self.dials: Counter[Role] = Counter()
        self.requests: deque[Request] = deque()
        self.events: dict[str, deque[Input]] = {"agent": deque(), "customer": deque()}

    @property
    def idle(self) -> bool:
        """Nothing is on its way, in either direction."""
        return not self.requests and not any(self.events.values())

    def serve(self, request: Request) -> int:
        """Carry one request out; the HTTP status, as Asterisk 22 answers."""
        match request:
            case Originate():
                if "agent" in self.channels:
                    return 409
                self.channels["agent"] = "dialled"
                self.dials["agent"] += 1
            case CreateLeg(role):
                if role in self.channels:
                    return 409
                self.channels[role] = "down"
                self.events[role].append(LegReady(role))
            case DialLeg(role):
                if role not in self.channels:
                    return 404
                if self.channels[role] in ("ringing", "up"):
                    return 409
                self.channels[role] = "dialled"
                self.dials[role] += 1
            case CreateBridge():
                if self.bridge:
                    return 409
                self.bridge = True
            case BridgeLegs():
                if not self.bridge:
                    return 404
                if self.channels.keys() < {"agent", "customer"}:
                    return 400
                self.members = {"agent", "customer"}
            case StartRingback() | StopRingback():
                if "agent" not in self.channels:
                    return 404
                self.ringback = isinstance(request, StartRingback)
            case PlayTone() if "agent" not in self.channels:
                return 404
            case HangUpLeg(role):
                if role not in self.channels:
                    return 404
                self.lose(role, LegGone(role, 16))
            case DestroyBridge():
                if not self.bridge:
                    return 404
                self.bridge = False
                self.members.clear()
        return 204

    def ring(self, role: Role) -> None:
        self.channels[role] = "ringing"
        self.events[role].append(LegRinging(role))

    def answer(self, role: Role, *, listening: bool = True) -> None:
        """An agent who answers comes to the application, and is hung up on when nobody listens there."""
        if role == "agent" and not listening:
            self.lose(role, LegGone(role, 16))
            return
        self.channels[role] = "up"
        self.events[role].append(LegAnswered(role))

    def lose(self, role: Role, told: LegGone) -> None:
        """The channel is gone."""
        del self.channels[role]
        self.members.discard(role)
        self.ringback = self.ringback and role != "agent"
        self.events[role].append(told)

    def restart(self) -> None:
        """Everything is gone and nothing is told."""
        self.started += 1
        self.channels.clear()
        self.bridge = self.ringback = False
        self.members.clear()
        self.drop_socket()

    def drop_socket(self) -> None:
        """What was on its way is lost."""
        self.requests.clear()
        for events in self.events.values():
            events.clear()

    def listed(self) -> Observed:
        """What a snapshot says about the call."""
        stages = {role: _LISTED[state] for role, state in self.channels.items()}
        return Observed(
            stages.get("agent"),
            stages.get("customer"),
            bridge=self.bridge,
            bridged=frozenset(self.members),
            asterisk_started=str(self.started),
        )
