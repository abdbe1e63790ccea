"""The page that was an agent's phone was reloaded, or another one takes over: what rang there rings once more.

A browser that goes says no word to Asterisk, which lets the channel ring on with nobody behind it. The page that comes
back knows of the call and asks for it (`MoveTo` with `again`).
"""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import Effect, HangUpLeg, Originate, Refuse
from ctc_ari.calls.inputs import MoveTo
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Call
from ctc_ari.calls.sides import move_to
from ctc_ari.calls.steps import Step, add_leg, dismiss, replace_agent
from ctc_ari.errors import WrongState

__all__ = ["move_consultation", "move_while_ringing", "offer_again", "ring_again"]


def ring_again(call: Call, wish: MoveTo, _now: float) -> Step:
    """The agent's phone has not been answered: another channel rings it, for the time that is left."""
    #: Until the customer's channel is there, none is left to whose records the new one would belong.
    beside = call.customer_leg.stage not in (LegStage.ABSENT, LegStage.CREATING)
    if not (wish.again and wish.device == call.device and beside):
        return call, (Refuse(WrongState),)
    old = call.agent_leg
    former = f"former:{old.channel}"
    call = replace_agent(call, wish.endpoint, LegStage.DIALING)
    call = replace(call, others=(*call.others, replace(old, role=former)))
    return call, (Originate(call.agent_ring_timeout), HangUpLeg(former))


def offer_again(call: Call, wish: MoveTo, _now: float) -> Step:
    """A caller waits: that device of the agent who is offered the call rings anew, her others ring on."""
    if not wish.again or not any(leg.role.startswith("offer:") for leg in call.others):
        return call, (Refuse(WrongState),)
    silent = [leg.role for leg in call.others if leg.role.startswith("offer:") and leg.endpoint == wish.endpoint]
    role = f"offer:{call.others_made + 1}"
    call = add_leg(call, role, wish.endpoint, LegStage.DIALING)
    effects: tuple[Effect, ...] = (Originate(call.agent_ring_timeout, role),)
    for each in silent:
        call, released = dismiss(call, each)
        effects = (*effects, *released)
    return call, effects


def move_while_ringing(call: Call, wish: MoveTo, now: float) -> Step:
    """She waits for the customer's answer; only a page that comes back has a reason to ask."""
    return move_to(call, wish, now) if wish.again else (call, (Refuse(WrongState),))


def move_consultation(call: Call, wish: MoveTo, now: float) -> Step:
    """The device on which she consults; one that does so by its own keys has two channels, which stay."""
    if call.transfers[-1].by == "phone":
        return call, (Refuse(WrongState),)
    return move_to(call, wish, now)
