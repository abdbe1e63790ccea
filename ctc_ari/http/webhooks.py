"""/api/v1/webhooks: who is told what happens to calls, and what came of it. Administrators only; secrets show once."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from ctc_ari.errors import BadRequest, DeliveryNotFound, WebhookNotFound
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import given, read_body
from ctc_ari.http.moments import moment, moment_or_none
from ctc_ari.http.queries import decode_cursor, encode_cursor, read_limit
from ctc_ari.http.services import LONGEST_ID, Services, administrator, is_plain
from ctc_ari.outbox import Delivery, DeliveryState, NewWebhook, Webhook

__all__ = [
    "DeliveryList",
    "DeliveryView",
    "NewWebhookBody",
    "WebhookChanges",
    "WebhookList",
    "WebhookView",
    "WebhookWithSecret",
    "Webhooks",
]

PATH = "/api/v1/webhooks"
ONE = PATH + "/{webhook_id}"
#: Seconds that a secret signs beside its successor.
LONGEST_GRACE = 30 * 24 * 3600
STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

_Url = Annotated[str, Meta(min_length=1, max_length=2000)]
_Text = Annotated[str, Meta(max_length=200)]
_Types = Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=100)]
_Emails = Annotated[list[Annotated[str, Meta(min_length=1, max_length=254)]], Meta(min_length=1, max_length=1000)]


class NewWebhookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST; without `types` it is told of everything, without `agents` of everybody's calls."""

    url: _Url
    description: _Text = ""
    types: _Types | None = None
    agents: _Emails | None = None
    enabled: bool = True


class WebhookChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH: what is not there stays; null is all."""

    url: _Url | UnsetType = UNSET
    description: _Text | UnsetType = UNSET
    types: _Types | UnsetType | None = UNSET
    agents: _Emails | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a rotation, which may be missing."""

    #: Seconds.
    grace: Annotated[float, Meta(ge=0, le=LONGEST_GRACE)] = 24 * 3600.0


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is shown; not its secret."""

    id: str
    url: str
    description: str
    types: list[str] | None
    agents: list[str] | None
    enabled: bool
    created_at: str
    #: Since when no attempt succeeded.
    failing_since: str | None
    #: When and why the service switched it off.
    disabled_at: str | None
    disabled_reason: str | None


class WebhookWithSecret(WebhookView, frozen=True, kw_only=True):
    """A webhook as it is shown when its secret is new."""

    secret: str


class WebhookList(msgspec.Struct, frozen=True):
    """The body of GET."""

    webhooks: list[WebhookView]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way, or what came of it."""

    id: str
    #: As the receiver sees it in the header `webhook-id`.
    message_id: str
    type: str
    call_id: str
    state: DeliveryState
    attempts: int
    created_at: str
    last_attempt_at: str | None
    #: None: there will be none.
    next_attempt_at: str | None
    #: Of the last answer, and what was wrong.
    status: int | None
    error: str | None
    #: What is sent.
    payload: msgspec.Raw


class DeliveryList(msgspec.Struct, frozen=True):
    """A page of them, and the cursor of the next one."""

    deliveries: list[DeliveryView]
    next: str | None


class Webhooks:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._new = msgspec.json.Decoder(NewWebhookBody)
        self._changes = msgspec.json.Decoder(WebhookChanges)
        self._rotation = msgspec.json.Decoder(Rotation)
        self._position = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=10**18)])

    def routes(self) -> list[web.RouteDef]:
        """Making, reading, changing and ending; what was sent, and sending it again."""
        return [
            web.get(PATH, self.list_all),
            web.post(PATH, self.create),
            web.get(ONE, self.show),
            web.patch(ONE, self.change),
            web.delete(ONE, self.remove),
            web.post(ONE + "/rotate", self.rotate),
            web.get(ONE + "/deliveries", self.deliveries),
            web.post(ONE + "/deliveries/{did}/replay", self.replay),
        ]

    async def list_all(self, request: web.Request) -> web.Response:
        """200 with all, the oldest first."""
        administrator(self._services, request)
        return json_answer(WebhookList([_view(webhook) for webhook in await self._services.webhooks.all()]))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one."""
        administrator(self._services, request)
        return json_answer(_view(await self._services.webhooks.read(_id(request))))

    async def create(self, request: web.Request) -> web.Response:
        """201 with the webhook and its secret, shown this once."""
        administrator(self._services, request)
        body = await read_body(request, self._new, "a new webhook")
        new = NewWebhook(**_sets(msgspec.structs.asdict(body)))
        return _shown_once(await self._services.webhooks.create(new))

    async def change(self, request: web.Request) -> web.Response:
        """200 with the webhook as it is now."""
        administrator(self._services, request)
        body = await read_body(request, self._changes, "changes of a webhook")
        changes = _sets(given(body))
        return json_answer(_view(await self._services.webhooks.change(_id(request), **changes)))

    async def rotate(self, request: web.Request) -> web.Response:
        """201 with a new secret; the old one signs, too, for a while yet."""
        administrator(self._services, request)
        rotation = await read_body(request, self._rotation, "a rotation") if request.body_exists else Rotation()
        return _shown_once(await self._services.webhooks.rotate(_id(request), rotation.grace))

    async def remove(self, request: web.Request) -> web.Response:
        """204; nothing more is sent to it."""
        administrator(self._services, request)
        await self._services.webhooks.remove(_id(request))
        return web.Response(status=204)

    async def deliveries(self, request: web.Request) -> web.Response:
        """200 with a page of what was sent or will be, the newest first."""
        administrator(self._services, request)
        limit, before = read_limit(request), decode_cursor(request, self._position)
        page = await self._services.webhooks.deliveries(_id(request), state=_state(request), before=before, limit=limit)
        following = None if page.next is None else encode_cursor(page.next)
        return json_answer(DeliveryList([_delivery_view(delivery) for delivery in page.deliveries], following))

    async def replay(self, request: web.Request) -> web.Response:
        """202 with the delivery, which is sent again."""
        administrator(self._services, request)
        text = request.match_info["did"]
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise DeliveryNotFound
        return json_answer(_delivery_view(await self._services.webhooks.replay(_id(request), int(text))), 202)


def _id(request: web.Request) -> str:
    webhook_id = request.match_info["webhook_id"]
    if not is_plain(webhook_id, LONGEST_ID):
        raise WebhookNotFound
    return webhook_id


def _state(request: web.Request) -> DeliveryState | None:
    text = request.query.get("state", "")
    if not text:
        return None
    for state in STATES:
        if text == state:
            return state
    raise BadRequest(f"state must be {', '.join(STATES[:-1])} or {STATES[-1]}.")


def _sets(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists of the body as the sets that they are."""
    return {name: frozenset(value) if isinstance(value, list) else value for name, value in fields.items()}


def _shown_once(webhook: Webhook) -> web.Response:
    shown = WebhookWithSecret(**msgspec.structs.asdict(_view(webhook)), secret=webhook.secrets[0])
    return json_answer(shown, 201, ((hdrs.LOCATION, f"{PATH}/{webhook.id}"),))


def _view(webhook: Webhook) -> WebhookView:
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        types=None if webhook.types is None else sorted(webhook.types),
        agents=None if webhook.agents is None else sorted(webhook.agents),
        enabled=webhook.enabled,
        created_at=moment(webhook.created_at),
        failing_since=moment_or_none(webhook.failing_since),
        disabled_at=moment_or_none(webhook.disabled_at),
        disabled_reason=webhook.disabled_reason,
    )


def _delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=str(delivery.id),
        message_id=delivery.message_id,
        type=delivery.type,
        call_id=delivery.call_id,
        state=delivery.state,
        attempts=delivery.attempts,
        created_at=moment(delivery.created_at),
        last_attempt_at=moment_or_none(delivery.last_attempt_at),
        next_attempt_at=moment(delivery.due_at) if delivery.state == "pending" else None,
        status=delivery.status,
        error=delivery.error,
        payload=msgspec.Raw(delivery.payload.encode()),
    )
