"""The second source: a call's CEL and CDR rows, as Asterisk wrote them, become the same row of the log."""

from __future__ import annotations

from collections.abc import Sequence

from ctc_ari.calls.ids import is_call_id
from ctc_ari.calls.model import EndedBy, EndReason
from ctc_ari.calls.outcomes import agent_outcome, customer_outcome
from ctc_ari.log.handed import agent_of, has_met, over_at, transfers_of
from ctc_ari.log.legs import CLEARED, ChannelStory, Span, overlap, stories
from ctc_ari.log.marks import ended_by_cause
from ctc_ari.log.pairs import row_of_pairs
from ctc_ari.log.quality import quality_of
from ctc_ari.log.records import CdrRow, CelRow, is_party
from ctc_ari.log.row import House, LogAgent, LogRow, Quality, disposition_of

__all__ = ["is_complete", "row_of_records"]

#: Between two bridges, or an answer and the bridge, nobody hears a gap that short.
_NO_WAIT = 0.1
#: So soon after a phone refused to take the customer back, the customer's end was because of that.
_BECAUSE = 1.5


def is_complete(cel: Sequence[CelRow]) -> bool:
    """Whether Asterisk has told beginning and end of every channel."""
    channels = {row.uniqueid for row in cel if is_party(row.channame)}
    begun = {row.uniqueid for row in cel if row.eventtype == "CHAN_START"}
    ended = {row.uniqueid for row in cel if row.eventtype == "HANGUP"}
    return bool(channels) and channels <= begun & ended


def row_of_records(linkedid: str, cel: Sequence[CelRow], cdr: Sequence[CdrRow], house: House) -> LogRow | None:
    """The row of the call with that `linkedid`; None: nobody called anybody. CDR rows count where there is no CEL."""
    channels = stories(cel)
    if not channels:
        return row_of_pairs(linkedid, [row for row in cdr if is_party(row.channel)], house)
    first = channels.get(linkedid) or next(iter(channels.values()))
    #: A supervisor has no part in the call, even one who barges in.
    others = [each for each in channels.values() if each is not first and each.marks.part != "supervisor"]
    if is_call_id(first.id):
        customer = channels.get(f"{first.id}.c")
        return _outbound(linkedid, first, customer, [each for each in others if each is not customer], house)
    if first.stasis[:1] == ("inbound",) or first.endpoint == house.trunk or first.context == "from-trunk":
        return _inbound(linkedid, first, others, house)
    return _dialled(linkedid, first, others, house)


# a call of the service's: the agent's phone, then the customer's


def _outbound(
    linkedid: str, agent: ChannelStory, customer: ChannelStory | None, others: list[ChannelStory], house: House
) -> LogRow:
    ours = [agent, *others]
    known = [channel for channel in (agent, customer) if channel is not None]
    ends = [channel.ended_at for channel in known if channel.ended_at is not None]
    ended_at = max(ends, default=max(channel.started_at for channel in known))
    answered_at = customer.answered_at if customer else None
    if customer and answered_at is not None:
        ended_at = over_at(customer, ours) or ended_at
        reason = _why_over(customer, ours)
    else:
        reason = _why_not(agent, customer)
    return _row(
        linkedid,
        "outbound",
        customer,
        ours,
        house,
        number=agent.marks.number or (customer.number if customer else ""),
        reason=reason,
        started_at=agent.started_at,
        agent_answered_at=agent.answered_at,
        answered_at=answered_at,
        ended_at=ended_at,
        rang_since=agent.answered_at,
        decided_at=customer.ended_at if customer else None,
    )


def _said(channel: ChannelStory, *, of_agents: bool) -> EndReason | None:
    """Why the service hung that one up, in the cause it gave; None: it did not, or had nothing to say."""
    return None if channel.hung_up_itself else ended_by_cause(channel.cause, of_agents=of_agents)


def _why_not(agent: ChannelStory, customer: ChannelStory | None) -> EndReason:
    """Why an agent and a customer were never connected."""
    if agent.answered_at is None:
        if agent.cause in CLEARED and not agent.hung_up_itself:
            return EndReason.CANCELLED
        return agent_outcome(None, agent.cause)
    if agent.ended_at is None or (customer and customer.ended_at is None):
        return EndReason.LOST
    if customer and customer.cause not in CLEARED and (customer.ended_at or 0.0) <= agent.ended_at:
        return customer_outcome(None, customer.cause)
    if agent.hung_up_itself:
        return EndReason.AGENT_HANGUP
    if said := _said(agent, of_agents=False):
        return said
    if customer is None:
        return EndReason.UNREACHABLE
    #: Nobody took the agent in when she answered: the service was down.
    return EndReason.CANCELLED if agent.entered else EndReason.LOST


def _why_over(customer: ChannelStory, ours: Sequence[ChannelStory]) -> EndReason:
    """A conversation ends as completed, unless the agent was rung again and did not take the customer back."""
    end = customer.ended_at
    if end is None:
        return EndReason.LOST
    if said := _said(customer, of_agents=True):
        return said
    refused = [
        channel
        for channel in ours
        if channel.answered_at is None and channel.ended_at is not None and 0 <= end - channel.ended_at < _BECAUSE
    ]
    left_waiting = not any(span[1] > refused[-1].started_at for span in customer.in_bridges) if refused else False
    if refused and left_waiting and not customer.hung_up_itself and refused[-1].cause not in CLEARED:
        return agent_outcome(None, refused[-1].cause)
    return EndReason.COMPLETED


# somebody called


def _inbound(linkedid: str, caller: ChannelStory, phones: list[ChannelStory], house: House) -> LogRow:
    taken = [phone for phone in phones if phone.answered_at is not None and caller.together(phone)]
    answered_at = min((phone.answered_at for phone in taken if phone.answered_at is not None), default=None)
    agent_answered_at = answered_at
    if answered_at is not None and caller.answered_at is not None:
        #: She hears the agent when she is told that she was answered.
        answered_at = max(answered_at, caller.answered_at)
    ended_at = over_at(caller, phones) or max([caller.started_at, *(phone.ended_at or 0.0 for phone in phones)])
    if answered_at is not None:
        reason = _why_over(caller, phones)
    elif said := _said(caller, of_agents=True):
        reason = said
    elif caller.ended_at is None:
        reason = EndReason.LOST
    elif caller.answered_at is None and (caller.hung_up_itself or (phones and caller.cause in CLEARED)):
        reason = EndReason.CUSTOMER_HANGUP
    elif phones:
        last = max(phones, key=lambda phone: phone.started_at)
        reason = EndReason.AGENT_NO_ANSWER if last.cause in CLEARED else agent_outcome(None, last.cause)
    else:
        #: No phone was rung; a cause of its own is the dialplan's refusal.
        reason = EndReason.UNREACHABLE if caller.cause in CLEARED else EndReason.FAILED
    did = caller.stasis[1] if caller.stasis[:1] == ("inbound",) and len(caller.stasis) > 1 else caller.exten
    return _row(
        linkedid,
        "inbound",
        caller,
        phones,
        house,
        number=caller.number,
        did=house.spell(did) or None,
        reason=reason,
        started_at=caller.started_at,
        agent_answered_at=agent_answered_at,
        answered_at=answered_at,
        ended_at=ended_at,
        rang_since=caller.started_at,
        decided_at=caller.answered_at,
    )


# dialled straight on a phone


def _dialled(linkedid: str, phone: ChannelStory, others: list[ChannelStory], house: House) -> LogRow:
    outside = [channel for channel in others if channel.endpoint == house.trunk]
    called = next((channel for channel in outside or others if channel.answered_at is not None), None)
    called = called or next(iter(outside or others), None)
    exten = phone.stasis[1] if phone.stasis[:1] == ("dialled",) and len(phone.stasis) > 1 else phone.exten
    inside = not outside and (bool(others) or house.agent(exten) is not None)
    answered_at = called.answered_at if called and phone.together(called) else None
    if answered_at is not None:
        reason = EndReason.COMPLETED
    elif called is None:
        reason = EndReason.FAILED
    elif called.cause not in CLEARED:
        reason = customer_outcome(None, called.cause)
    else:
        reason = EndReason.AGENT_HANGUP
    return _row(
        linkedid,
        "internal" if inside else "outbound",
        called,
        [phone, *(other for other in others if other is not called or inside)],
        house,
        number=exten,
        reason=reason,
        started_at=phone.started_at,
        agent_answered_at=None,
        answered_at=answered_at,
        ended_at=phone.ended_at or phone.started_at,
        rang_since=called.started_at if called else None,
        decided_at=called.ended_at if called else None,
    )


# what all have in common


def _row(
    linkedid: str,
    direction: str,
    customer: ChannelStory | None,
    ours: Sequence[ChannelStory],
    house: House,
    *,
    number: str,
    did: str | None = None,
    reason: EndReason,
    started_at: float,
    agent_answered_at: float | None,
    answered_at: float | None,
    ended_at: float,
    rang_since: float | None,
    decided_at: float | None,
) -> LogRow:
    rang_until = answered_at or decided_at or ended_at
    agents = _agents(customer, ours, answered_at, house)
    talked = [agent.email for agent in agents if agent.talked and agent.email]
    return LogRow(
        id=linkedid,
        linkedid=linkedid,
        source="asterisk",
        direction=direction,  # type: ignore[arg-type]
        number=house.spell(number),
        did=did,
        agent_email=next(reversed(talked or [agent.email for agent in agents if agent.email]), None),
        agents=agents,
        end_reason=reason,
        ended_by=_ended_by(customer, ours, reason, direction),
        started_at=started_at,
        agent_answered_at=agent_answered_at,
        answered_at=answered_at,
        ended_at=ended_at,
        ring_seconds=0.0 if rang_since is None else max(0.0, rang_until - rang_since),
        talk_seconds=0.0 if answered_at is None else max(0.0, ended_at - answered_at),
        hold_seconds=_held(customer, answered_at, ended_at) if customer and answered_at is not None else 0.0,
        disposition=disposition_of(direction, answered_at is not None, reason),
        transfers=transfers_of(customer, ours, house) if customer else (),
        quality=_quality(customer, ours) if answered_at is not None else (),
    )


def _quality(customer: ChannelStory | None, ours: Sequence[ChannelStory]) -> tuple[Quality, ...]:
    """The customer's leg first, then those of the ones who were connected with her."""
    legs = [("customer", customer)] if customer else []
    legs += [("agent", channel) for channel in ours if channel is not customer and channel.answered_at is not None]
    return tuple(found for leg, channel in legs if (found := quality_of(leg, channel.id, channel.userfield)))


def _ended_by(
    customer: ChannelStory | None, ours: Sequence[ChannelStory], reason: EndReason, direction: str
) -> EndedBy:
    """`system` stands for the API, too: Asterisk does not know on whose behalf it was asked."""
    if reason.startswith("agent_"):
        return "agent"
    if reason.startswith("customer_"):
        return "customer"
    if reason is EndReason.UNREACHABLE:
        return "customer" if direction == "outbound" and ours[0].answered_at is not None else "agent"
    if reason is not EndReason.COMPLETED:
        #: Whoever was rung for a caller did not get it.
        return "agent" if direction == "inbound" and reason is EndReason.FAILED else "system"
    if customer and customer.hung_up_itself:
        return "customer"
    return "agent" if customer and _left(customer, ours) else "system"


def _left(customer: ChannelStory, ours: Sequence[ChannelStory]) -> bool:
    """Whether the one who talked with the customer last hung up, and nobody was rung again for it."""
    talked = [(spans[-1][1], channel) for channel in ours if (spans := channel.together(customer))]
    if not talked:
        return False
    until, last = max(talked, key=lambda pair: pair[0])
    rung_again = any(channel.marks.part == "recall" and channel.started_at > until for channel in ours)
    #: Asterisk names who was first to leave a bridge, even to those who stayed and left later.
    return (last.hung_up_itself or customer.hung_up_by == last.name) and not rung_again


def _held(customer: ChannelStory, since: float, until: float) -> float:
    """How long the customer heard music, or was in no bridge, between two conversations."""
    waits: list[Span] = [span for music in customer.music if (span := overlap(music, (since, until)))]
    at = since
    for entered, left in customer.in_bridges:
        if entered - at > _NO_WAIT and (gap := overlap((at, entered), (since, until))):
            waits.append(gap)
        at = max(at, left)
    if until - at > _NO_WAIT:
        waits.append((at, until))
    total, reached = 0.0, since
    for begin, end in sorted(waits):
        begin = max(begin, reached)
        if end > begin:
            total, reached = total + end - begin, end
    return total


def _agents(
    customer: ChannelStory | None, ours: Sequence[ChannelStory], answered_at: float | None, house: House
) -> tuple[LogAgent, ...]:
    found: dict[str, LogAgent] = {}
    for channel in sorted(ours, key=lambda each: each.started_at):
        agent = agent_of(channel, house)
        if agent is None:
            continue
        met = customer is not None and (channel is customer or has_met(channel, customer, ours))
        key = agent.email or agent.extension or channel.endpoint
        talked = (answered_at is not None and met) or (key in found and found[key].talked)
        found[key] = LogAgent(agent.email, agent.name, agent.extension, talked)
    return tuple(found.values())
