"""A browser's page was reloaded: the device that has the call is rung once more and takes the sound up."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import BridgeLegs, HangUpLeg, Originate
from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import LegAnswered, LegGone, MoveTo
from ctc_ari.calls.model import Call, Phase
from tests.calls.builders import NOW, a_call_in

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
