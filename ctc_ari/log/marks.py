"""What the service leaves in Asterisk's records, so that these alone tell what a channel was for and why it ended.

- The variable `CTC_PART`, given to each channel with the request that makes it, becomes part of the userfield of its
  last CEL event, before the RTCP figures (`asterisk-config/extensions.conf`, `ctc-quality`).
- A channel that the service hangs up has the Q.850 cause of what happened to the call, as `Dial()` would pass it on.

Neither costs a request. A variable that is set later would: Asterisk sets it when nothing is played to the channel any
more, and keeps every other request on the event socket waiting until then.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

import msgspec

from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call, EndReason

__all__ = ["PART", "Marks", "cause_of", "ended_by_cause", "marks_of", "part_mark"]

PART = "CTC_PART"

#: What has no meaning for Asterisk wherever it stands, and is in numbers and addresses.
_PLAIN = "+@"
#: Q.850 as Asterisk numbers it.
_BUSY, _NO_ANSWER, _REJECTED, _UNREACHABLE, _FAILED, _LOST = 17, 19, 21, 20, 38, 41
_CAUSES = {
    EndReason.AGENT_BUSY: _BUSY,
    EndReason.AGENT_NO_ANSWER: _NO_ANSWER,
    EndReason.AGENT_REJECTED: _REJECTED,
    EndReason.CUSTOMER_BUSY: _BUSY,
    EndReason.CUSTOMER_NO_ANSWER: _NO_ANSWER,
    EndReason.CUSTOMER_REJECTED: _REJECTED,
    EndReason.UNREACHABLE: _UNREACHABLE,
    EndReason.FAILED: _FAILED,
    EndReason.LOST: _LOST,
}
_OF_AGENTS = {
    _BUSY: EndReason.AGENT_BUSY,
    _NO_ANSWER: EndReason.AGENT_NO_ANSWER,
    _REJECTED: EndReason.AGENT_REJECTED,
    _UNREACHABLE: EndReason.UNREACHABLE,
    _FAILED: EndReason.FAILED,
    _LOST: EndReason.LOST,
}
_OF_CUSTOMERS = _OF_AGENTS | {
    _BUSY: EndReason.CUSTOMER_BUSY,
    _NO_ANSWER: EndReason.CUSTOMER_NO_ANSWER,
    _REJECTED: EndReason.CUSTOMER_REJECTED,
}
_OF_TARGETS = {
    "busy": _BUSY,
    "no_answer": _NO_ANSWER,
    "rejected": _REJECTED,
    "unreachable": _UNREACHABLE,
    "failed": _FAILED,
}


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was for; empty: nobody said."""

    #: `agent`, `recall`, `customer`, `offer`, `device`, `supervisor`, or `target` of a transfer.
    part: str = ""
    #: The customer's, in E.164.
    number: str = ""
    #: Of a transfer, as in `Transfer`.
    id: str = ""
    mode: str = ""
    by: str = ""
    to: str = ""


def part_mark(call: Call, role: Role) -> str:
    """What the channel of that role is for."""
    kind = role.partition(":")[0]
    if kind == "agent":
        recalled = call.agent_leg.channel != call.id
        return _written(part="recall" if recalled else "agent", number=call.number)
    if kind == "target":
        transfer = call.transfers[-1]
        return _written(part=kind, id=transfer.id, mode=transfer.mode, by=transfer.by, to=transfer.target.to)
    return _written(part=kind)


def _written(**marks: str) -> str:
    return "".join(f"{name}={quote(value, safe=_PLAIN)};" for name, value in marks.items() if value)


def marks_of(userfield: str) -> Marks:
    """Those in a channel's userfield, whatever else is in it."""
    found: dict[str, str] = {}
    for pair in userfield.split(";"):
        name, _, value = pair.partition("=")
        if name in Marks.__struct_fields__:
            found[name] = unquote(value)
    return Marks(**found)


def cause_of(call: Call, role: Role) -> int | None:
    """Why the service hangs that channel up, in Q.850; None: nothing but that it is over."""
    if role in ("agent", "customer"):
        return _CAUSES.get(call.end_reason) if call.end_reason else None
    if not role.startswith("former:") or not call.live:
        return None
    if call.direction == "inbound" and call.answered_at is None:
        return _REJECTED if call.refusal is EndReason.AGENT_REJECTED else None
    transfer = call.transfer
    return _OF_TARGETS.get(transfer.reason or "") if transfer and transfer.state == "failed" else None


def ended_by_cause(cause: int | None, *, of_agents: bool) -> EndReason | None:
    """What the service said with the cause of a channel that it hung up; `of_agents`: to the customer."""
    return (_OF_AGENTS if of_agents else _OF_CUSTOMERS).get(cause or 0)
