"""The ids of calls and of their parts in Asterisk: chosen by us, recognisable there, ordered by time."""

from __future__ import annotations

import re
import secrets
from typing import Literal

__all__ = [
    "belongs_to",
    "bridge_id",
    "channel_id",
    "is_call_id",
    "new_call_id",
    "other_channel_id",
    "owner_of",
    "recording_name",
    "side_bridge_id",
]

_CUSTOMER_SUFFIX = ".c"
_BRIDGE_SUFFIX = ".b"
_PART = re.compile(r"[cb]|[xy][0-9]{3,}")


def new_call_id(app: str, now: float) -> str:
    """`<app>-` and 32 hex digits laid out as UUIDv7 (RFC 9562 section 5.7) lays out time and chance."""
    milliseconds = int(now * 1000) & 0xFFFF_FFFF_FFFF
    chance = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return f"{app}-{value:032x}"


def is_call_id(name: str) -> bool:
    """Whether a service, under whatever name, chose this id."""
    return re.fullmatch(r".+-[0-9a-f]{32}", name) is not None


def belongs_to(app: str, call_id: str) -> bool:
    """Whether this id is one of ours."""
    return re.fullmatch(re.escape(app) + r"-[0-9a-f]{32}", call_id) is not None


def channel_id(call_id: str, role: Literal["agent", "customer"]) -> str:
    """The agent's channel carries the call's own id, so that it is the `linkedid` of every CDR and CEL row."""
    return call_id if role == "agent" else call_id + _CUSTOMER_SUFFIX


def other_channel_id(call_id: str, number: int) -> str:
    """Any further channel's id. All are equally long: Asterisk refuses an id that a living one begins with."""
    return f"{call_id}.x{number:03}"


def bridge_id(call_id: str) -> str:
    """The id of the bridge in which both sides meet."""
    return call_id + _BRIDGE_SUFFIX


def side_bridge_id(call_id: str, number: int) -> str:
    """The bridge in which a supervisor listens."""
    return f"{call_id}.y{number:03}"


def recording_name(call_id: str, number: int) -> str:
    """What Asterisk calls the call's recording of this number, from 1."""
    return f"{call_id}-{number}"


def owner_of(asterisk_id: str) -> str:
    """The call after which a channel or bridge is named."""
    owner, _, part = asterisk_id.rpartition(".")
    return owner if _PART.fullmatch(part) else asterisk_id
