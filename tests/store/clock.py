"""A clock that tests set."""

from __future__ import annotations


class Clock:
    """Unix seconds, standing still until a test moves them."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
