"""Calls to begin a test with."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ctc_ari.calls.model import Agent, Call, EndReason, Leg, LegStage, Phase, channel_id

__all__ = ["ALICE", "NOW", "STAGES", "a_call", "a_call_in"]

NOW = 1_750_000_000.0
ALICE = Agent("alice@example.com", "Alice", extension="1001", caller_id="+442079460100")
CALL_ID = "ctc-" + "0" * 32

#: What the agent's and the customer's channel are like in each phase, as a rule.
STAGES = {
    Phase.PLACING: (LegStage.ABSENT, LegStage.ABSENT),
    Phase.RINGING_AGENT: (LegStage.RINGING, LegStage.READY),
    Phase.RINGING_CUSTOMER: (LegStage.UP, LegStage.RINGING),
    Phase.TALKING: (LegStage.UP, LegStage.UP),
    Phase.ANNOUNCING: (LegStage.UP, LegStage.GONE),
    Phase.ENDING: (LegStage.UP, LegStage.UP),
    Phase.ENDED: (LegStage.GONE, LegStage.GONE),
}


def a_call(call_id: str = CALL_ID, agent: Agent = ALICE, **changes: Any) -> Call:
    """A call of Alice's, not begun yet."""
    call = Call(
        id=call_id,
        node="pbx1",
        agent=agent,
        device="desk",
        number="+442079460001",
        agent_leg=Leg(channel_id(call_id, "agent"), "PJSIP/1001"),
        customer_leg=Leg(channel_id(call_id, "customer"), "PJSIP/442079460001@trunk"),
        agent_ring_timeout=25,
        customer_ring_timeout=45,
        max_seconds=14400,
        asterisk_started="once",
        created_at=NOW,
    )
    return replace(call, **changes)


def a_call_in(phase: Phase, agent: LegStage | None = None, customer: LegStage | None = None, **changes: Any) -> Call:
    """A call that got as far as this phase, its channels in these stages."""
    call = a_call(phase=phase)
    usual = STAGES[phase]
    order = list(Phase)
    reached = order.index(phase)
    known: dict[str, Any] = {
        "agent_leg": replace(call.agent_leg, stage=agent or usual[0]),
        "customer_leg": replace(call.customer_leg, stage=customer or usual[1]),
        "stored": phase is not Phase.PLACING,
        "bridge": phase is not Phase.PLACING,
        "deadline": None if phase is Phase.ENDED else NOW + 10,
    }
    if reached >= order.index(Phase.RINGING_CUSTOMER):
        known["agent_answered_at"] = NOW + 1
    if phase is Phase.TALKING:
        known["answered_at"] = NOW + 2
    if phase is Phase.ANNOUNCING:
        known |= {"end_reason": EndReason.CUSTOMER_BUSY, "ended_by": "customer"}
    if phase in (Phase.ENDING, Phase.ENDED):
        known |= {
            "end_reason": EndReason.COMPLETED,
            "ended_by": "customer",
            "answered_at": NOW + 2,
            "ended_at": NOW + 3,
        }
    return replace(call, **(known | changes))
