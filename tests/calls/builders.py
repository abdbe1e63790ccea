"""Calls to begin a test with."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.ids import channel_id, other_channel_id
from ctc_ari.calls.inputs import StartTransfer
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Agent, Call, EndReason, Phase, Target, Transfer, TransferMode
from ctc_ari.calls.numbers import NumberPolicy, Spelling
from ctc_ari.config import Asterisk, Inbound, Numbers

__all__ = [
    "AGENTS",
    "ALICE",
    "BOB",
    "CALLER",
    "CALL_ID",
    "CAROL",
    "DID",
    "NOW",
    "STAGES",
    "SUCCESSOR",
    "TARGETS",
    "a_call",
    "a_call_in",
    "a_dialling",
    "a_leg",
    "a_transfer",
    "an_inbound_call",
    "start_transfer",
]

NOW = 1_750_000_000.0
ALICE = Agent("alice@example.com", "Alice", extension="1001", caller_id="+442079460100")
BOB = Agent("bob@example.com", "Bob", extension="1002")
CAROL = Agent("carol@example.com", "Carol", extension="1003")
AGENTS = (ALICE, BOB, CAROL)
CALL_ID = "ctc-" + "0" * 32
SUCCESSOR = "ctc-" + "f" * 32
#: A caller's channel, as Asterisk names it, and the number that was called.
CALLER = "1750000000.7"
DID = "+442079460100"

#: Where a call can be transferred to.
TARGETS = {
    "bob": Target("bob@example.com", "PJSIP/1002", BOB),
    "outside": Target("+442079460999", "PJSIP/442079460999@trunk", Agent("", name="+442079460999"), outside=True),
}

#: What the agent's and the customer's channel are like in each phase, as a rule.
STAGES = {
    Phase.PLACING: (LegStage.ABSENT, LegStage.ABSENT),
    Phase.OFFERED: (LegStage.ABSENT, LegStage.READY),
    Phase.RINGING_AGENT: (LegStage.RINGING, LegStage.READY),
    Phase.RINGING_CUSTOMER: (LegStage.UP, LegStage.RINGING),
    Phase.TALKING: (LegStage.UP, LegStage.UP),
    Phase.TRANSFERRING: (LegStage.UP, LegStage.UP),
    Phase.CONSULTING: (LegStage.UP, LegStage.UP),
    Phase.RECALLING: (LegStage.DIALING, LegStage.UP),
    Phase.ANNOUNCING: (LegStage.UP, LegStage.GONE),
    Phase.ENDING: (LegStage.UP, LegStage.UP),
    Phase.ENDED: (LegStage.GONE, LegStage.GONE),
}
#: Those in which both have talked.
CONVERSATIONS = (Phase.TALKING, Phase.TRANSFERRING, Phase.CONSULTING, Phase.RECALLING)


def a_call(call_id: str = CALL_ID, agent: Agent = ALICE, **changes: Any) -> Call:
    """A call of Alice's, not begun yet."""
    call = Call(
        id=call_id,
        node="pbx1",
        linkedid=call_id,
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


def an_inbound_call(**changes: Any) -> Call:
    """Somebody calls; nobody has been rung yet."""
    call = a_call(
        agent=Agent(""),
        direction="inbound",
        linkedid=CALLER,
        number="+447700900123",
        did=DID,
        agent_leg=Leg("", ""),
        customer_leg=Leg(CALLER, "", LegStage.READY),
    )
    return replace(call, **changes)


def a_leg(role: Role, stage: LegStage, number: int = 1, endpoint: str = "PJSIP/1002") -> Leg:
    """A channel beside the agent's and the customer's."""
    return Leg(other_channel_id(CALL_ID, number), endpoint, stage, role)


def a_transfer(mode: TransferMode = "blind", **changes: Any) -> Transfer:
    """To Bob, whose phone is being rung, with the customer out of the conversation."""
    transfer = Transfer(
        id="t1",
        mode=mode,
        target=TARGETS["bob"],
        successor=SUCCESSOR,
        ring_seconds=25,
        started_at=NOW + 5,
        parked=True,
    )
    return replace(transfer, **changes)


def start_transfer(mode: TransferMode = "blind", to: str = "bob") -> StartTransfer:
    """The wish for it."""
    return StartTransfer(mode, TARGETS[to], SUCCESSOR, 45 if TARGETS[to].outside else 25)


def a_call_in(phase: Phase, agent: LegStage | None = None, customer: LegStage | None = None, **changes: Any) -> Call:
    """A call that got as far as this phase, its channels in these stages."""
    call = an_inbound_call() if phase is Phase.OFFERED else a_call()
    call = replace(call, phase=phase)
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
    if phase in CONVERSATIONS:
        known["answered_at"] = NOW + 2
    if phase is Phase.OFFERED:
        offer = a_leg("offer:1", LegStage.RINGING, endpoint="PJSIP/1001")
        known |= {"agent": ALICE, "others": (offer,), "others_made": 1, "rung": (ALICE.email,), "route_position": 1}
    if phase in (Phase.TRANSFERRING, Phase.CONSULTING):
        mode: TransferMode = "blind" if phase is Phase.TRANSFERRING else "attended"
        target = a_leg("target", LegStage.RINGING)
        known |= {"others": (target,), "others_made": 1, "transfers": (a_transfer(mode),)}
    if phase is Phase.RECALLING:
        failed = a_transfer(state="failed", reason="busy", ended_at=NOW + 9)
        leg = Leg(other_channel_id(CALL_ID, 2), "PJSIP/1001", agent or usual[0])
        known |= {"agent_leg": leg, "others_made": 2, "transfers": (failed,)}
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


def a_dialling(routes: dict[str, str | list[str]] | None = None, agents: tuple[Agent, ...] = AGENTS) -> Dialling:
    """These agents, British numbers, and these routes."""

    def find_agent(who: str) -> Agent | None:
        return next((agent for agent in agents if who in (agent.email, agent.extension)), None)

    policy, spelling = NumberPolicy(Numbers()), Spelling("GB")
    return Dialling(Asterisk(), Inbound(routes=routes or {}), policy.normalise, spelling.spell, find_agent)
