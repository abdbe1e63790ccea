"""Call ids: chosen by us, recognisable in Asterisk, ordered by time."""

from __future__ import annotations

import re
import secrets

__all__ = ["belongs_to", "is_call_id", "new_call_id"]


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
