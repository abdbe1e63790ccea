"""The first source: what the engine knows of a call and of those that came of its transfers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ctc_ari.calls.ids import recording_name
from ctc_ari.calls.model import Agent, Call, EndReason, Transfer
from ctc_ari.log.row import LogAgent, LogRow, LogTransfer, Recorded, disposition_of

__all__ = ["chain_is_over", "chains", "needs_asterisk", "row_of_calls"]


def chain_is_over(chain: Sequence[Call]) -> bool:
    """Whether nothing more comes: all have ended, and the last one was not handed over to another call of ours."""
    return all(not call.live for call in chain) and chain[-1].end_reason is not EndReason.TRANSFERRED


def needs_asterisk(chain: Sequence[Call]) -> bool:
    """Whether only Asterisk's own records tell the whole of it.

    We were away, or waited in vain for something of which the news may have been lost, or left a caller to the
    dialplan, which knows phones to ring.
    """
    return any(call.interrupted or call.ended_by == "system" for call in chain)


def row_of_calls(chain: Sequence[Call]) -> LogRow:
    """The row of a call and its successors, in the order in which they began; all have ended."""
    first, last = chain[0], chain[-1]
    assert last.ended_at is not None
    assert last.end_reason is not None
    answered = first.answered_at
    return LogRow(
        id=first.id,
        linkedid=first.linkedid or first.id,
        calls=tuple(call.id for call in chain),
        node=first.node,
        direction=first.direction,
        number=first.number,
        did=first.did,
        agent_email=last.agent.email or None,
        agents=_agents(chain),
        device=first.device,
        contact=last.contact,
        contact_by=last.contact_by,
        end_reason=last.end_reason,
        ended_by=last.ended_by,
        started_at=first.created_at,
        agent_answered_at=first.agent_answered_at,
        answered_at=answered,
        ended_at=last.ended_at,
        ring_seconds=_rang(first),
        talk_seconds=0.0 if answered is None else max(0.0, last.ended_at - answered),
        hold_seconds=sum(call.waited for call in chain),
        disposition=disposition_of(first.direction, answered is not None, last.end_reason),
        transfers=tuple(_transfer(transfer) for call in chain for transfer in call.transfers),
        recordings=tuple(
            Recorded(recording_name(call.id, number), call.id, number)
            for call in chain
            for number in range(1, call.recordings + 1)
        ),
    )


def _rang(call: Call) -> float:
    """How long the customer's phone rang, or the caller heard ours ring."""
    since = call.created_at if call.direction == "inbound" else call.agent_answered_at
    until = call.answered_at or call.decided_at or call.ended_at
    return 0.0 if since is None or until is None else max(0.0, until - since)


def _agents(chain: Sequence[Call]) -> tuple[LogAgent, ...]:
    """In the order in which they came to it, each once."""
    found: dict[str, LogAgent] = {}
    for call in chain:
        for rung in call.rung:
            _note(found, Agent(rung if "@" in rung else "", extension=None if "@" in rung else rung))
        _note(found, call.agent, talked=call.answered_at is not None)
        for transfer in call.transfers:
            if not transfer.target.outside:
                _note(found, transfer.target.agent)
    return tuple(found.values())


def _note(found: dict[str, LogAgent], agent: Agent, *, talked: bool = False) -> None:
    key = agent.email or agent.extension
    if not key:
        return
    known = found.get(key)
    talked = talked or (known is not None and known.talked)
    name, extension = agent.name, agent.extension
    if known is not None:
        name, extension = name or known.name, extension or known.extension
    found[key] = LogAgent(agent.email, name, extension, talked)


def _transfer(transfer: Transfer) -> LogTransfer:
    target = transfer.target
    agent = target.agent
    return LogTransfer(
        id=transfer.id,
        mode=transfer.mode,
        to=target.to,
        by=transfer.by,
        state=transfer.state,
        reason=transfer.reason,
        agent=None if target.outside or not (agent.email or agent.extension) else _one(agent),
        started_at=transfer.started_at,
        ended_at=transfer.ended_at,
    )


def _one(agent: Agent) -> LogAgent:
    return LogAgent(agent.email, agent.name, agent.extension)


def chains(calls: Iterable[Call]) -> list[list[Call]]:
    """Calls sorted into chains, each call before the one that came of its transfer; the oldest chain first."""
    by_id = {call.id: call for call in calls}
    following = {call.transferred_from: call for call in by_id.values() if call.transferred_from}
    found: list[list[Call]] = []
    for call in sorted(by_id.values(), key=lambda each: each.created_at):
        if call.transferred_from in by_id:
            continue
        chain = [call]
        while (after := following.get(chain[-1].id)) is not None and after not in chain:
            chain.append(after)
        found.append(chain)
    return found
