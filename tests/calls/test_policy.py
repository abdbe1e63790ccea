"""How much is let in, and what counts as the same click; with a clock that may jump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.calls.policy import BURST, MINUTE, Admission, RecentCalls
from ctc_ari.config import Limits
from ctc_ari.errors import LimitReached

NOW = 1_750_000_000.0


def refused(admission: Admission, agent: str = "a", live: int = 0, now: float = NOW) -> float | None:
    """Seconds to wait, None when admitted."""
    try:
        admission.admit(agent, live, now)
    except LimitReached as limit:
        return limit.retry_after
    return None


def generous(**limits: int) -> Admission:
    return Admission(Limits(**({"agent_calls_per_minute": 1_000_000, "calls_per_second": 1_000_000} | limits)))


def test_no_more_calls_at_once_than_allowed() -> None:
    admission = generous(concurrent_calls=2)
    assert refused(admission, live=1) is None
    assert refused(admission, live=2) == 1
    assert refused(admission, live=3) == 1


def test_an_agent_places_so_many_calls_within_any_minute() -> None:
    admission = generous(agent_calls_per_minute=3)
    for seconds in (0, 10, 20):
        assert refused(admission, now=NOW + seconds) is None
    assert refused(admission, now=NOW + 30) == 30
    assert refused(admission, "b", now=NOW + 30) is None
    assert refused(admission, now=NOW + 59.9) == pytest.approx(0.1, rel=1e-3)
    assert refused(admission, now=NOW + 60) is None
    assert refused(admission, now=NOW + 61) == 9


def test_what_is_refused_is_not_counted() -> None:
    admission = generous(agent_calls_per_minute=1)
    assert refused(admission) is None
    for _ in range(100):
        assert refused(admission, now=NOW + 59) == pytest.approx(1)
    assert refused(admission, now=NOW + 60) is None


def test_a_second_long_burst_is_let_in_and_then_the_rate() -> None:
    admission = generous(calls_per_second=10)
    assert [refused(admission) for _ in range(10)] == [None] * 10
    assert refused(admission) == pytest.approx(0.1, rel=1e-3)
    assert refused(admission, now=NOW + 0.05) == pytest.approx(0.05, rel=1e-3)
    assert refused(admission, now=NOW + 0.1) is None
    assert refused(admission, now=NOW + 0.1) == pytest.approx(0.1, rel=1e-3)


def test_no_burst_is_larger_than_asterisk_swallows() -> None:
    admission = generous(calls_per_second=1000)
    assert [refused(admission) for _ in range(BURST)] == [None] * BURST
    assert refused(admission) == pytest.approx(0.001, rel=0.01)


@given(st.integers(1, 50), st.lists(st.floats(0, 0.3), min_size=1, max_size=200))
def test_no_second_sees_more_than_the_rate_and_one_burst(rate: int, gaps: list[float]) -> None:
    admission = generous(calls_per_second=rate)
    now, admitted = NOW, []
    for gap in gaps:
        now += gap
        if refused(admission, now=now) is None:
            admitted.append(now)
    for start in admitted:
        within = sum(start <= moment < start + 1 for moment in admitted)
        assert within <= rate + min(rate, BURST) + 1


@given(st.integers(1, 50), st.lists(st.floats(0, 0.3), min_size=1, max_size=200))
def test_who_waits_as_long_as_told_is_let_in(rate: int, gaps: list[float]) -> None:
    admission = generous(calls_per_second=rate)
    now = NOW
    for gap in gaps:
        now += gap
        wait = refused(admission, now=now)
        if wait is not None:
            now += wait
            assert refused(admission, now=now) is None


@pytest.mark.parametrize("back", [2, 3600, 86400 * 365])
def test_a_clock_set_back_locks_nobody_out(back: int) -> None:
    admission = generous(calls_per_second=5, agent_calls_per_minute=8)
    while refused(admission, now=NOW) is None:
        pass
    wait = refused(admission, now=NOW - back)
    assert wait is None or wait <= MINUTE
    later = NOW - back + MINUTE + 1
    assert refused(admission, now=later if back > MINUTE else NOW + MINUTE) is None


def test_a_clock_set_back_far_forgets_what_was() -> None:
    admission = generous(calls_per_second=5, agent_calls_per_minute=5)
    while refused(admission, now=NOW) is None:
        pass
    assert refused(admission, now=NOW - 3600) is None


def test_a_clock_set_forward_opens_no_more_than_a_burst() -> None:
    admission = generous(calls_per_second=5)
    while refused(admission, now=NOW) is None:
        pass
    assert [refused(admission, now=NOW + 3600) is None for _ in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("jump", [61, -61, -86400])
def test_idle_agents_are_forgotten(jump: int) -> None:
    admission = generous()
    refused(admission, "a", now=NOW)
    refused(admission, "b", now=NOW + jump)
    admission.forget_idle(NOW + jump)
    assert set(admission._per_agent) == {"b"}


def test_the_same_click_within_the_window_is_the_same_call() -> None:
    recent = RecentCalls(10)
    recent.remember("a", "+44", "one", NOW)
    assert recent.find("a", "+44", NOW) == "one"
    assert recent.find("a", "+44", NOW + 9.999) == "one"
    assert recent.find("a", "+44", NOW + 10) is None
    assert recent.find("a", "+33", NOW) is None
    assert recent.find("b", "+44", NOW) is None


def test_without_a_window_no_click_is_the_same() -> None:
    recent = RecentCalls(0)
    recent.remember("a", "+44", "one", NOW)
    assert recent.find("a", "+44", NOW) is None


def test_the_newest_call_counts() -> None:
    recent = RecentCalls(10)
    recent.remember("a", "+44", "one", NOW)
    recent.remember("a", "+44", "two", NOW + 9)
    assert recent.find("a", "+44", NOW + 11) == "two"


def test_a_call_that_could_not_be_started_is_no_call() -> None:
    recent = RecentCalls(10)
    recent.remember("a", "+44", "one", NOW)
    recent.forget("a", "+44")
    recent.forget("a", "+44")
    assert recent.find("a", "+44", NOW) is None


@pytest.mark.parametrize("back", [0.5, 3600])
def test_a_small_step_back_changes_nothing_and_a_large_one_forgets(back: float) -> None:
    recent = RecentCalls(10)
    recent.remember("a", "+44", "one", NOW)
    assert recent.find("a", "+44", NOW - back) == ("one" if back < 10 else None)


def test_what_is_out_of_the_window_is_dropped() -> None:
    recent = RecentCalls(10)
    for second in range(30):
        recent.remember("a", f"+44{second}", str(second), NOW + second)
    recent.remember("a", "+440", "again", NOW + 29)
    recent.forget_old(NOW + 30)
    assert {call_id for _, call_id in recent._calls.values()} == {*map(str, range(21, 30)), "again"}
    recent.forget_old(NOW - 3600)
    assert not recent._calls
