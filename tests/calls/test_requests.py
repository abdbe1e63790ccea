"""An answer may come after a channel has changed its role, or has gone."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import BridgeLegs, HangUpLeg, Mute, RecordBridge, Recording
from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Phase
from ctc_ari.calls.requests import as_of_now, removes
from tests.calls.builders import a_call_in

DEVICE = Leg("ctc-" + "0" * 32 + ".x001", "PJSIP/web-1001", LegStage.UP, "device")


def test_request_follows_its_channel_into_another_role() -> None:
    then = a_call_in(Phase.TALKING, others=(DEVICE,))
    old = replace(then.agent_leg, role=f"former:{then.agent_leg.channel}")
    now = replace(then, agent_leg=replace(DEVICE, role=""), others=(old,))
    assert as_of_now(Mute("device", True), then, now) == Mute("agent", True)
    assert as_of_now(HangUpLeg("agent"), then, now) == HangUpLeg(old.role)
    assert as_of_now(BridgeLegs(("agent", "customer")), then, now) is None, "one of several: nobody is meant any more"


def test_request_about_a_channel_that_is_gone_is_about_nothing() -> None:
    then = a_call_in(Phase.TALKING, others=(DEVICE,))
    assert as_of_now(Mute("device", True), then, replace(then, others=())) is None
    assert as_of_now(Mute("customer", True), then, then) == Mute("customer", True)


def test_only_what_ends_something_is_done_when_there_is_nothing() -> None:
    assert removes(HangUpLeg("agent"))
    assert removes(RecordBridge(1, Recording.STOP))
    assert not removes(RecordBridge(1, Recording.PAUSE))
    assert not removes(Mute("agent", False))
