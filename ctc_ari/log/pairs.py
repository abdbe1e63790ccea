"""Asterisk's CDR without its CEL, as from an Asterisk elsewhere: records of pairs of channels, to the second."""

from __future__ import annotations

from collections.abc import Sequence

from ctc_ari.calls.model import EndReason
from ctc_ari.log.records import CdrRow
from ctc_ari.log.row import House, LogAgent, LogRow, disposition_of

__all__ = ["row_of_pairs"]


def row_of_pairs(linkedid: str, rows: Sequence[CdrRow], house: House) -> LogRow | None:
    """Asterisk's CDR alone: who called whom is right, ringing and talking are to the second, and holding is unknown."""
    if not rows:
        return None
    rows = sorted(rows, key=lambda row: (row.start, row.sequence))
    first = rows[0]
    ended_at = max(row.end for row in rows)
    joined = [row for row in rows if row.dstchannel and row.answer]
    answered_at = joined[0].answer if joined else None
    from_trunk = _endpoint(first.channel) == house.trunk
    to_trunk = any(_endpoint(row.dstchannel) == house.trunk for row in rows)
    direction = "inbound" if from_trunk else "outbound" if to_trunk or house.agent(first.dst) is None else "internal"
    if answered_at is not None:
        reason = EndReason.COMPLETED
    elif direction == "inbound":
        reason = EndReason.AGENT_NO_ANSWER
    else:
        reason = {"BUSY": EndReason.CUSTOMER_BUSY, "NO ANSWER": EndReason.CUSTOMER_NO_ANSWER}.get(
            first.disposition, EndReason.FAILED
        )
    names = dict.fromkeys(name for row in rows for name in (_endpoint(row.channel), _endpoint(row.dstchannel)) if name)
    agents = [agent for name in names if name != house.trunk and (agent := house.agent(name))]
    return LogRow(
        id=linkedid,
        linkedid=linkedid,
        source="asterisk",
        direction=direction,  # type: ignore[arg-type]
        number=house.spell(first.src if from_trunk else first.dst),
        did=(house.spell(first.dst) or None) if from_trunk else None,
        agent_email=next((agent.email for agent in agents if agent.email), None),
        agents=tuple(LogAgent(agent.email, agent.name, agent.extension, answered_at is not None) for agent in agents),
        end_reason=reason,
        ended_by="system",
        started_at=first.start,
        agent_answered_at=answered_at if from_trunk else None,
        answered_at=answered_at,
        ended_at=ended_at,
        ring_seconds=max(0.0, (answered_at or ended_at) - first.start),
        talk_seconds=0.0 if answered_at is None else max(0.0, ended_at - answered_at),
        disposition=disposition_of(direction, answered_at is not None, reason),
    )


def _endpoint(channel: str) -> str:
    return channel.partition("/")[2].rpartition("-")[0]
