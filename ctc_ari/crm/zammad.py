"""Zammad's generic CTI contract: newCall, answer and hangup for its caller log, callers that it blocks, caller IDs.

https://docs.zammad.org/en/latest/api/generic-cti/index.html

newCall is a question, too, so it is asked before a phone rings, and what Zammad says in time counts. The outbox then
finds that message sent already; all others go through it, and so does this one when there was no answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec
import structlog

from ctc_ari.calls.commands import CallDesk
from ctc_ari.calls.inputs import HangUp, ShowCallerId
from ctc_ari.calls.model import Agent, Call, Contact, EndReason
from ctc_ari.calls.ports import CallStore, Happening, Logged
from ctc_ari.crm.builtin import BuiltinCrm
from ctc_ari.crm.cache import DOWN_SECONDS, PATIENCE
from ctc_ari.crm.calls import StoreAround
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
#: What Zammad shows customers: international, without +.
_CALLER_ID = re.compile(r"[1-9][0-9]{6,14}")
#: It answers so to a newCall that it has already: our attempt before this one arrived, and its answer did not.
_KNOWN = b"already exists"
#: Answers to newCall that nobody has come for: of calls that were never told.
MOST_GREETED = 1000
#: RFC 5842, 7.1: as good as delivered.
ALREADY_REPORTED = 208

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
    """What Zammad says to newCall; its documentation has `callerId`, itself it says `caller_id`."""

    action: str | None = None
    reason: str | None = None
    caller_id: str | None = None
    callerId: str | None = None  # noqa: N815 -- theirs


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

    def __init__(
        self, url: str, remote: Remote, directory: Directory, caller_id: str | None, patience: float = PATIENCE
    ) -> None:
        super().__init__(directory)
        self._zammad = _Zammad(url, remote)
        #: What customers see of agents who have no caller ID of their own.
        self._caller_id = caller_id
        self._patience = patience

    @property
    def told(self) -> Sequence[str] | None:
        """The beginning, the answer and the end."""
        return tuple(_NAMES)

    def sender(self, desk: CallDesk) -> Send:
        """A POST of each, and what Zammad answers."""
        self._zammad.desk = desk
        return self._zammad

    def keeping(self, store: CallStore) -> CallStore:
        """Zammad is asked of each call between its row and its phones."""
        return _StoreThatAsks(store, self._ask)

    def close(self) -> None:
        """Wait for no answer any more."""
        self._zammad.close()

    async def _ask(self, call: Call) -> None:
        """Until it has answered, or for as long as a phone may wait. Never raises."""
        payload = self.encode(Happening(call, "call.created", call.created_at, 1))
        if payload is not None:
            await self._zammad.greet(call, payload, self._patience)

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


class _StoreThatAsks(StoreAround):
    """Implements `CallStore`: a call that has its row goes on when this has been asked."""

    def __init__(self, store: CallStore, ask: Callable[[Call], Awaitable[None]]) -> None:
        super().__init__(store)
        self._ask = ask

    async def add(self, call: Call) -> Contact | None:
        """Only a call that comes about is told."""
        contact = await self._store.add(call)
        await self._ask(call)
        return contact


class _Zammad:
    """Implements `Send`; what it answers to newCall is done, while nobody talks yet."""

    def __init__(self, url: str, remote: Remote) -> None:
        self._url = url
        self._remote = remote
        #: Made after the store that asks.
        self.desk: CallDesk | None = None
        #: By call: asked before its phone rang; the outbox comes for how that went.
        self._greeted: OrderedDict[str, asyncio.Task[Attempt]] = OrderedDict()
        #: Until then nobody waits for it: it did not answer in time.
        self._slow_until = float("-inf")
        #: Whether it answered the last outbound call with a caller ID; without one a click waits for nothing.
        self._sets_caller_ids = True
        self._answers = msgspec.json.Decoder(_Answer)

    def close(self) -> None:
        """Wait for no answer any more."""
        for task in self._greeted.values():
            task.cancel()

    async def greet(self, call: Call, payload: str, patience: float) -> None:
        """Ask, and wait no longer than this; an answer that comes later counts as far as it can. Never raises."""
        task = asyncio.create_task(self._send(call.id, "call.created", payload), name="zammad")
        self._greeted[call.id] = task
        if len(self._greeted) > MOST_GREETED:
            self._greeted.popitem(last=False)
        if time.monotonic() < self._slow_until or (call.direction == "outbound" and not self._sets_caller_ids):
            return
        await asyncio.wait((task,), timeout=patience)
        if not (task.done() and not task.cancelled() and task.exception() is None and task.result().delivered):
            self._slow_until = time.monotonic() + DOWN_SECONDS

    async def __call__(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """2xx is delivered, whatever it says."""
        greeted = self._greeted.pop(delivery.call_id, None) if delivery.type == "call.created" else None
        if greeted is not None:
            return await greeted
        return await self._send(delivery.call_id, delivery.type, delivery.payload)

    async def _send(self, call_id: str, event: str, payload: str) -> Attempt:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        answer = await self._remote.request("POST", self._url, headers=headers, body=payload.encode())
        if answer.status is None or not 200 <= answer.status < 300:
            if event == "call.created" and _KNOWN in answer.body:
                return Attempt(ALREADY_REPORTED)
            return Attempt(answer.status, answer.error, answer.retry_after)
        if event == "call.created" and answer.error is None:
            await self._obey(call_id, answer.body)
        return Attempt(answer.status)

    async def _obey(self, call_id: str, body: bytes) -> None:
        try:
            answer = self._answers.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if self.desk is None:
            return
        try:
            call = await self.desk.find(call_id)
            if call.direction == "outbound":
                self._sets_caller_ids = answer.action == "dial"
            if not call.live or call.answered_at is not None:
                return
            caller_id = answer.caller_id or answer.callerId or ""
            if answer.action == "reject" and call.direction == "inbound":
                log.info("caller blocked by Zammad", call=call_id)
                await self.desk.control(call_id, HangUp("system"))
            elif answer.action == "dial" and call.direction == "outbound" and _CALLER_ID.fullmatch(caller_id):
                await self.desk.control(call_id, ShowCallerId(f"+{caller_id}"))
        except CtcError as error:
            log.warning("what Zammad wants cannot be done", call=call_id, wants=answer.action, code=error.code)
