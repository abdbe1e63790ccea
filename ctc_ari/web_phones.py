"""The browser as a phone, as the edges see it: an account in Asterisk for each agent, and a way there for SIP."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from ctc_ari.calls.model import Agent

__all__ = ["SipAccount", "SipSocket", "WebPhones", "account_name"]


class SipAccount(msgspec.Struct, frozen=True):
    """What a browser registers with; a new password each time."""

    #: Also the endpoint's name in Asterisk.
    name: str
    password: str


class SipSocket(Protocol):
    """Whole SIP messages to and from Asterisk (RFC 7118)."""

    async def send(self, message: str) -> None:
        """Lost without a word if the connection is."""
        ...

    async def receive(self) -> str | None:
        """The next message; None: the connection has ended."""
        ...


class WebPhones(Protocol):
    """One Asterisk's browser phones."""

    async def admit(self, agent: Agent) -> SipAccount:
        """Make the agent's account, or give it a new password; what was registered with the old one stays for now.

        Raises DeviceUnavailable when she has no extension, WebPhoneUnavailable, AsteriskUnreachable.
        """
        ...

    async def dismiss(self, name: str) -> None:
        """Remove the account: nobody registers with it any more. Harmless when it is gone, or Asterisk is."""
        ...

    def connect(self) -> AbstractAsyncContextManager[SipSocket]:
        """A connection for one browser. Raises AsteriskUnreachable."""
        ...


def account_name(agent: Agent) -> str | None:
    """`web-1001`; None without an extension."""
    return f"web-{agent.extension}" if agent.extension else None
