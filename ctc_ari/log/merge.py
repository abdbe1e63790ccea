"""Both sources together: the engine knows who and why, Asterisk knows when, also while the service was away."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.model import EndedBy, EndReason
from ctc_ari.log.row import LogAgent, LogRow, LogTransfer, disposition_of

__all__ = ["completed_by", "continued", "corrected_by", "kept", "same"]

#: What the engine says when it does not know.
_UNKNOWN = frozenset({EndReason.LOST, EndReason.FAILED, EndReason.TRANSFERRED})
#: What Asterisk says when it does not.
_VAGUE = frozenset({EndReason.LOST, EndReason.FAILED, EndReason.CANCELLED})
#: Two clocks' readings of one event are that near.
_SAME_SECONDS = 0.1


def completed_by(engine: LogRow, asterisk: LogRow) -> LogRow:
    """The engine's row of a call during which the service was away, with what Asterisk saw meanwhile."""
    if engine.answered_at is not None and asterisk.answered_at is None:
        #: Nobody thinks that he was answered who was not: the records have a hole.
        return engine
    talked = asterisk.answered_at is not None
    reason = _reason(engine, asterisk)
    agents = _all_agents(engine, asterisk)
    return replace(
        engine,
        agent_email=_last_who_talked(engine, asterisk) if talked else engine.agent_email or asterisk.agent_email,
        agents=agents,
        end_reason=reason,
        ended_by=_by(engine, asterisk),
        started_at=min(engine.started_at, asterisk.started_at),
        agent_answered_at=asterisk.agent_answered_at,
        answered_at=asterisk.answered_at,
        ended_at=asterisk.ended_at,
        ring_seconds=asterisk.ring_seconds,
        talk_seconds=asterisk.talk_seconds,
        hold_seconds=asterisk.hold_seconds,
        disposition=disposition_of(engine.direction, talked, reason),
        transfers=_all_transfers(engine, asterisk),
        quality=engine.quality or asterisk.quality,
    )


def _all_agents(engine: LogRow, asterisk: LogRow) -> tuple[LogAgent, ...]:
    """Those whom the engine names, who of them talked, and who came to it while the engine was away."""
    talked = {agent.email for agent in asterisk.agents if agent.talked}
    if asterisk.answered_at is not None and not talked:
        talked = {engine.agent_email or ""}
    known = {agent.email for agent in engine.agents}
    named = (replace(agent, talked=agent.talked or agent.email in talked) for agent in engine.agents)
    return (*named, *(agent for agent in asterisk.agents if agent.email not in known))


def _all_transfers(engine: LogRow, asterisk: LogRow) -> tuple[LogTransfer, ...]:
    """What came of each is what Asterisk saw; one that was begun right before the engine went may be unknown to it."""
    seen = {transfer.id: transfer for transfer in asterisk.transfers}
    known = tuple(
        replace(mine, state=theirs.state, reason=theirs.reason, mode=theirs.mode)
        if (theirs := seen.pop(mine.id, None))
        else mine
        for mine in engine.transfers
    )
    return tuple(sorted((*known, *seen.values()), key=lambda transfer: transfer.started_at))


def _reason(engine: LogRow, asterisk: LogRow) -> EndReason:
    """What a phone answered counts for more than that we gave up."""
    known, seen = engine.end_reason, asterisk.end_reason
    if known not in _UNKNOWN and (engine.answered_at is not None or seen in _VAGUE):
        return known
    if known is EndReason.AGENT_BUSY and seen is EndReason.UNREACHABLE:
        #: Whoever had another call was not rung for a caller.
        return known
    return seen


def _by(engine: LogRow, asterisk: LogRow) -> EndedBy | None:
    """A phone that hung up was first, whatever we were about to do; on whose behalf we did it the engine knows."""
    return engine.ended_by if asterisk.ended_by in (None, "system") and engine.ended_by else asterisk.ended_by


def corrected_by(engine: LogRow, asterisk: LogRow) -> LogRow:
    """The engine's row of a call that it saw from end to end.

    Asterisk may have been slower than both thought: when the phones were really released, its records tell.
    """
    if (engine.answered_at is None) is not (asterisk.answered_at is None):
        return completed_by(engine, asterisk)
    return replace(
        engine,
        ended_by=_by(engine, asterisk),
        started_at=min(engine.started_at, asterisk.started_at),
        agent_answered_at=asterisk.agent_answered_at,
        answered_at=asterisk.answered_at,
        ended_at=asterisk.ended_at,
        ring_seconds=asterisk.ring_seconds,
        talk_seconds=asterisk.talk_seconds,
        quality=engine.quality or asterisk.quality,
    )


def _last_who_talked(engine: LogRow, asterisk: LogRow) -> str | None:
    if any(agent.talked for agent in engine.agents):
        return engine.agent_email
    return asterisk.agent_email or engine.agent_email


def kept(new: LogRow, old: LogRow) -> LogRow:
    """The new row with what people wrote into the old one, and what was right in it."""
    new = continued(new, old)
    return old if same(new, old) else new


def continued(new: LogRow, old: LogRow) -> LogRow:
    """The new row with what people wrote into the old one."""
    return replace(
        new,
        id=old.id,
        contact=old.contact,
        contact_by=old.contact_by,
        candidates=old.candidates,
        notes=old.notes,
        outcome=old.outcome,
        quality=new.quality or old.quality,
    )


def same(one: LogRow, other: LogRow) -> bool:
    """Whether both say the same; times may differ by a tenth of a second."""
    for name in LogRow.__struct_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, float) and isinstance(theirs, float):
            if abs(mine - theirs) > _SAME_SECONDS:
                return False
        elif mine != theirs:
            return False
    return True
