"""What `/metrics` tells about calls."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ctc_ari.calls.broadcast import Broadcast
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.model import EndReason
from ctc_ari.calls.ports import Happening

__all__ = ["CallMetrics"]

#: An answer of ARI takes milliseconds; from two seconds on there is none.
_ANSWER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)
_SECONDS = (0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 900, 3600)


class CallMetrics:
    """A listener that counts what happens; the gauges ask when they are scraped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._started = Counter("ctc_calls_started", "Calls begun.", registry=registry)
        self._ended = Counter("ctc_calls_ended", "Calls ended, by reason.", ("end_reason",), registry=registry)
        #: All of them from the start: a rate needs the zero before the first.
        for reason in EndReason:
            self._ended.labels(reason.value)
        self._talk = Histogram(
            "ctc_call_talk_seconds", "From the customer's answer to the end.", buckets=_SECONDS, registry=registry
        )
        self._agent = Histogram(
            "ctc_call_agent_answer_seconds",
            "From the click to the agent's answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._ring = Histogram(
            "ctc_call_customer_ring_seconds",
            "From dialling the customer to the customer's answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._asked = Histogram(
            "ctc_ari_request_seconds",
            "From a request to Asterisk to its answer.",
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        self._unanswered = Counter(
            "ctc_ari_requests_unanswered", "Requests to Asterisk without an answer in time.", registry=registry
        )

        self._cut_off = Counter(
            "ctc_event_listeners_cut_off", "Listeners that did not read fast enough.", registry=registry
        )

        self._deliveries = Counter(
            "ctc_deliveries",
            "Attempts to tell webhooks and the CRM, by what came of them.",
            ("receiver", "outcome"),
            registry=registry,
        )
        for receiver in ("webhook", "crm"):
            for outcome in ("delivered", "retried", "given_up", "switched_off"):
                self._deliveries.labels(receiver, outcome)

    def delivery(self, receiver: str, outcome: str) -> None:
        """Count an attempt to tell a webhook or the CRM, or that one was switched off."""
        self._deliveries.labels(receiver, outcome).inc()

    def cut_off(self) -> None:
        """Count a listener of the events that was too slow."""
        self._cut_off.inc()

    def asked(self, seconds: float, *, answered: bool) -> None:
        """Count a request to Asterisk; `seconds` until its answer, or until it was given up."""
        if answered:
            self._asked.observe(seconds)
        else:
            self._unanswered.inc()

    def heard(self, happening: Happening) -> None:
        """Count one happening."""
        call = happening.call
        match happening.event:
            case "call.created":
                self._started.inc()
            case "call.agent_answered" if call.agent_answered_at is not None:
                self._agent.observe(max(0.0, call.agent_answered_at - call.created_at))
            case "call.answered" if call.direction == "outbound" and call.agent_answered_at and call.answered_at:
                self._ring.observe(max(0.0, call.answered_at - call.agent_answered_at))
            case "call.ended":
                self._ended.labels(call.end_reason.value if call.end_reason else "").inc()
                if call.answered_at is not None and call.ended_at is not None:
                    self._talk.observe(max(0.0, call.ended_at - call.answered_at))

    def watch(self, desk: Desk, *, connected: Callable[[], bool], unsaved: Callable[[], int]) -> None:
        """Gauges of the present."""
        live = Gauge("ctc_calls_live", "Calls whose outcome is open.", registry=self._registry)
        live.set_function(lambda: len(desk.live()))
        up = Gauge("ctc_asterisk_connected", "1 while calls can be placed.", registry=self._registry)
        up.set_function(lambda: float(connected()))
        behind = Gauge("ctc_calls_unsaved", "Calls with changes not yet in the database.", registry=self._registry)
        behind.set_function(lambda: float(unsaved()))

    def watch_events(self, events: Broadcast) -> None:
        """Who listens to the events."""
        listeners = Gauge("ctc_event_listeners", "Listeners of the events now.", registry=self._registry)
        listeners.set_function(lambda: events.listeners)
