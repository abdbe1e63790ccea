"""A row of the call log as the outside sees it."""

from __future__ import annotations

from typing import Literal

import msgspec

from ctc_ari.calls.model import Contact, EndedBy, EndReason
from ctc_ari.http.calls import PATH
from ctc_ari.http.moments import moment, moment_or_none
from ctc_ari.log.row import Disposition, LogAgent, LogRow, LogTransfer, Quality

__all__ = ["LogTransferView", "LogView", "log_view"]


class LogTransferView(msgspec.Struct, frozen=True):
    """One attempt to hand the customer over."""

    id: str
    mode: str
    to: str
    agent: LogAgent | None
    by: str
    state: str
    reason: str | None
    started_at: str
    ended_at: str | None


class LogView(msgspec.Struct, frozen=True):
    """One call with all that its transfers made of it; every key is always there."""

    id: str
    #: The ids of the call and of those that came of its transfers.
    calls: tuple[str, ...]
    #: `asterisk`: the service had no part in it.
    source: Literal["service", "asterisk"]
    direction: str
    number: str
    did: str | None
    #: Who had the customer last.
    agent: LogAgent | None
    #: All who had to do with it, in the order in which they came to it.
    agents: tuple[LogAgent, ...]
    device: str | None
    contact: Contact | None
    contact_by: Literal["record", "number", "person"] | None
    #: All who share the number, when there are several.
    candidates: tuple[Contact, ...]
    disposition: Disposition
    end_reason: EndReason
    ended_by: EndedBy | None
    started_at: str
    agent_answered_at: str | None
    answered_at: str | None
    ended_at: str
    ring_seconds: float
    talk_seconds: float
    hold_seconds: float
    transfers: tuple[LogTransferView, ...]
    #: Where each can be fetched.
    recordings: tuple[str, ...]
    quality: tuple[Quality, ...]
    notes: str | None
    outcome: str | None


def log_view(row: LogRow) -> LogView:
    """As `GET /call-log` and `call.logged` show it."""
    return LogView(
        id=row.id,
        calls=row.calls,
        source=row.source,
        direction=row.direction,
        number=row.number,
        did=row.did,
        agent=next((agent for agent in reversed(row.agents) if agent.email and agent.email == row.agent_email), None),
        agents=row.agents,
        device=row.device,
        contact=row.contact,
        contact_by=row.contact_by,
        candidates=row.candidates,
        disposition=row.disposition,
        end_reason=row.end_reason,
        ended_by=row.ended_by,
        started_at=moment(row.started_at),
        agent_answered_at=moment_or_none(row.agent_answered_at),
        answered_at=moment_or_none(row.answered_at),
        ended_at=moment(row.ended_at),
        ring_seconds=round(row.ring_seconds, 3),
        talk_seconds=round(row.talk_seconds, 3),
        hold_seconds=round(row.hold_seconds, 3),
        transfers=tuple(_transfer(transfer) for transfer in row.transfers),
        recordings=tuple(f"{PATH}/{each.call_id}/recordings/{each.number}" for each in row.recordings),
        quality=row.quality,
        notes=row.notes,
        outcome=row.outcome,
    )


def _transfer(transfer: LogTransfer) -> LogTransferView:
    return LogTransferView(
        id=transfer.id,
        mode=transfer.mode,
        to=transfer.to,
        agent=transfer.agent,
        by=transfer.by,
        state=transfer.state,
        reason=transfer.reason,
        started_at=moment(transfer.started_at),
        ended_at=moment_or_none(transfer.ended_at),
    )
