"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

import pytest

from ctc_ari.outbox import Attempt, Delivery, Outcome
from ctc_ari.webhooks.retries import DAY, Retries

RETRIES = Retries()


def delivery(attempts: int = 0, age: float = 0.0) -> Delivery:
    return Delivery(
        id=7, webhook_id="wh", call_id="c", seq=1, type="call.ended", payload="{}", attempts=attempts, age=age
    )


def test_2xx_is_delivered() -> None:
    assert RETRIES.judge(delivery(3, 500.0), Attempt(204), 0.5) == Outcome(7, "delivered", 0.0, 204, None)


@pytest.mark.parametrize(("attempts", "delay"), [(0, 5.0), (1, 30.0), (3, 600.0), (7, 14400.0), (30, 14400.0)])
def test_the_pauses_grow(attempts: int, delay: float) -> None:
    outcome = RETRIES.judge(delivery(attempts), Attempt(500), 0.5)
    assert outcome == Outcome(7, "pending", delay, 500, "answered 500")


def test_what_failed_together_is_not_tried_together() -> None:
    delays = [RETRIES.judge(delivery(), Attempt(None, "no connection"), chance).delay for chance in (0.0, 1.0)]
    assert delays == [pytest.approx(4.5), pytest.approx(5.5)]


def test_a_receiver_may_ask_for_a_longer_pause() -> None:
    assert RETRIES.judge(delivery(), Attempt(429, None, 90.0), 0.5).delay == 90.0
    assert RETRIES.judge(delivery(), Attempt(503, None, 1.0), 0.5).delay == 5.0


def test_the_last_attempt_is_made_when_the_day_is_over_and_then_it_is_given_up() -> None:
    assert RETRIES.judge(delivery(9, DAY - 100), Attempt(500), 0.5).delay == 100.0
    assert RETRIES.judge(delivery(10, DAY), Attempt(500), 0.5) == Outcome(7, "failed", 0.0, 500, "answered 500")


def test_a_day_of_failures_is_about_a_dozen_attempts() -> None:
    age, attempts = 0.0, 0
    while (outcome := RETRIES.judge(delivery(attempts, age), Attempt(500), 0.5)).state == "pending":
        age, attempts = age + outcome.delay, attempts + 1
    assert 11 <= attempts <= 14
    assert age == pytest.approx(DAY)
