"""The calls' store with somebody else's contacts."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from ctc_ari.calls.model import Contact, Phase
from ctc_ari.calls.ports import CallStore, Happening
from ctc_ari.crm.calls import StoreWithContacts
from ctc_ari.errors import AgentBusy
from tests.calls.builders import a_call_in
from tests.calls.fakes import FakeStore

CALL = replace(a_call_in(Phase.PLACING), contact=None)
THEIRS, OURS = Contact("crm", "Theirs"), Contact("c-1", "Ours")


class Crm:
    """Knows one contact, or nobody."""

    def __init__(self, contact: Contact | None = THEIRS) -> None:
        self.contact = contact
        self.asked: list[str] = []

    async def __call__(self, number: str) -> Contact | None:
        self.asked.append(number)
        return self.contact


async def test_the_crms_contact_counts_and_ours_where_it_has_none() -> None:
    for known, belongs_to in ((THEIRS, THEIRS), (None, OURS)):
        store = FakeStore([])
        store.contact = OURS
        assert await StoreWithContacts(store, Crm(known)).add(CALL) == belongs_to


async def test_a_call_that_belongs_to_a_record_already_is_not_looked_up() -> None:
    crm = Crm()
    for call in (
        replace(CALL, contact=OURS),
        replace(CALL, transferred_from="ctc-1"),
        replace(CALL, direction="internal"),
    ):
        assert await StoreWithContacts(FakeStore([]), crm).add(call) is None
    assert crm.asked == []


async def test_a_record_of_which_only_the_id_is_known_is_looked_up_by_the_number() -> None:
    call = replace(CALL, contact=Contact("crm", ""))
    assert await StoreWithContacts(FakeStore([]), Crm()).add(call) == THEIRS


async def test_a_row_that_cannot_be_waits_for_no_crm() -> None:
    async def never(number: str) -> Contact | None:
        await asyncio.sleep(60)
        return None

    store = FakeStore([])
    store.failure = AgentBusy()
    with pytest.raises(AgentBusy):
        async with asyncio.timeout(5):
            await StoreWithContacts(store, never).add(CALL)


async def test_all_else_is_the_stores() -> None:
    store = FakeStore([])
    wrapped: CallStore = StoreWithContacts(store, Crm())
    assert wrapped.writable is store.writable
    wrapped.save(CALL, [Happening(CALL, "call.created", 1.0, 1)], urgent=True)
    assert await wrapped.find(CALL.id) == await store.find(CALL.id)
    assert await wrapped.load_live("pbx1") == await store.load_live("pbx1")
    assert await wrapped.load_recent("pbx1", 0.0) == await store.load_recent("pbx1", 0.0)
