"""Contacts as the edges see them: what a record may hold, and how it is found. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from ctc_ari.calls.numbers import NumberPart
from ctc_ari.directory import ContactRecord
from ctc_ari.errors import BadRequest, InvalidNumber

__all__ = [
    "ContactDetails",
    "ContactNumber",
    "ContactPage",
    "Contacts",
    "Position",
    "check_contact",
    "new_contact_id",
    "spell_numbers",
]

MOST_NUMBERS = 20
MOST_EXTERNAL = 20
LONGEST_NAME = 200
LONGEST_EMAIL = 254
LONGEST_URL = 2000
LONGEST_LABEL = 40
LONGEST_EXTERNAL = 500
LONGEST_ID = 128

#: One line of text: no control characters, no line breaks, nothing that UTF-8 has no bytes for.
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
#: Opened by browsers, so nothing that could be a script.
_URL = re.compile(r"https?://[!-~\u00a1-\ud7ff\uf900-\uffef\U00010000-\U0010ffff]+", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


class ContactNumber(msgspec.Struct, frozen=True):
    """One of a contact's numbers in E.164, and what it is: `mobile`, `work`, …"""

    number: str
    label: str | None = None


class ContactDetails(msgspec.Struct, frozen=True):
    """A contact with everything that is kept of it. Times are Unix seconds."""

    id: str
    name: str
    #: The preferred one first.
    numbers: tuple[ContactNumber, ...] = ()
    email: str | None = None
    company: str | None = None
    #: The contact's page in the CRM.
    url: str | None = None
    #: What the CRM wants back with each call, such as its own ids.
    external: dict[str, str] = {}
    created_at: float = 0.0
    updated_at: float = 0.0
    #: When the last conversation with this contact ended.
    last_spoken_at: float | None = None

    @property
    def record(self) -> ContactRecord:
        """What a call needs of it."""
        return ContactRecord(self.id, self.name, tuple(number.number for number in self.numbers))


#: Where a page ended: what contacts are sorted by, and the id.
Position = tuple[str, str]


class ContactPage(msgspec.Struct, frozen=True):
    """Some contacts by name, and where the next page begins; None: there is none."""

    contacts: Sequence[ContactDetails]
    next: Position | None = None


class Contacts(Protocol):
    """The contacts. Numbers are E.164. Every method raises DatabaseUnreachable."""

    async def read(self, contact_id: str) -> ContactDetails:
        """Raises ContactNotFound."""
        ...

    async def create(self, contact: ContactDetails) -> ContactDetails:
        """Raises Conflict when its id is taken."""
        ...

    async def put(self, contact: ContactDetails) -> tuple[ContactDetails, bool]:
        """Create it or replace it whole; whether it is new."""
        ...

    async def change(self, contact_id: str, **changes: object) -> ContactDetails:
        """Change some fields; None empties one. Raises ContactNotFound, BadRequest for what it may not hold."""
        ...

    async def remove(self, contact_id: str) -> None:
        """Raises ContactNotFound."""
        ...

    async def with_number(self, number: str) -> Sequence[ContactDetails]:
        """Everybody with that number, the most recently spoken to first; 50 at most."""
        ...

    async def search(
        self, words: Sequence[str], part: NumberPart | None, *, after: Position | None, limit: int
    ) -> ContactPage:
        """By name: those with words that begin with these, and those with such a number; everybody without either."""
        ...


def new_contact_id() -> str:
    """For a contact that came without one."""
    return f"c-{secrets.token_hex(8)}"


def spell_numbers(numbers: Iterable[ContactNumber], spell: Callable[[str], str]) -> tuple[ContactNumber, ...]:
    """Each number in its one spelling, and once. Raises InvalidNumber, which says which one."""
    found: dict[str, ContactNumber] = {}
    for position, given in enumerate(numbers):
        try:
            number = spell(given.number)
        except InvalidNumber as error:
            raise InvalidNumber(f"numbers[{position}]: {error.message}") from None
        found.setdefault(number, ContactNumber(number, given.label))
    return tuple(found.values())


def check_contact(contact: ContactDetails) -> ContactDetails:
    """The contact as it is kept: trimmed, None for what is empty. Raises BadRequest, which names the field."""
    if not 0 < len(contact.id) <= LONGEST_ID or not contact.id.isprintable():
        raise BadRequest(f"id: must be 1 to {LONGEST_ID} printable characters.")
    #: As part of a path dots mean another path, and nobody sees such spaces.
    if contact.id in (".", "..") or contact.id != contact.id.strip():
        raise BadRequest("id: must not be `.` or `..`, nor begin or end with a space.")
    name = _line("name", contact.name, LONGEST_NAME)
    if name is None:
        raise BadRequest("name: must not be empty.")
    if len(contact.numbers) > MOST_NUMBERS:
        raise BadRequest(f"numbers: {MOST_NUMBERS} at most.")
    labels = [_line(f"numbers[{n}].label", number.label, LONGEST_LABEL) for n, number in enumerate(contact.numbers)]
    return msgspec.structs.replace(
        contact,
        name=name,
        numbers=tuple(ContactNumber(each.number, label) for each, label in zip(contact.numbers, labels, strict=True)),
        email=_like("email", contact.email, LONGEST_EMAIL, _EMAIL, "an e-mail address"),
        company=_line("company", contact.company, LONGEST_NAME),
        url=_like("url", contact.url, LONGEST_URL, _URL, "an http or https address"),
        external=_external(contact.external),
    )


def _line(field: str, text: str | None, most: int) -> str | None:
    """White space around it is cut off, and several spaces, tabs or breaks become one space."""
    line = " ".join((text or "").split())
    if len(line) > most:
        raise BadRequest(f"{field}: {most} characters at most.")
    if not _LINE.fullmatch(line):
        raise BadRequest(f"{field}: holds control or unreadable characters.")
    return line or None


def _like(field: str, text: str | None, most: int, pattern: re.Pattern[str], wanted: str) -> str | None:
    line = _line(field, text, most)
    if line is not None and not pattern.fullmatch(line):
        raise BadRequest(f"{field}: must be {wanted}.")
    return line


def _external(external: dict[str, str]) -> dict[str, str]:
    if len(external) > MOST_EXTERNAL:
        raise BadRequest(f"external: {MOST_EXTERNAL} keys at most.")
    kept = {}
    for key, value in external.items():
        name = _line("external", key, LONGEST_LABEL)
        if name is None:
            raise BadRequest("external: a key must not be empty.")
        kept[name] = _line(f"external.{name}", value, LONGEST_EXTERNAL) or ""
    return kept
