"""What the edges ask of the desk: checked once, then frozen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from ctc_ari.calls.inputs import Input
from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Agent, Call, Contact, SupervisorMode, TransferMode

__all__ = ["CallDesk", "PlaceCall", "Placed", "Recordings"]


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


class Recordings(Protocol):
    """Where the recordings of calls can be fetched."""

    def stream(self, call_id: str, number: int) -> AsyncIterator[bytes]:
        """A finished recording as WAV, in parts. Raises RecordingNotFound, AsteriskUnreachable."""
        ...


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

    async def control(self, call_id: str, wish: Input) -> None:
        """Carry out what somebody wants of a live call; returns when Asterisk has done it.

        Raises CallNotFound, WrongState, CallFailed, AsteriskUnreachable, DatabaseUnreachable.
        """
        ...

    async def transfer(self, call_id: str, to: str, mode: TransferMode) -> Call:
        """Begin to hand the customer over to an agent (e-mail or extension), another extension, or a number.

        Returns once the target's channel exists; how it goes on is told by events. Raises CallNotFound, WrongState,
        TransferInProgress, AgentNotFound, AgentBusy, AgentOffline, DeviceUnavailable, InvalidNumber, NumberBlocked,
        AsteriskUnreachable.
        """
        ...

    async def move(self, call_id: str, device: Device, *, again: bool = False) -> Call:
        """Ring the agent's other device; once it is answered, the call is there.

        `again` rings the device that has the call: a page that was reloaded takes its sound up.

        Raises CallNotFound, WrongState, DeviceUnavailable, AgentOffline, AsteriskUnreachable.
        """
        ...

    async def supervise(self, call_id: str, agent: Agent, mode: SupervisorMode) -> tuple[Call, str]:
        """Ring this agent's phone and let her take part; also returns the id of her part.

        Raises CallNotFound, WrongState, AgentBusy, AgentOffline, DeviceUnavailable, AsteriskUnreachable.
        """
        ...

    def live(self) -> list[Call]:
        """The calls whose outcome is open, oldest first."""
        ...

    async def find(self, call_id: str) -> Call:
        """A call, live or ended. Raises CallNotFound, DatabaseUnreachable."""
        ...
