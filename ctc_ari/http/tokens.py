"""/api/v1/tokens: what programs show to be let in. Administrators only; a token is shown once, when it is made."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from ctc_ari.directory import Right, TokenRecord
from ctc_ari.errors import BadRequest, TokenNotFound
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import given, read_body
from ctc_ari.http.moments import moment, moment_or_none
from ctc_ari.http.services import LONGEST_ID, Services, administrator, is_plain

__all__ = ["NewToken", "Rotation", "TokenChanges", "TokenList", "TokenView", "TokenWithSecret", "Tokens"]

PATH = "/api/v1/tokens"
#: Seconds that a rotated token may still work.
LONGEST_GRACE = 30 * 24 * 3600

_Name = Annotated[str, Meta(min_length=1, max_length=64)]
_Emails = Annotated[list[Annotated[str, Meta(min_length=1, max_length=254)]], Meta(max_length=1000)]


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST; without `agents` it is for all of them, without `rights` it has the usual ones."""

    name: _Name
    agents: _Emails | None = None
    rights: list[Right] | None = None


class TokenChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH: what is not there stays; null agents are all agents."""

    name: _Name | UnsetType = UNSET
    agents: _Emails | UnsetType | None = UNSET
    rights: list[Right] | UnsetType = UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a rotation, which may be missing."""

    #: Seconds.
    grace: Annotated[float, Meta(ge=0, le=LONGEST_GRACE)] = 24 * 3600.0


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; not the token."""

    id: str
    name: str
    #: E-mail addresses; None: all.
    agents: list[str] | None
    rights: list[Right]
    live: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class TokenWithSecret(TokenView, frozen=True, kw_only=True):
    """A token as it is shown once."""

    token: str


class TokenList(msgspec.Struct, frozen=True):
    """The body of GET."""

    tokens: list[TokenView]


class Tokens:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._new = msgspec.json.Decoder(NewToken)
        self._changes = msgspec.json.Decoder(TokenChanges)
        self._rotation = msgspec.json.Decoder(Rotation)

    def routes(self) -> list[web.RouteDef]:
        """Making, reading, changing and ending."""
        return [
            web.get(PATH, self.list_all),
            web.post(PATH, self.create),
            web.get(PATH + "/{token_id}", self.show),
            web.patch(PATH + "/{token_id}", self.change),
            web.delete(PATH + "/{token_id}", self.revoke),
            web.post(PATH + "/{token_id}/rotate", self.rotate),
        ]

    async def list_all(self, request: web.Request) -> web.Response:
        """200 with those that work, the newest first; with `all=true` those that ended, too."""
        administrator(self._services, request)
        dead_too = request.query.get("all", "false")
        if dead_too not in ("true", "false"):
            raise BadRequest("all must be true or false.")
        views = [_view(record) for record in await self._services.administration.tokens()]
        return json_answer(TokenList([view for view in views if view.live or dead_too == "true"]))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one token, also when it has ended."""
        administrator(self._services, request)
        token_id = _id(request)
        for record in await self._services.administration.tokens():
            if record.id == token_id:
                return json_answer(_view(record))
        raise TokenNotFound

    async def create(self, request: web.Request) -> web.Response:
        """201 with the token, shown this once."""
        administrator(self._services, request)
        new = await read_body(request, self._new, "a new token")
        return _shown_once(*await self._services.administration.create_token(new.name, new.agents, new.rights))

    async def change(self, request: web.Request) -> web.Response:
        """200 with the token as it is now."""
        administrator(self._services, request)
        body = await read_body(request, self._changes, "changes of a token")
        changes = given(body)
        return json_answer(_view(await self._services.administration.change_token(_id(request), **changes)))

    async def rotate(self, request: web.Request) -> web.Response:
        """201 with a new token in place of this one, which works for a while yet."""
        administrator(self._services, request)
        rotation = await read_body(request, self._rotation, "a rotation") if request.body_exists else Rotation()
        return _shown_once(*await self._services.administration.rotate_token(_id(request), rotation.grace))

    async def revoke(self, request: web.Request) -> web.Response:
        """204, also when it had ended already."""
        administrator(self._services, request)
        await self._services.administration.revoke_token(_id(request))
        return web.Response(status=204)


def _id(request: web.Request) -> str:
    token_id = request.match_info["token_id"]
    if not is_plain(token_id, LONGEST_ID):
        raise TokenNotFound
    return token_id


def _shown_once(record: TokenRecord, token: str) -> web.Response:
    shown = TokenWithSecret(**msgspec.structs.asdict(_view(record)), token=token)
    return json_answer(shown, 201, ((hdrs.LOCATION, f"{PATH}/{record.id}"),))


def _view(record: TokenRecord) -> TokenView:
    return TokenView(
        id=record.id,
        name=record.name,
        agents=None if record.agents is None else sorted(record.agents),
        rights=sorted(record.rights),
        live=record.live(time.time()),
        created_at=moment(record.created_at),
        expires_at=moment_or_none(record.expires_at),
        revoked_at=moment_or_none(record.revoked_at),
    )
