"""What the HTTP edge needs from the rest of the service, and who is asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from ctc_ari.call_log import CallLog
from ctc_ari.calls.broadcast import Broadcast
from ctc_ari.calls.commands import CallDesk, Recordings
from ctc_ari.calls.model import Call
from ctc_ari.calls.numbers import Spelling
from ctc_ari.config import WebRtc
from ctc_ari.contacts import Contacts
from ctc_ari.directory import Administration, Directory, IdempotencyKeys, People, Principal, Sessions
from ctc_ari.erasure import Erasures
from ctc_ari.errors import CallNotFound, NotAllowed, Unauthorized
from ctc_ari.outbox import Webhooks
from ctc_ari.web_phones import WebPhones

__all__ = [
    "LONGEST_ID",
    "LONGEST_TOKEN",
    "HealthCheck",
    "Normalise",
    "Services",
    "administrator",
    "authenticate",
    "bearer_tokens",
    "is_plain",
    "visible_call",
]

#: Any spelling of a number -> E.164 with `+`. Raises InvalidNumber, NumberBlocked.
Normalise = Callable[[str], str]
#: Part of the service -> None if it is fine, else one line that says what is wrong.
HealthCheck = Callable[[], Awaitable[Mapping[str, str | None]]]

_BEARER = "bearer "
LONGEST_TOKEN = 256
LONGEST_ID = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a request may use; `app.py` fills it in once."""

    desk: CallDesk
    directory: Directory
    #: Whom new calls are between.
    people: People
    sessions: Sessions
    keys: IdempotencyKeys
    recordings: Recordings
    web_phones: WebPhones
    events: Broadcast
    contacts: Contacts
    call_log: CallLog
    erasures: Erasures
    administration: Administration
    webhooks: Webhooks
    normalise: Normalise
    spelling: Spelling
    check: HealthCheck
    #: What `/metrics` shows; this package's own metrics are added to it.
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    #: Addresses or networks whose `X-Forwarded-For` is believed.
    trusted_proxies: tuple[str, ...] = ()
    #: Pages of other origins that may use the API and be phones.
    allowed_origins: tuple[str, ...] = ()
    public_url: str | None = None
    webrtc: WebRtc = field(default_factory=WebRtc)


def bearer_tokens(request: web.Request) -> list[str]:
    """The tokens in `Authorization: Bearer` headers (RFC 6750); other schemes, such as Basic, are not ours."""
    return [
        header[len(_BEARER) :].strip()
        for header in request.headers.getall(hdrs.AUTHORIZATION, ())
        if header[: len(_BEARER)].lower() == _BEARER
    ]


def authenticate(services: Services, request: web.Request) -> Principal:
    """Who sent this REST request. Raises Unauthorized."""
    tokens = bearer_tokens(request)
    if len(tokens) != 1 or not is_plain(tokens[0], LONGEST_TOKEN):
        raise Unauthorized
    return services.directory.authenticate(tokens[0])


def administrator(services: Services, request: web.Request) -> Principal:
    """Who sent this request, if it may change what belongs to everybody. Raises Unauthorized, NotAllowed."""
    principal = authenticate(services, request)
    if not principal.may_administer:
        raise NotAllowed("This needs a token with the right `admin`, as `ctc-ari token create crm` makes one.")
    return principal


async def visible_call(services: Services, request: web.Request) -> Call:
    """The call in the path, if this token may see it. Raises Unauthorized, CallNotFound, DatabaseUnreachable."""
    principal = authenticate(services, request)
    call_id = request.match_info["id"]
    if not is_plain(call_id, LONGEST_ID):
        raise CallNotFound
    call = await services.desk.find(call_id)
    if not principal.may_act_for(call.agent.email):
        raise CallNotFound
    return call


def is_plain(text: str, most: int) -> bool:
    """Whether a text is short and printable: no control characters, no NUL for PostgreSQL, no broken UTF-8."""
    return 0 < len(text) <= most and text.isprintable()
