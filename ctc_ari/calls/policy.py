"""How much is let in: pure counters, given the time."""

from __future__ import annotations

from collections import deque

from ctc_ari.config import Limits
from ctc_ari.errors import LimitReached

__all__ = ["Admission", "RecentCalls"]

MINUTE = 60.0
#: So many calls may come at once: what Asterisk swallows without falling behind, however high the rate is.
BURST = 20


class Admission:
    """Refuses what is beyond the limits, at once and with the seconds to wait."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        #: Earliest time the next call conforms (GCRA, ITU-T I.371): one number instead of a bucket that is refilled.
        self._conforms_at = 0.0
        self._per_agent: dict[str, deque[float]] = {}

    def admit(self, agent: str, live: int, now: float) -> None:
        """Count one call for this agent. Raises LimitReached, and then nothing is counted."""
        limits = self._limits
        if live >= limits.concurrent_calls:
            raise LimitReached("Too many calls at once; wait until one has ended", retry_after=1)
        interval = 1.0 / limits.calls_per_second
        ahead = min(1.0, BURST * interval)
        #: Further ahead than a burst reaches: the clock was set back.
        conforms_at = max(self._conforms_at, now) if self._conforms_at <= now + ahead + interval else now
        wait = conforms_at + interval - now - ahead
        if wait > 1e-6:
            raise LimitReached("Too many calls per second; slow down", retry_after=wait)
        times = self._per_agent.setdefault(agent, deque())
        while times and not _within(times[0], MINUTE, now):
            times.popleft()
        if len(times) >= limits.agent_calls_per_minute:
            raise LimitReached("Too many calls for this agent within a minute", retry_after=times[0] + MINUTE - now)
        times.append(now)
        self._conforms_at = conforms_at + interval

    def forget_idle(self, now: float) -> None:
        """Drop agents who placed no call within the last minute."""
        for agent in [agent for agent, times in self._per_agent.items() if not _recent(times, now)]:
            del self._per_agent[agent]


def _within(time: float, window: float, now: float) -> bool:
    """A time far ahead is not recent: the clock was set back since."""
    return abs(now - time) < window


def _recent(times: deque[float], now: float) -> bool:
    return bool(times) and _within(times[-1], MINUTE, now)


class RecentCalls:
    """Which call an agent placed to a number a moment ago, so that a second click is the same call."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._calls: dict[tuple[str, str], tuple[float, str]] = {}

    def remember(self, agent: str, number: str, call_id: str, created_at: float) -> None:
        """This call was started."""
        self._calls.pop((agent, number), None)
        self._calls[agent, number] = (created_at, call_id)

    def find(self, agent: str, number: str, now: float) -> str | None:
        """The call that a click now would repeat, if it was created within the window."""
        created_at, call_id = self._calls.get((agent, number), (float("-inf"), ""))
        return call_id if _within(created_at, self._window, now) else None

    def forget(self, agent: str, number: str) -> None:
        """This call could not be started: a second click is a new try."""
        self._calls.pop((agent, number), None)

    def forget_old(self, now: float) -> None:
        """Drop what is out of the window; entries are in the order they were made."""
        while self._calls:
            key = next(iter(self._calls))
            if _within(self._calls[key][0], self._window, now):
                return
            del self._calls[key]
