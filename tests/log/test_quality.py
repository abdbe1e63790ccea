"""RTCP figures become a leg's quality."""

from __future__ import annotations

import pytest

from ctc_ari.log.quality import mean_opinion, quality_of

FIGURES = "ssrc=1;themssrc=2;lp=5;rxjitter=0.0015;rxcount=95;txjitter=0.002;txcount=100;rlp=1;rtt=0.040;rxmes=88.1"


def test_what_was_lost_is_a_share_of_what_should_have_come() -> None:
    found = quality_of("customer", "c", FIGURES)
    assert found is not None
    assert (found.loss, found.jitter, found.remote_loss, found.remote_jitter, found.rtt) == (
        0.05,
        0.0015,
        0.01,
        0.002,
        0.04,
    )
    assert found.mos is not None
    assert 3.0 < found.mos < 4.3


@pytest.mark.parametrize("figures", ["", "nonsense", "lp=0;rxcount=0;txcount=0", "rxcount=many"])
def test_a_leg_without_media_has_none(figures: str) -> None:
    assert quality_of("agent", "a", figures) is None


def test_a_leg_that_only_listened_has_no_opinion() -> None:
    found = quality_of("agent", "a", "rxcount=0;txcount=50;rlp=0;rtt=0.0")
    assert found is not None
    assert (found.mos, found.rtt, found.remote_loss) == (None, None, 0.0)


def test_worse_is_never_better() -> None:
    assert mean_opinion(0, 0, 0) > 4.3
    assert mean_opinion(0.02, 0, 0) > mean_opinion(0.1, 0, 0) > mean_opinion(0.5, 0, 0) >= 1
    assert mean_opinion(0, 0.001, 0.02) > mean_opinion(0, 0.05, 0.02) > mean_opinion(0, 0.05, 0.6) >= 1
