"""Contacts in memory, which fail when they are told to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctc_ari.calls.numbers import NumberPart
from ctc_ari.contacts import ContactDetails, ContactNumber, ContactPage, Position, check_contact
from ctc_ari.errors import Conflict, ContactNotFound
from ctc_ari.words import fold, matches, words_of

CREATED = 1_772_357_400.1256
GRACE = ContactDetails(
    "grace",
    "Grace Hopper",
    (ContactNumber("+442079460001", "work"), ContactNumber("+447700900123", "mobile")),
    email="grace@example.com",
    company="Example Ltd",
    url="https://crm.example.com/grace",
    external={"crm_id": "4711"},
    created_at=CREATED,
    updated_at=CREATED,
    last_spoken_at=CREATED + 60,
)


class FakeContacts:
    """Grace alone at first."""

    def __init__(self) -> None:
        self.known = {GRACE.id: GRACE}
        self.failure: Exception | None = None

    def _look(self, contact_id: str = "-") -> None:
        assert contact_id.isprintable()
        assert 0 < len(contact_id) <= 128
        if self.failure is not None:
            raise self.failure

    async def read(self, contact_id: str) -> ContactDetails:
        """By id."""
        self._look(contact_id)
        if contact_id not in self.known:
            raise ContactNotFound
        return self.known[contact_id]

    async def create(self, contact: ContactDetails) -> ContactDetails:
        """An id is given once."""
        self._look()
        contact = check_contact(contact)
        if contact.id in self.known:
            raise Conflict
        return self._keep(contact)

    async def put(self, contact: ContactDetails) -> tuple[ContactDetails, bool]:
        """As given."""
        self._look()
        new = contact.id not in self.known
        return self._keep(check_contact(contact)), new

    async def change(self, contact_id: str, **changes: object) -> ContactDetails:
        """As given, where it is given."""
        return self._keep(check_contact(msgspec.structs.replace(await self.read(contact_id), **changes)))

    async def remove(self, contact_id: str) -> None:
        """Gone."""
        await self.read(contact_id)
        del self.known[contact_id]

    async def with_number(self, number: str) -> Sequence[ContactDetails]:
        """In no order."""
        self._look()
        return [contact for contact in self.known.values() if number in _numbers(contact)]

    async def search(
        self, words: Sequence[str], part: NumberPart | None, *, after: Position | None, limit: int
    ) -> ContactPage:
        """By name."""
        self._look()
        everybody = sorted(self.known.values(), key=_position)
        found = [each for each in everybody if _position(each) > (after or ("", "")) and _found(each, words, part)]
        following = _position(found[limit - 1]) if len(found) > limit else None
        return ContactPage(found[:limit], following)

    def _keep(self, contact: ContactDetails) -> ContactDetails:
        kept = msgspec.structs.replace(contact, created_at=CREATED, updated_at=CREATED + 1)
        self.known[contact.id] = kept
        return kept


def _position(contact: ContactDetails) -> Position:
    return fold(contact.name), contact.id


def _numbers(contact: ContactDetails) -> list[str]:
    return [each.number for each in contact.numbers]


def _found(contact: ContactDetails, words: Sequence[str], part: NumberPart | None) -> bool:
    if part is not None and any(number.startswith(part.beginnings) for number in _numbers(contact)):
        return True
    return (bool(words) or part is None) and matches(words, words_of(contact.name))
