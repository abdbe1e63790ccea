"""The calls' store with something beside it when a call is added."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ctc_ari.calls.model import Call, Contact
from ctc_ari.calls.ports import CallStore, Happening

__all__ = ["StoreAround", "StoreWithContacts"]


class StoreAround:
    """Implements `CallStore` with another one."""

    def __init__(self, store: CallStore) -> None:
        self._store = store

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._store.writable

    async def add(self, call: Call) -> Contact | None:
        """See `CallStore.add`."""
        return await self._store.add(call)

    def save(self, call: Call, happenings: Sequence[Happening], *, urgent: bool = False, wished: bool = False) -> None:
        """See `CallStore.save`."""
        self._store.save(call, happenings, urgent=urgent, wished=wished)

    async def load_live(self, node: str) -> list[tuple[Call, int]]:
        """See `CallStore.load_live`."""
        return await self._store.load_live(node)

    async def load_recent(self, node: str, since: float) -> list[Call]:
        """See `CallStore.load_recent`."""
        return await self._store.load_recent(node, since)

    async def find(self, call_id: str) -> Call | None:
        """See `CallStore.find`."""
        return await self._store.find(call_id)


class StoreWithContacts(StoreAround):
    """With the CRM's contacts: looked up while the row is committed, so that the two cost one wait."""

    def __init__(self, store: CallStore, contact: Callable[[str], Awaitable[Contact | None]]) -> None:
        super().__init__(store)
        #: By number in E.164; bounded in time. Never raises.
        self._contact = contact

    async def add(self, call: Call) -> Contact | None:
        """The CRM's contact, else ours; a call that was begun from a record belongs to that.

        Of a record that only the CRM has nothing but its id is known then: the CRM may say more of it by the number.
        """
        known = call.contact is not None and bool(call.contact.name)
        if known or call.transferred_from is not None or call.direction == "internal":
            return await self._store.add(call)
        asked = asyncio.ensure_future(self._contact(call.number))
        try:
            ours = await self._store.add(call)
        except BaseException:
            asked.cancel()
            raise
        return await asked or ours
