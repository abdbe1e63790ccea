"""What Asterisk's records tell of transfers: whose phones were rung for the customer, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from ctc_ari.calls.model import Agent
from ctc_ari.calls.outcomes import transfer_outcome
from ctc_ari.log.legs import CLEARED, ChannelStory
from ctc_ari.log.row import House, LogAgent, LogTransfer

__all__ = ["agent_of", "has_met", "over_at", "transfers_of"]

#: Seconds by which one who is released leaves the bridge after another one has come into it, or before.
_MOMENT = 0.05


def agent_of(channel: ChannelStory, house: House) -> Agent | None:
    """Whose phone that is; several agents may be reached through one endpoint, and we said which of them is meant."""
    if channel.endpoint == house.trunk:
        return None
    if channel.marks.part:
        return house.agent(channel.identity) or house.agent(channel.endpoint)
    return house.agent(channel.dialled_as) or house.agent(channel.endpoint) or house.agent(channel.number)


def has_met(channel: ChannelStory, customer: ChannelStory, ours: Sequence[ChannelStory]) -> bool:
    """Whether they were connected.

    In a consultation they pass each other when one of them is led out; who was left with nobody else was connected.
    """
    passing = _MOMENT if channel.marks.part == "target" and channel.marks.mode == "attended" else 0.0
    others = [span for one in ours if one not in (channel, customer) for span in one.in_bridges]
    return any(
        until - since > passing or not any(came < until < left for came, left in others)
        for since, until in channel.together(customer)
    )


def over_at(customer: ChannelStory, ours: Sequence[ChannelStory]) -> float | None:
    """When it was over for the customer, who waits outside the bridge while a blind transfer's target is rung."""
    left = customer.left_at
    rung = (one for one in ours if one.marks.part == "target" and one.marks.mode == "blind")
    waits = left is not None and any(
        one.started_at <= left < _ends(one) and not has_met(one, customer, ours) for one in rung
    )
    return customer.ended_at if waits else left


def transfers_of(customer: ChannelStory, ours: Sequence[ChannelStory], house: House) -> tuple[LogTransfer, ...]:
    """In the order in which they began; known by the marks that the service left."""
    targets = sorted((one for one in ours if one.marks.part == "target"), key=lambda one: one.started_at)
    return tuple(_transfer(target, customer, ours, house) for target in targets)


def _transfer(target: ChannelStory, customer: ChannelStory, ours: Sequence[ChannelStory], house: House) -> LogTransfer:
    state, reason, ended_at = _outcome(target, customer, ours)
    mode = "blind" if target.marks.mode == "blind" or not _consulted(target, customer, ours) else "attended"
    agent = agent_of(target, house)
    return LogTransfer(
        id=target.marks.id,
        mode=mode,
        to=target.marks.to,
        by=target.marks.by or "api",
        state=state,
        reason=reason,
        agent=None if agent is None else LogAgent(agent.email, agent.name, agent.extension),
        started_at=target.started_at,
        ended_at=ended_at,
    )


def _consulted(target: ChannelStory, customer: ChannelStory, ours: Sequence[ChannelStory]) -> bool:
    """Whether the agent waited for the target to answer, and did not leave that to the customer."""
    met = [(other, span) for other in ours if other is not target for span in target.together(other)]
    if target.answered_at is not None:
        return any(since < target.answered_at <= until for _, (since, until) in met)
    #: When all end at once, each leaves the bridge in its own time.
    decided = _ends(target) - _MOMENT
    left = [other for other, (_, until) in met if until < decided or _gave_up(other, target, customer)]
    return not left


def _gave_up(agent: ChannelStory, target: ChannelStory, customer: ChannelStory) -> bool:
    """Whether she hung up while the target's phone rang."""
    return agent.hung_up_itself and _ends(agent) < min(_ends(target), _ends(customer))


def _ends(channel: ChannelStory) -> float:
    return channel.ended_at or float("inf")


def _outcome(
    target: ChannelStory, customer: ChannelStory, ours: Sequence[ChannelStory]
) -> tuple[str, str | None, float | None]:
    """State, reason, and when that was."""
    if has_met(target, customer, ours):
        return "completed", None, target.together(customer)[-1][0]
    if target.hung_up_itself and target.answered_at is not None:
        return "failed", "hangup", target.ended_at
    if target.cause not in CLEARED:
        return "failed", transfer_outcome(None, target.cause), target.ended_at
    return "cancelled", None, target.ended_at
