"""What an answer of Asterisk's is worth: whom a request is about by now, and whether a refusal is one."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    HangUpLeg,
    RecordBridge,
    Recording,
    Request,
    StopRingback,
)
from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call

__all__ = ["as_of_now", "is_made_up_for", "removes"]


def as_of_now(request: Request, then: Call, now: Call) -> Request | None:
    """The request with the role that its channel has now; None: the channel has none, or it was one of several."""
    roles: tuple[Role, ...] = getattr(request, "roles", ())
    if any(then.leg(role).channel != now.leg(role).channel for role in roles):
        return None
    role: Role = getattr(request, "role", "")
    channel = then.leg(role).channel
    if not channel or now.leg(role).channel == channel:
        return request
    renamed = now.role_of(channel)
    return replace(request, role=renamed) if renamed else None


def removes(request: Request) -> bool:
    """What it is to end has ended already, when it is not found."""
    match request:
        case HangUpLeg() | StopRingback() | DestroyBridge() | RecordBridge(action=Recording.STOP):
            return True
        case _:
            return False


def is_made_up_for(request: Request) -> bool:
    """What is asked for again when the connection is back, so that nobody is cut off because it was lost just now."""
    return isinstance(request, CreateBridge | CreateLeg | BridgeLegs)
