"""/api/v1/erasures: what is known of one customer is removed, for administrators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from ctc_ari.errors import BadRequest, ContactNotFound
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import read_body
from ctc_ari.http.services import LONGEST_ID, Services, administrator, is_plain

__all__ = ["ErasureRoutes", "NewErasure"]

PATH = "/api/v1/erasures"


class NewErasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST: one of both."""

    contact_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)] | None = None
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class ErasureRoutes:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._decoder = msgspec.json.Decoder(NewErasure)

    def routes(self) -> list[web.RouteDef]:
        """Nothing is kept of an erasure, so that there is nothing to read."""
        return [web.post(PATH, self.erase)]

    async def erase(self, request: web.Request) -> web.Response:
        """200 with how much it was."""
        administrator(self._services, request)
        new = await read_body(request, self._decoder, "an erasure")
        if (new.contact_id is None) == (new.number is None):
            raise BadRequest("The body is not an erasure: give either `contact_id` or `number`.")
        if new.number is not None:
            return json_answer(await self._services.erasures.erase_number(self._services.spelling.spell(new.number)))
        contact_id = new.contact_id or ""
        if not is_plain(contact_id, LONGEST_ID):
            raise ContactNotFound
        return json_answer(await self._services.erasures.erase_contact(contact_id))
