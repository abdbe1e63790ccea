"""No CRM but our own tables."""

from __future__ import annotations

from collections.abc import Sequence

from ctc_ari.calls.commands import CallDesk
from ctc_ari.calls.model import Agent
from ctc_ari.calls.ports import CallStore
from ctc_ari.directory import ContactRecord, Directory
from ctc_ari.outbox import Attempt, Delivery, Send, Told, Webhook

__all__ = ["BuiltinCrm"]


class BuiltinCrm:
    """Implements `Crm` with the directory, where agents are in memory; the store finds contacts by itself."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def agent(self, email: str, number: str | None = None) -> Agent:
        """Raises AgentNotFound."""
        return self._directory.agent(email)

    async def contact(self, contact_id: str) -> ContactRecord:
        """Raises ContactNotFound, DatabaseUnreachable."""
        return await self._directory.contact(contact_id)

    @property
    def told(self) -> Sequence[str] | None:
        """Nothing."""
        return None

    @property
    def has_contacts(self) -> bool:
        """No: they are ours."""
        return False

    def encode(self, happening: Told) -> str | None:
        """Nothing."""
        return None

    def sender(self, desk: CallDesk) -> Send:
        """For what an earlier configuration left behind."""
        return _nobody

    def keeping(self, store: CallStore) -> CallStore:
        """As it is."""
        return store

    def close(self) -> None:
        """Nothing is under way."""


async def _nobody(webhook: Webhook, delivery: Delivery) -> Attempt:
    return Attempt(None, "there is no CRM in the configuration")
