"""Transfers by the keys of the agent's own phone: REFER (RFC 3515), its second line, and Replaces (RFC 3891)."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    Announce,
    HangUpLeg,
    Progress,
    TellPhone,
    Watch,
)
from ctc_ari.calls.handover import connect_both
from ctc_ari.calls.inputs import (
    PhoneJoins,
    PhoneTransfers,
    SecondCall,
)
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Agent, Call, Target, Transfer
from ctc_ari.calls.steps import (
    Step,
    add_leg,
)
from ctc_ari.calls.transfer import begin_transfer

__all__ = ["join", "phone_declined", "phone_transfers", "second_call", "turn_away"]


def phone_transfers(call: Call, refer: PhoneTransfers, now: float) -> Step:
    """Blind transfer by the phone's key: REFER (RFC 3515)."""
    if refer.role != "agent":
        return call, (TellPhone(refer.role, Progress.DECLINED),)
    if refer.start is None:
        failed = Transfer(
            id=f"t{len(call.transfers) + 1}",
            mode="blind",
            target=Target(refer.to, "", Agent("")),
            state="failed",
            by="phone",
            successor="",
            ring_seconds=0,
            reason="unreachable",
            started_at=now,
            ended_at=now,
        )
        call = replace(call, transfers=(*call.transfers, failed))
        return call, (TellPhone("agent", Progress.DECLINED), Announce("call.transfer_cancelled"))
    return begin_transfer(call, refer.start, "phone", now)


def phone_declined(call: Call, refer: PhoneTransfers | PhoneJoins, _now: float) -> Step:
    """There is nothing to be transferred, or it is being transferred already."""
    return call, (TellPhone(refer.role, Progress.DECLINED),)


def second_call(call: Call, second: SecondCall, now: float) -> Step:
    """She put the customer on hold with her phone's key and dialled somebody else: an attended transfer, as yet."""
    call = add_leg(call, "second", call.agent_leg.endpoint, LegStage.RINGING, second.channel)
    call, effects = begin_transfer(call, second.start, "phone", now)
    return call, (Watch("second"), *effects)


def turn_away(call: Call, second: SecondCall, _now: float) -> Step:
    """She cannot consult now, or does already: that call of her phone's is refused."""
    former = f"former:{second.channel}"
    call = add_leg(call, former, call.agent_leg.endpoint, LegStage.RINGING, second.channel)
    return call, (Watch(former), HangUpLeg(former, 21))


def join(call: Call, refer: PhoneJoins, now: float) -> Step:
    """Attended transfer by the phone's keys: REFER with Replaces (RFC 3891), sent on either of its calls."""
    if call.leg("target").stage is not LegStage.UP:
        return call, (TellPhone(refer.role, Progress.DECLINED),)
    call, connected = connect_both(call, now)
    return call, (TellPhone(refer.role, Progress.ANSWERED), *connected)
