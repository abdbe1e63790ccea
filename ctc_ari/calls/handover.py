"""A transfer is complete: the customer and the target go on as a call of their own, and this one ends."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import Announce, BridgeLegs, Effect, HandOver, Music, Progress, TellPhone
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.sides import release_sides
from ctc_ari.calls.steps import Step, end, stage, stop_recording, tells_phone, with_transfer

__all__ = ["connect_both", "hand_over", "successor_of"]


def connect_both(call: Call, now: float) -> Step:
    """A consultation is over: whom the agent talked with is in the bridge already, who waited joins."""
    #: By their roles in the successor, whose agent the target is.
    waiting: Role = "customer" if call.transfers[-1].with_ == "target" else "agent"
    return hand_over(call, (Music(waiting, False), BridgeLegs((waiting,))), now)


def hand_over(call: Call, together: tuple[Effect, ...], now: float) -> Step:
    """The customer and the target, its agent, are a call of their own from now on; this one has ended.

    `together` are the effects that bring the two together; their roles are those of the new call.
    """
    answered = (TellPhone("agent", Progress.ANSWERED),) if tells_phone(call) else ()
    call, stopped = stop_recording(call)
    call, left_alone = release_sides(call)
    successor = successor_of(call, now)
    call = with_transfer(call, state="completed", reason=None, ended_at=now)
    call, ended = end(
        replace(stage(stage(call, "customer", LegStage.GONE), "target", LegStage.GONE), bridge=False),
        EndReason.TRANSFERRED,
        "agent",
        now,
    )
    return call, (
        HandOver(successor, together),
        *stopped,
        *left_alone,
        *answered,
        Announce("call.transfer_completed"),
        #: Who was beside the conversation has been released just now.
        *(effect for effect in ended if effect not in left_alone),
    )


def successor_of(call: Call, now: float) -> Call:
    """The target is its agent; both are bridged where they were."""
    transfer, target = call.transfers[-1], call.leg("target")
    return Call(
        id=transfer.successor,
        node=call.node,
        linkedid=call.linkedid,
        transferred_from=call.id,
        direction=call.direction,
        phase=Phase.TALKING,
        agent=transfer.target.agent,
        device=target.device,
        number=call.number,
        contact=call.contact,
        contact_by=call.contact_by,
        did=call.did,
        agent_leg=Leg(target.channel, target.endpoint, LegStage.UP),
        customer_leg=replace(call.customer_leg, stage=LegStage.UP),
        inherited_bridge=call.bridge_id,
        bridge=True,
        asterisk_started=call.asterisk_started,
        stored=True,
        agent_ring_timeout=call.agent_ring_timeout,
        customer_ring_timeout=call.customer_ring_timeout,
        max_seconds=call.max_seconds,
        interrupted=call.interrupted,
        created_at=now,
        agent_answered_at=now,
        answered_at=now,
        deadline=now + call.max_seconds,
    )
