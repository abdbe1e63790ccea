"""What a CRM is to the service, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ctc_ari.calls.commands import CallDesk
from ctc_ari.calls.ports import CallStore
from ctc_ari.directory import People
from ctc_ari.outbox import Send, Told

__all__ = ["Crm"]


class Crm(People, Protocol):
    """Says who agents and contacts are, and hears of calls."""

    @property
    def told(self) -> Sequence[str] | None:
        """The events that it hears of; None: none, ever."""
        ...

    @property
    def has_contacts(self) -> bool:
        """Whether there are contacts that only it knows."""
        ...

    def encode(self, happening: Told) -> str | None:
        """Such an event in its words; None: this one is nothing to it."""
        ...

    def sender(self, desk: CallDesk) -> Send:
        """Carries them there; what it answers may concern the desk."""
        ...

    def keeping(self, store: CallStore) -> CallStore:
        """The calls' store, with its contacts."""
        ...

    def close(self) -> None:
        """Wait for no answer any more."""
        ...
