"""GET /ClickToCallAPI: one link in a CRM rings the agent's phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args
from urllib.parse import unquote

import msgspec
from aiohttp import web

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Contact
from ctc_ari.errors import ContactNotFound, EmbeddedRequest, NoExtension, Unauthorized
from ctc_ari.http.answers import CLICK_PATH, Fault, click_error, json_answer
from ctc_ari.http.queries import decode_number
from ctc_ari.http.services import Services, bearer_tokens, is_plain

__all__ = ["Click", "Parameters", "read_parameters"]

MANDATORY = ("phone_number", "email", "token")
#: Parameter -> its greatest length. Everything else in the query is somebody else's and ignored.
LENGTHS = {"phone_number": 64, "email": 254, "token": 256, "contact_id": 128, "device": 16}
MISSING = "API mandatory parameters are missing"
DEVICES: Mapping[str, Device] = {device: device for device in get_args(Device)}

#: What a browser asks for when a person follows a link (`document`) or a page's script calls `fetch` (`empty`).
OPENED = frozenset({"document", "empty"})
PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
SPECULATIVE = ("prefetch", "prerender", "preview")


class Parameters(msgspec.Struct, frozen=True):
    """A click's query, decoded; nothing is looked up yet."""

    phone_number: str
    email: str
    token: str
    contact_id: str | None
    device: Device | None


class Success(msgspec.Struct, frozen=True, omit_defaults=True):
    """The agent's phone is being rung; `duplicate` when it was ringing already."""

    status: str
    message: str
    call_id: str
    duplicate: bool = False


class Click:
    """The click; checked in the contract's order: method (by the router), parameters, token, number, agent."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """GET alone: a HEAD would ring, too."""
        return [web.get(CLICK_PATH, self.place, allow_head=False)]

    async def place(self, request: web.Request) -> web.Response:
        """Ring the agent's phone, once per click."""
        refuse_embedded(request)
        parameters = read_parameters(request)
        if isinstance(parameters, Fault):
            return click_error(parameters)
        services = self._services
        principal = services.directory.authenticate(parameters.token)
        if not principal.may_act_for(parameters.email):
            raise Unauthorized
        number = services.normalise(parameters.phone_number)
        agent = await services.people.agent(parameters.email, number)
        if not agent.extension:
            raise NoExtension
        contact = await self._contact(parameters.contact_id) if parameters.contact_id else None
        placed = await services.desk.place(PlaceCall(agent, number, parameters.device, contact))
        return json_answer(Success("success", "Call initiated successfully", placed.call.id, placed.duplicate))

    async def _contact(self, contact_id: str) -> Contact | None:
        """None for a contact that only the CRM knows: the number is given, so it rings all the same."""
        try:
            record = await self._services.people.contact(contact_id)
        except ContactNotFound:
            return None
        return record.shown


def refuse_embedded(request: web.Request) -> None:
    """A browser that guesses, or a page that embeds the link, must not ring anybody. Raises EmbeddedRequest."""
    headers = request.headers
    destination = headers.get("Sec-Fetch-Dest")
    if destination is not None and destination not in OPENED:
        raise EmbeddedRequest
    for name in PURPOSES:
        purpose = headers.get(name)
        if purpose is not None and any(word in purpose.lower() for word in SPECULATIVE):
            raise EmbeddedRequest


def read_parameters(request: web.Request) -> Parameters | Fault:
    """The click's parameters, or what is wrong with them; the token may come as `Authorization: Bearer` instead."""
    values: dict[str, str] = {}
    for pair in request.rel_url.raw_query_string.split("&"):
        name, _, raw = pair.partition("=")
        if "%" in name:
            name = unquote(name)
        if name not in LENGTHS:
            continue
        if name in values:
            return _repeated(name)
        value = _decode(name, raw)
        if value and not _readable(name, value):
            return Fault(400, f"malformed_{name}", f"The parameter {name} is too long or holds unreadable characters.")
        values[name] = value
    tokens = bearer_tokens(request)
    if values.get("token"):
        tokens.append(values["token"])
    if len(set(tokens)) > 1:
        # Two different tokens: no guess which of them was meant.
        return _repeated("token")
    values["token"] = tokens[0] if tokens else ""
    for name in MANDATORY:
        if not values.get(name):
            return Fault(400, f"missing_{name}", MISSING)
    if not _readable("token", values["token"]):
        return Fault(400, "malformed_token", "The token is too long or holds unreadable characters.")
    device = values.get("device")
    if device and device not in DEVICES:
        return Fault(400, "invalid_device", f"The parameter device must be {' or '.join(DEVICES)}.")
    return Parameters(
        phone_number=values["phone_number"],
        email=values["email"],
        token=values["token"],
        contact_id=values.get("contact_id") or None,
        device=DEVICES[device] if device else None,
    )


def _repeated(name: str) -> Fault:
    message = MISSING if name in MANDATORY else f"The parameter {name} is given more than once."
    return Fault(400, f"repeated_{name}", message)


def _decode(name: str, raw: str) -> str:
    """Percent-decoded; a `+` is a space, except where only a plus makes sense."""
    if name == "email":
        # An address holds no space, but `anna+sales@…` is one.
        return unquote(raw, errors="surrogateescape").strip()
    if name == "phone_number":
        return decode_number(raw)
    return unquote(raw.replace("+", " "), errors="surrogateescape").strip()


def _readable(name: str, value: str) -> bool:
    """Whether a value can be worked with; broken UTF-8 shows as surrogates, which are not printable."""
    if name == "phone_number":
        # Pasted numbers carry no-break spaces and direction marks; judging those is the number policy's business.
        return len(value) <= LENGTHS[name] and not any("\ud800" <= character <= "\udfff" for character in value)
    return is_plain(value, LENGTHS[name])
