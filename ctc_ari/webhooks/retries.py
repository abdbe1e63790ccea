"""When a delivery that failed is tried again, and when it is given up. Pure."""

from __future__ import annotations

import msgspec

from ctc_ari.outbox import Attempt, Delivery, Outcome

__all__ = ["Retries"]

DAY = 24 * 3600.0


class Retries(msgspec.Struct, frozen=True):
    """Seconds before each further attempt, the last of them again and again, until a delivery is so old."""

    delays: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 2 * 3600.0, 4 * 3600.0)
    give_up: float = DAY

    def judge(self, delivery: Delivery, attempt: Attempt, chance: float) -> Outcome:
        """What comes of it; `chance`, from 0 to 1, spreads what failed together."""
        if attempt.delivered:
            return Outcome(delivery.id, "delivered", 0.0, attempt.status, None)
        error = attempt.error or f"answered {attempt.status}"
        delay = self.delays[min(delivery.attempts, len(self.delays) - 1)] * (0.9 + 0.2 * chance)
        delay = max(delay, attempt.retry_after or 0.0)
        if delivery.age >= self.give_up:
            return Outcome(delivery.id, "failed", 0.0, attempt.status, error)
        #: The last attempt is made when the day is over, not hours before.
        return Outcome(delivery.id, "pending", min(delay, self.give_up - delivery.age), attempt.status, error)
