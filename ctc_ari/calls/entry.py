"""What the desk keeps of each live call, and of whoever waits for something to be done."""

from __future__ import annotations

import asyncio
from collections import deque

from ctc_ari.calls.inputs import Input
from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import NOT_SENT, Happening
from ctc_ari.errors import AsteriskUnreachable, CallFailed, CtcError

__all__ = ["Entry", "Wish"]


class Wish:
    """Somebody waits until all that a wish needs was done; `refused` is what he is told when Asterisk refuses it."""

    __slots__ = ("done", "open", "refused")

    def __init__(self, refused: type[CtcError] = CallFailed) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.open = 0
        self.refused = refused

    def begin(self, requests: int) -> None:
        """So many more answers are to come; none at all: it is done."""
        self.open += requests
        if not self.open and not self.done.done():
            self.done.set_result(None)

    def refuse(self, error: CtcError) -> None:
        """It cannot be now."""
        if not self.done.done():
            self.done.set_exception(error)

    def answered(self, status: int | None) -> None:
        """One answer."""
        self.open -= 1
        if self.done.done():
            return
        if status is None or status == NOT_SENT:
            self.done.set_exception(AsteriskUnreachable())
        elif status >= 300:
            self.done.set_exception(self.refused())
        elif not self.open:
            self.done.set_result(None)


class Entry:
    """A live call with its queue, its timer, and those who wait for its phone to ring."""

    __slots__ = ("call", "draining", "happenings", "inputs", "ringing", "row", "seq", "timer", "waits_until")

    def __init__(self, call: Call, *, row: bool, seq: int = 0) -> None:
        self.call = call
        self.inputs: deque[tuple[Input, Wish | None]] = deque()
        self.draining = False
        #: Whether the row is committed, so that changes may be written.
        self.row = row
        self.seq = seq
        self.happenings: list[Happening] = []
        self.timer: asyncio.TimerHandle | None = None
        self.waits_until: float | None = None
        #: Set once the agent's phone rings, or with the reason why it does not.
        self.ringing: asyncio.Future[None] | None = None
