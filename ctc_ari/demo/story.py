"""Tells what happens to calls, one line each, as somebody at the desk would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ctc_ari.calls.model import Call, EndReason, Transfer
from ctc_ari.calls.ports import Happening

__all__ = ["Story"]

_ENDINGS = {
    EndReason.COMPLETED: "the conversation is over",
    EndReason.AGENT_NO_ANSWER: "{agent} did not answer",
    EndReason.AGENT_BUSY: "{agent}'s phone is busy",
    EndReason.AGENT_REJECTED: "{agent} rejected the call",
    EndReason.AGENT_HANGUP: "{agent} hung up before {customer} answered",
    EndReason.CUSTOMER_BUSY: "{customer} is busy; {agent} heard the busy tone",
    EndReason.CUSTOMER_NO_ANSWER: "{customer} did not answer; {agent} heard a tone",
    EndReason.CUSTOMER_REJECTED: "{customer} rejected the call; {agent} heard a tone",
    EndReason.UNREACHABLE: "the number or phone cannot be reached",
    EndReason.CANCELLED: "cancelled",
    EndReason.FAILED: "the call failed",
    EndReason.LOST: "lost while the service was away",
    EndReason.CUSTOMER_HANGUP: "{customer} gave up; {agent} missed the call",
    EndReason.TRANSFERRED: "{agent} is free again, {customer} talks with somebody else",
}


class Story:
    """A listener that says lines; calls that an earlier demo left behind are not part of it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[str] = set()

    def heard(self, happening: Happening) -> None:
        """Say this one, if it is worth a line."""
        if happening.event == "call.created":
            self._told.add(happening.call.id)
        line = _line(happening)
        if line and happening.call.id in self._told:
            self._say(f"{datetime.fromtimestamp(happening.at):%H:%M:%S}  {line}")
        if happening.event == "call.ended":
            self._told.discard(happening.call.id)


def _line(happening: Happening) -> str:
    call = happening.call
    agent = call.agent.name or call.agent.email
    customer = _printable(call.contact.name) if call.contact else call.number
    match happening.event:
        case "call.created":
            return _beginning(call, agent, customer)
        case "call.offered":
            return f"ringing   {agent}'s phone rings and shows {customer} ({call.number})"
        case "call.agent_ringing" if call.direction == "outbound":
            return f"ringing   {agent}'s phone rings and shows {customer} ({call.number})"
        case "call.agent_answered" if call.direction == "outbound":
            return f"answered  {agent} picked up; now {customer} is called"
        case "call.customer_ringing":
            return f"ringing   {customer}'s phone rings; {agent} hears it ring"
        case "call.answered" if not call.transferred_from:
            answered = agent if call.direction == "inbound" else customer
            return f"talking   {answered} answered: {agent} and {customer} are connected"
        case "call.held":
            return f"hold      {customer} hears music"
        case "call.resumed":
            return f"talking   {agent} and {customer} again"
        case "call.transfer_started" | "call.transfer_answered" | "call.transfer_cancelled" if call.transfer:
            return _transferring(happening.event, call.transfer, agent, customer)
        case "call.ended":
            return f"ended     {_ending(call, agent, customer)}"
        case _:
            return ""


def _beginning(call: Call, agent: str, customer: str) -> str:
    if call.transferred_from:
        return f"transfer  {customer} is connected with {agent}"
    if call.direction == "inbound":
        return f"incoming  {customer} calls {call.did}"
    return f"click     {agent} wants to call {call.number}"


def _transferring(event: str, transfer: Transfer, agent: str, customer: str) -> str:
    target = (transfer.target.agent.name if transfer.target.agent else "") or transfer.target.to
    if event == "call.transfer_started":
        return f"transfer  {target}'s phone rings; {customer} waits"
    if event == "call.transfer_answered":
        return f"transfer  {target} answered and talks with {agent} first; {customer} hears music"
    return f"transfer  came to nothing; {agent} and {customer} again"


def _ending(call: Call, agent: str, customer: str) -> str:
    reason = call.end_reason or EndReason.FAILED
    words = _ENDINGS.get(reason, reason.value).format(agent=agent, customer=customer)
    if call.answered_at is not None and call.ended_at is not None:
        words += f" after {call.ended_at - call.answered_at:.0f} s"
    if reason is EndReason.COMPLETED and call.ended_by in ("agent", "customer"):
        words += f"; {agent if call.ended_by == 'agent' else customer} hung up"
    return f"{words}  [{reason.value}]"


def _printable(name: str) -> str:
    """A contact's name cannot play tricks with the terminal."""
    return "".join(c if c.isprintable() else " " for c in name)
