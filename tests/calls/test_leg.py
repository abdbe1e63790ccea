"""When a channel may exist, and whose device it is."""

from __future__ import annotations

from ctc_ari.calls.leg import Leg, LegStage


def test_a_channel_may_exist_from_its_creation_until_it_is_gone() -> None:
    assert {stage for stage in LegStage if not Leg("x", "y", stage).exists} == {LegStage.ABSENT, LegStage.GONE}


def test_a_browser_s_channel_is_told_from_a_desk_phone_s_by_its_endpoint() -> None:
    assert Leg("x", "PJSIP/web-1001").device == "web"
    assert {Leg("x", endpoint).device for endpoint in ("PJSIP/1001", "PJSIP/weber", "")} == {"desk"}
