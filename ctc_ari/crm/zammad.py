"""Zammad's generic CTI contract: newCall, answer and hangup for its caller log, and callers that it blocks.

https://docs.zammad.org/en/latest/api/generic-cti/index.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import structlog

from ctc_ari.calls.commands import CallDesk
from ctc_ari.calls.inputs import HangUp
from ctc_ari.calls.model import Agent, Call, EndReason
from ctc_ari.calls.ports import Logged
from ctc_ari.crm.builtin import BuiltinCrm
from ctc_ari.directory import Directory
from ctc_ari.errors import CtcError
from ctc_ari.outbox import Attempt, Delivery, Send, Told, Webhook
from ctc_ari.remote import Remote

__all__ = ["ZammadCrm", "cause_of"]

log = structlog.get_logger(__name__)

#: What Zammad hears of, in our words and in its own.
_NAMES: Mapping[str, Literal["newCall", "answer", "hangup"]] = {
    "call.created": "newCall",
    "call.answered": "answer",
    "call.ended": "hangup",
}
#: A number that is withheld.
ANONYMOUS = "anonymous"

#: The seven causes that Zammad knows; it tells missed calls by them. `None`: by what became of the call.
_CAUSES: Mapping[EndReason, str] = {
    EndReason.COMPLETED: "normalClearing",
    EndReason.TRANSFERRED: "forwarded",
    EndReason.CUSTOMER_BUSY: "busy",
    EndReason.AGENT_BUSY: "busy",
    EndReason.CUSTOMER_NO_ANSWER: "noAnswer",
    EndReason.CUSTOMER_REJECTED: "noAnswer",
    EndReason.AGENT_NO_ANSWER: "noAnswer",
    EndReason.AGENT_REJECTED: "noAnswer",
    EndReason.CUSTOMER_HANGUP: "cancel",
    EndReason.AGENT_HANGUP: "cancel",
    EndReason.CANCELLED: "cancel",
    EndReason.UNREACHABLE: "notFound",
    EndReason.FAILED: "congestion",
    EndReason.LOST: "congestion",
}
#: Before an outbound call reaches the customer, it is the caller who did not come to it.
_AGENTS_OWN = frozenset({EndReason.AGENT_BUSY, EndReason.AGENT_NO_ANSWER, EndReason.AGENT_REJECTED})


class _Event(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One event, in Zammad's words."""

    event: Literal["newCall", "answer", "hangup"]
    #: Without +.
    from_: str = msgspec.field(name="from")
    to: str
    direction: Literal["in", "out"]
    call_id: str
    #: The agents' real names.
    user: tuple[str, ...] = ()
    #: Found among Zammad's users by phone, login or id: an e-mail address is a login and never an id.
    answering_number: str | None = None
    cause: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    """What Zammad says to newCall; that it would like another caller ID comes too late, the agent has hers."""

    action: str | None = None
    reason: str | None = None


def cause_of(call: Call) -> str:
    """Why it ended, in Zammad's words."""
    reason = call.end_reason
    if reason is None:
        return "congestion"
    if reason in (EndReason.CUSTOMER_HANGUP, EndReason.AGENT_HANGUP, EndReason.CANCELLED) and call.answered_at:
        return "normalClearing"
    if call.direction == "outbound" and reason in _AGENTS_OWN:
        return "cancel"
    return _CAUSES[reason]


class ZammadCrm(BuiltinCrm):
    """Implements `Crm`: agents and contacts are ours, Zammad hears of calls with customers."""

    def __init__(self, url: str, remote: Remote, directory: Directory, caller_id: str | None) -> None:
        super().__init__(directory)
        self._url = url
        self._remote = remote
        #: What customers see of agents who have no caller ID of their own.
        self._caller_id = caller_id

    @property
    def told(self) -> Sequence[str] | None:
        """The beginning, the answer and the end."""
        return tuple(_NAMES)

    def sender(self, desk: CallDesk) -> Send:
        """A POST of each, and what Zammad answers."""
        return _Zammad(self._url, self._remote, desk)

    def encode(self, happening: Told) -> str | None:
        """None for calls between agents, which are no customer's."""
        name = _NAMES.get(happening.event)
        if name is None or isinstance(happening, Logged):
            return None
        call = happening.call
        if call.direction == "internal":
            return None
        inbound = call.direction == "inbound"
        customer = call.number.removeprefix("+") or ANONYMOUS
        ours = (call.did or "").removeprefix("+") if inbound else self._shown(call.agent)
        answered = call.answered_at is not None
        event = _Event(
            name,
            customer if inbound else ours,
            ours if inbound else customer,
            "in" if inbound else "out",
            call.id,
            user=(call.agent.name,) if call.agent.name else (),
            answering_number=call.agent.email if answered and call.agent.email else None,
            cause=cause_of(call) if name == "hangup" else None,
        )
        return msgspec.json.encode(event).decode()

    def _shown(self, agent: Agent) -> str:
        return (agent.caller_id or self._caller_id or agent.extension or ANONYMOUS).removeprefix("+")


class _Zammad:
    """Implements `Send`; a caller whom Zammad blocks is turned away while nobody talks to him."""

    def __init__(self, url: str, remote: Remote, desk: CallDesk) -> None:
        self._url = url
        self._remote = remote
        self._desk = desk
        self._answers = msgspec.json.Decoder(_Answer)

    async def __call__(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """2xx is delivered, whatever it says."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        answer = await self._remote.request("POST", self._url, headers=headers, body=delivery.payload.encode())
        if answer.status is None or not 200 <= answer.status < 300:
            return Attempt(answer.status, answer.error, answer.retry_after)
        if delivery.type == "call.created" and answer.error is None and self._rejects(answer.body):
            await self._turn_away(delivery.call_id)
        return Attempt(answer.status)

    def _rejects(self, body: bytes) -> bool:
        try:
            return self._answers.decode(body).action == "reject"
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False

    async def _turn_away(self, call_id: str) -> None:
        try:
            call = await self._desk.find(call_id)
            if call.live and call.direction == "inbound" and call.answered_at is None:
                log.info("caller blocked by Zammad", call=call_id)
                await self._desk.control(call_id, HangUp("system"))
        except CtcError as error:
            log.warning("blocked caller not turned away", call=call_id, code=error.code)
