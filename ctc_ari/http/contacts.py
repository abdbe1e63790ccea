"""/api/v1/contacts: the people and companies that are called. Everybody reads them, administrators change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from ctc_ari.contacts import ContactDetails, ContactNumber, Position, new_contact_id, spell_numbers
from ctc_ari.errors import BadRequest, ContactNotFound
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import given, read_body
from ctc_ari.http.moments import moment, moment_or_none
from ctc_ari.http.queries import decode_cursor, encode_cursor, read_limit, read_text
from ctc_ari.http.services import LONGEST_ID, Services, administrator, authenticate, is_plain
from ctc_ari.words import words_of

__all__ = ["ContactBody", "ContactChanges", "ContactList", "ContactView", "Contacts", "NewContact", "NumberBody"]

PATH = "/api/v1/contacts"
WHAT = "a contact"

#: Longer than any field may be; what each may hold is said by `ctc_ari.contacts`.
_Text = Annotated[str, Meta(max_length=2000)]


class NumberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number in any spelling."""

    number: Annotated[str, Meta(min_length=1, max_length=64)]
    label: _Text | None = None


#: The short form is the number alone.
_Numbers = Annotated[list[NumberBody | Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=20)]


class ContactBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT: the whole contact."""

    name: _Text
    numbers: _Numbers = []
    email: _Text | None = None
    company: _Text | None = None
    url: _Text | None = None
    external: dict[str, str] = {}


class NewContact(ContactBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of POST; without an id it gets one."""

    id: Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)] | None = None


class ContactChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH: what is not there stays, null empties."""

    name: _Text | UnsetType = UNSET
    numbers: _Numbers | UnsetType = UNSET
    email: _Text | UnsetType | None = UNSET
    company: _Text | UnsetType | None = UNSET
    url: _Text | UnsetType | None = UNSET
    external: dict[str, str] | UnsetType = UNSET


class ContactView(msgspec.Struct, frozen=True):
    """A contact as it is shown; every key is always there."""

    id: str
    name: str
    numbers: tuple[ContactNumber, ...]
    email: str | None
    company: str | None
    url: str | None
    external: dict[str, str]
    created_at: str
    updated_at: str
    last_spoken_at: str | None


class ContactList(msgspec.Struct, frozen=True):
    """The body of GET: a page, and the cursor of the next one."""

    contacts: list[ContactView]
    next: str | None


class Contacts:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._new = msgspec.json.Decoder(NewContact)
        self._whole = msgspec.json.Decoder(ContactBody)
        self._changes = msgspec.json.Decoder(ContactChanges)
        self._position = msgspec.json.Decoder(Position)

    def routes(self) -> list[web.RouteDef]:
        """Finding, reading and writing."""
        return [
            web.get(PATH, self.find),
            web.post(PATH, self.create),
            web.get(PATH + "/{id}", self.show),
            web.put(PATH + "/{id}", self.replace),
            web.patch(PATH + "/{id}", self.change),
            web.delete(PATH + "/{id}", self.remove),
        ]

    async def find(self, request: web.Request) -> web.Response:
        """200 with those who have `number`, or a page of those whom `q` finds, or of all."""
        authenticate(self._services, request)
        limit, after = read_limit(request), decode_cursor(request, self._position)
        number, q = read_text(request, "number"), read_text(request, "q")
        if number and q:
            raise BadRequest("Give `number` or `q`, not both.")
        contacts, spelling = self._services.contacts, self._services.spelling
        if number:
            found = await contacts.with_number(spelling.spell(number))
            return json_answer(ContactList([_view(contact) for contact in found[:limit]], None))
        words, part = words_of(q), spelling.part(q or "")
        if q and not words and part is None:
            return json_answer(ContactList([], None))
        page = await contacts.search(words, part, after=after, limit=limit)
        following = None if page.next is None else encode_cursor(page.next)
        return json_answer(ContactList([_view(contact) for contact in page.contacts], following))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one contact."""
        authenticate(self._services, request)
        return json_answer(_view(await self._services.contacts.read(_id(request))))

    async def create(self, request: web.Request) -> web.Response:
        """201 with the new contact."""
        administrator(self._services, request)
        new = await read_body(request, self._new, WHAT)
        contact = self._details(new.id or new_contact_id(), new)
        return _created(await self._services.contacts.create(contact))

    async def replace(self, request: web.Request) -> web.Response:
        """200 with the contact as it is now, 201 if there was none of that id."""
        administrator(self._services, request)
        whole = await read_body(request, self._whole, WHAT)
        contact, new = await self._services.contacts.put(self._details(_id(request), whole))
        return _created(contact) if new else json_answer(_view(contact))

    async def change(self, request: web.Request) -> web.Response:
        """200 with the contact as it is now."""
        administrator(self._services, request)
        body = await read_body(request, self._changes, "changes of a contact")
        changes = given(body)
        if "numbers" in changes:
            changes["numbers"] = self._numbers(changes["numbers"])
        return json_answer(_view(await self._services.contacts.change(_id(request), **changes)))

    async def remove(self, request: web.Request) -> web.Response:
        """204; calls with that contact stay in the log."""
        administrator(self._services, request)
        await self._services.contacts.remove(_id(request))
        return web.Response(status=204)

    def _details(self, contact_id: str, body: ContactBody) -> ContactDetails:
        numbers = self._numbers(body.numbers)
        return ContactDetails(contact_id, body.name, numbers, body.email, body.company, body.url, body.external)

    def _numbers(self, numbers: Sequence[NumberBody | str]) -> tuple[ContactNumber, ...]:
        asked = (
            ContactNumber(each) if isinstance(each, str) else ContactNumber(each.number, each.label) for each in numbers
        )
        return spell_numbers(asked, self._services.spelling.spell)


def _id(request: web.Request) -> str:
    contact_id = request.match_info["id"]
    if not is_plain(contact_id, LONGEST_ID):
        raise ContactNotFound
    return contact_id


def _created(contact: ContactDetails) -> web.Response:
    return json_answer(_view(contact), 201, ((hdrs.LOCATION, f"{PATH}/{quote(contact.id, safe='')}"),))


def _view(contact: ContactDetails) -> ContactView:
    return ContactView(
        id=contact.id,
        name=contact.name,
        numbers=contact.numbers,
        email=contact.email,
        company=contact.company,
        url=contact.url,
        external=contact.external,
        created_at=moment(contact.created_at),
        updated_at=moment(contact.updated_at),
        last_spoken_at=moment_or_none(contact.last_spoken_at),
    )
