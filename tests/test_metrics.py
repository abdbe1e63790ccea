"""What `/metrics` says about calls, scraped as Prometheus does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.config import Asterisk, Limits
from ctc_ari.metrics import CallMetrics
from tests.calls.builders import ALICE, NOW, a_call, a_call_in, a_dialling
from tests.calls.fakes import FakeStore, FakeTelephony


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> CallMetrics:
    return CallMetrics(registry)


def tell(metrics: CallMetrics, event: str, call: Call) -> None:
    metrics.heard(Happening(call, event, NOW, 1))


def values(registry: CollectorRegistry) -> list[tuple[str, float]]:
    samples = [sample for family in registry.collect() for sample in family.samples]
    return [(sample.name, sample.value) for sample in samples if not sample.name.endswith("_created")]


def test_nothing_happened_yet(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    assert registry.get_sample_value("ctc_calls_started_total") == 0
    assert registry.get_sample_value("ctc_call_talk_seconds_count") == 0


def test_calls_are_counted_by_how_they_ended(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    for _ in range(3):
        tell(metrics, "call.created", a_call())
    tell(metrics, "call.ended", a_call_in(Phase.ENDING))
    tell(metrics, "call.ended", a_call_in(Phase.ENDING, end_reason=EndReason.AGENT_BUSY, answered_at=None))
    assert registry.get_sample_value("ctc_calls_started_total") == 3
    assert registry.get_sample_value("ctc_calls_ended_total", {"end_reason": "completed"}) == 1
    assert registry.get_sample_value("ctc_calls_ended_total", {"end_reason": "agent_busy"}) == 1


def test_only_conversations_have_a_length(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    tell(metrics, "call.ended", a_call_in(Phase.ENDING, answered_at=NOW, ended_at=NOW + 90))
    tell(metrics, "call.ended", a_call_in(Phase.ENDING, answered_at=None))
    assert registry.get_sample_value("ctc_call_talk_seconds_count") == 1
    assert registry.get_sample_value("ctc_call_talk_seconds_sum") == 90


def test_the_time_to_the_agents_answer(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    tell(metrics, "call.agent_answered", replace(a_call(), agent_answered_at=NOW + 4))
    assert registry.get_sample_value("ctc_call_agent_answer_seconds_sum") == 4


def test_the_time_that_customers_ring(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    tell(metrics, "call.answered", a_call_in(Phase.TALKING, agent_answered_at=NOW, answered_at=NOW + 6))
    tell(metrics, "call.answered", a_call_in(Phase.TALKING, direction="inbound", agent_answered_at=NOW))
    assert registry.get_sample_value("ctc_call_customer_ring_seconds_sum") == 6
    assert registry.get_sample_value("ctc_call_customer_ring_seconds_count") == 1


def test_what_asterisk_does_not_answer_is_counted_apart(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    metrics.asked(0.25, answered=True)
    metrics.asked(2.0, answered=False)
    assert registry.get_sample_value("ctc_ari_request_seconds_sum") == 0.25
    assert registry.get_sample_value("ctc_ari_request_seconds_count") == 1
    assert registry.get_sample_value("ctc_ari_requests_unanswered_total") == 1


def test_a_clock_set_back_counts_as_no_time(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    tell(metrics, "call.agent_answered", replace(a_call(), agent_answered_at=NOW - 4))
    tell(metrics, "call.ended", a_call_in(Phase.ENDING, answered_at=NOW, ended_at=NOW - 1))
    assert registry.get_sample_value("ctc_call_agent_answer_seconds_sum") == 0
    assert registry.get_sample_value("ctc_call_talk_seconds_sum") == 0


def test_other_events_count_nothing(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    before = values(registry)
    tell(metrics, "call.muted", a_call_in(Phase.TALKING))
    tell(metrics, "call.held", a_call_in(Phase.TALKING))
    assert values(registry) == before


async def test_the_gauges_ask_when_they_are_scraped(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    story: list[str] = []
    desk = Desk(
        FakeTelephony(story),
        FakeStore(story),
        asterisk=Asterisk(),
        dialling=a_dialling(),
        limits=Limits(),
        clock=lambda: NOW,
    )
    now: dict[str, int] = {"up": 0, "unsaved": 0}
    metrics.watch(desk, connected=lambda: bool(now["up"]), unsaved=lambda: now["unsaved"])
    assert registry.get_sample_value("ctc_calls_live") == 0
    assert registry.get_sample_value("ctc_asterisk_connected") == 0
    now.update(up=1, unsaved=7)
    assert registry.get_sample_value("ctc_asterisk_connected") == 1
    assert registry.get_sample_value("ctc_calls_unsaved") == 7
    placed = await desk.place(PlaceCall(ALICE, "+442079460001"))
    assert registry.get_sample_value("ctc_calls_live") == 1
    await desk.hang_up(placed.call.id)
    assert registry.get_sample_value("ctc_calls_live") == 0
    desk.close()


def test_no_number_and_no_agent_is_shown(registry: CollectorRegistry, metrics: CallMetrics) -> None:
    """Whoever reads metrics learns nothing about people."""
    tell(metrics, "call.ended", a_call_in(Phase.ENDING))
    labels = {key for family in registry.collect() for sample in family.samples for key in sample.labels}
    assert labels <= {"end_reason", "le", "outcome", "receiver"}
