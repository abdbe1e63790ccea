"""The call that the customer and the target of a transfer are, once the first one has ended."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Call, Phase

__all__ = ["successor_of"]


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
