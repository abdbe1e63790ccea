"""What the edges ask of the desk: checked once, then frozen."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ctc_ari.calls.model import Agent, Call, Contact, Device

__all__ = ["CallDesk", "PlaceCall", "Placed"]


class PlaceCall(msgspec.Struct, frozen=True):
    """Ring this agent, then call that number."""

    agent: Agent
    #: E.164, with `+`, allowed by the number policy.
    number: str
    #: None: the agent's usual one.
    device: Device | None = None
    #: The record the call was started from; None: found by number.
    contact: Contact | None = None


class Placed(msgspec.Struct, frozen=True):
    """The call that a command led to; `duplicate` when it was there already."""

    call: Call
    duplicate: bool = False


class CallDesk(Protocol):
    """What the edges may do with calls."""

    async def place(self, command: PlaceCall) -> Placed:
        """Return once the agent's phone is being rung.

        Raises AgentBusy, AgentOffline, DeviceUnavailable, LimitReached, CallFailed, AsteriskUnreachable,
        DatabaseUnreachable.
        """
        ...

    async def hang_up(self, call_id: str) -> None:
        """End the call from outside; harmless when it has ended. Raises CallNotFound."""
        ...

    def live(self) -> list[Call]:
        """The calls whose outcome is open, oldest first."""
        ...

    async def find(self, call_id: str) -> Call:
        """A call, live or ended. Raises CallNotFound, DatabaseUnreachable."""
        ...
