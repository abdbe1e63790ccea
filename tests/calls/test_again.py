"""A browser's page was reloaded: the device that has the call is rung once more and takes the sound up."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import BridgeLegs, HangUpLeg, Originate, Refuse, StartRingback
from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import AgentFound, LegAnswered, LegGone, MoveTo, Stored
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Call, Phase
from ctc_ari.errors import WrongState
from tests.calls.builders import ALICE, CALL_ID, NOW, a_call_in, an_inbound_call

WEB = MoveTo("web", "PJSIP/web-1001")
AGAIN = MoveTo("web", "PJSIP/web-1001", again=True)


def on_the_web() -> Call:
    return replace(a_call_in(Phase.TALKING), device="web")


def test_the_device_that_has_the_call_is_rung_only_when_that_is_meant() -> None:
    assert step(on_the_web(), WEB, NOW) == (on_the_web(), ())
    call, effects = step(on_the_web(), AGAIN, NOW)
    assert call.moving_to == "web"
    assert [effect for effect in effects if isinstance(effect, Originate)]


def test_its_answer_takes_the_place_of_the_silent_channel() -> None:
    call, _ = step(on_the_web(), AGAIN, NOW)
    silent = call.agent_leg.channel
    call, effects = step(call, LegAnswered("device"), NOW)
    assert (call.phase, call.device, call.moving_to) == (Phase.TALKING, "web", None)
    assert call.agent_leg.channel != silent
    assert BridgeLegs(("agent",)) in effects
    call, effects = step(call, LegGone(f"former:{silent}"), NOW)
    assert (call.phase, effects) == (Phase.TALKING, ())


def test_reloaded_twice_the_page_that_is_gone_stops_ringing() -> None:
    first, _ = step(on_the_web(), AGAIN, NOW)
    gone = first.leg("device").channel
    second, effects = step(first, AGAIN, NOW)
    assert second.leg("device").channel != gone
    assert HangUpLeg(f"former:{gone}") in effects
    after, _ = step(second, LegGone(f"former:{gone}"), NOW)
    assert after.moving_to == "web"


def test_a_page_that_comes_back_while_it_rings_is_rung_anew() -> None:
    ringing = a_call_in(Phase.RINGING_AGENT, LegStage.RINGING, LegStage.READY, device="web")
    call, effects = step(ringing, AGAIN, NOW)
    assert (call.phase, call.agent_leg.stage) == (Phase.RINGING_AGENT, LegStage.DIALING)
    assert call.deadline == ringing.deadline
    assert effects == (Originate(call.agent_ring_timeout), HangUpLeg(f"former:{CALL_ID}"))
    call, effects = step(call, LegGone(f"former:{CALL_ID}", cause=26), NOW)
    assert (call.phase, effects) == (Phase.RINGING_AGENT, ())
    assert step(call, LegAnswered("agent"), NOW)[0].phase is Phase.RINGING_CUSTOMER


def test_without_again_a_ringing_call_stays_where_it_rings() -> None:
    assert step(a_call_in(Phase.RINGING_AGENT), WEB, NOW)[1] == (Refuse(WrongState),)


def test_a_caller_is_not_lost_by_a_page_that_is_reloaded_while_it_rings() -> None:
    both = AgentFound(ALICE, ("PJSIP/1001", "PJSIP/web-1001"), 1)
    offered, _ = step(step(an_inbound_call(), Stored(), NOW)[0], both, NOW)
    call, effects = step(offered, AGAIN, NOW)
    assert effects == (Originate(call.agent_ring_timeout, "offer:3"), HangUpLeg(f"former:{CALL_ID}.x002"))
    assert [leg.role for leg in call.others if leg.role.startswith("offer:")] == ["offer:1", "offer:3"]
    call, _ = step(call, LegGone(f"former:{CALL_ID}.x002"), NOW)
    talking, _ = step(call, LegAnswered("offer:3"), NOW)
    assert (talking.phase, talking.device) == (Phase.TALKING, "web")


def test_in_a_consultation_she_goes_on_with_whom_she_talks_with() -> None:
    consulting = a_call_in(Phase.CONSULTING, device="web")
    call, _ = step(consulting, AGAIN, NOW)
    call, effects = step(call, LegAnswered("device"), NOW)
    assert call.phase is Phase.CONSULTING
    assert BridgeLegs(("agent",)) in effects


def test_while_the_customers_phone_rings_she_hears_that_again() -> None:
    ringing = a_call_in(Phase.RINGING_CUSTOMER, customer=LegStage.RINGING, device="web")
    call, effects = step(step(ringing, AGAIN, NOW)[0], LegAnswered("device"), NOW)
    assert call.phase is Phase.RINGING_CUSTOMER
    assert effects[:2] == (BridgeLegs(("agent",)), StartRingback("agent"))
