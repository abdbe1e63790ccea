"""One row of the call log: a call as the customer sees it, with all that transfers made of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

import msgspec

from ctc_ari.calls.model import Agent, Contact, EndedBy, EndReason

__all__ = ["Disposition", "House", "LogAgent", "LogRow", "LogTransfer", "Quality", "Recorded", "disposition_of"]


class Disposition(StrEnum):
    """What became of the call, as the customer sees it."""

    #: The customer and somebody of ours were connected.
    ANSWERED = "answered"
    #: Outbound: the customer's phone was called and did not answer.
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    #: Outbound: our side gave up before the customer answered; `end_reason` says who and why.
    CANCELLED = "cancelled"
    #: The customer could not be reached, or something went wrong.
    FAILED = "failed"
    #: Inbound: nobody of ours took the call.
    MISSED = "missed"
    #: Inbound: the caller gave up before anybody answered.
    ABANDONED = "abandoned"


class LogAgent(msgspec.Struct, frozen=True):
    """Somebody of ours who had to do with the call, and whether the customer was connected with her."""

    email: str
    name: str = ""
    extension: str | None = None
    talked: bool = False


class LogTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to hand the customer over, as in `Transfer`; times are Unix seconds."""

    id: str
    mode: str
    to: str
    by: str
    state: str
    reason: str | None = None
    agent: LogAgent | None = None
    started_at: float
    ended_at: float | None = None


class Recorded(msgspec.Struct, frozen=True):
    """A recording: Asterisk's name of it, and the call below which it is fetched under this number."""

    name: str
    call_id: str
    number: int


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How well one leg was heard: what its last RTCP reports say (RFC 3550, 6.4). None: unknown.

    `mos` is from 1 to 5, by the E-model (ITU-T G.107) from loss, jitter and delay; `loss` is a share of packets,
    `jitter` and `rtt` are seconds. `remote_` is what the phone says that it received of us.
    """

    leg: str
    channel: str
    mos: float | None = None
    loss: float | None = None
    jitter: float | None = None
    remote_loss: float | None = None
    remote_jitter: float | None = None
    rtt: float | None = None


class House(msgspec.Struct, frozen=True):
    """What only the configuration and the directory tell."""

    #: The endpoint behind which the outside world is.
    trunk: str
    #: By endpoint, dial string without `PJSIP/`, or extension; None: nobody we know.
    agent: Callable[[str], Agent | None]
    #: A number as a carrier or a phone wrote it -> E.164, or as it was.
    spell: Callable[[str], str]


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """See /docs/call-log.md for what each field means. Times are Unix seconds, durations seconds."""

    id: str
    linkedid: str
    #: The ids of the call and of those that came of its transfers, in order.
    calls: tuple[str, ...] = ()
    #: `asterisk`: the service had no part in it.
    source: Literal["service", "asterisk"] = "service"
    node: str = ""
    direction: Literal["outbound", "inbound", "internal"]
    number: str = ""
    did: str | None = None
    agent_email: str | None = None
    agents: tuple[LogAgent, ...] = ()
    device: str | None = None
    contact: Contact | None = None
    #: Placed from that record, found by the number, or chosen by somebody afterwards.
    contact_by: Literal["record", "number", "person"] | None = None
    #: All who share the number, when there are several.
    candidates: tuple[Contact, ...] = ()
    end_reason: EndReason
    ended_by: EndedBy | None = None
    started_at: float
    agent_answered_at: float | None = None
    answered_at: float | None = None
    ended_at: float
    ring_seconds: float = 0.0
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0
    disposition: Disposition
    transfers: tuple[LogTransfer, ...] = ()
    recordings: tuple[Recorded, ...] = ()
    quality: tuple[Quality, ...] = ()
    notes: str | None = None
    outcome: str | None = None

    @property
    def agent_emails(self) -> tuple[str, ...]:
        """Whose call it was, each once."""
        return tuple(dict.fromkeys(agent.email for agent in self.agents if agent.email))


_OF_CUSTOMER = {
    EndReason.CUSTOMER_NO_ANSWER: Disposition.NO_ANSWER,
    EndReason.CUSTOMER_BUSY: Disposition.BUSY,
    EndReason.CUSTOMER_REJECTED: Disposition.REJECTED,
}
_OF_OUR_SIDE = frozenset(
    {
        EndReason.AGENT_NO_ANSWER,
        EndReason.AGENT_BUSY,
        EndReason.AGENT_REJECTED,
        EndReason.AGENT_HANGUP,
        EndReason.CANCELLED,
    }
)


def disposition_of(direction: str, answered: bool, reason: EndReason) -> Disposition:
    """What became of a call that ended so."""
    if answered:
        return Disposition.ANSWERED
    if direction == "inbound":
        if reason is EndReason.CUSTOMER_HANGUP:
            return Disposition.ABANDONED
        return Disposition.FAILED if reason in (EndReason.FAILED, EndReason.LOST) else Disposition.MISSED
    if reason in _OF_CUSTOMER:
        return _OF_CUSTOMER[reason]
    #: A caller inside the house who gives up is our side, too.
    ours = reason in _OF_OUR_SIDE or (direction == "internal" and reason is EndReason.CUSTOMER_HANGUP)
    return Disposition.CANCELLED if ours else Disposition.FAILED
