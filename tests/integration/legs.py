"""Calls as a phone outside saw them: when each began, was answered and ended."""

from __future__ import annotations

from typing import Any

import msgspec

from tests import phones

__all__ = ["Leg", "legs_of"]


class Leg(msgspec.Struct, frozen=True):
    """One call as a phone outside saw it; seconds since the epoch."""

    number: str
    began: float
    answered: float | None
    ended: float | None


def legs_of(phone: phones.SippPhone) -> list[Leg]:
    """Each call of that phone, in the order in which they began."""
    by_call: dict[str, list[Any]] = {}
    for message in phone.messages:
        by_call.setdefault(message.call_id, []).append(message)
    found = []
    for messages in by_call.values():
        invite = messages[0]
        if invite.method != "INVITE" or invite.status:
            continue
        answered = next((each.time for each in messages if each.status == 200 and each.method == "INVITE"), None)
        if not any(each.method == "ACK" for each in messages):
            answered = None
        ended = next((each.time for each in messages if each.method == "BYE"), None)
        found.append(Leg(f"+{invite.called.removeprefix('+')}", invite.time, answered, ended))
    return found
