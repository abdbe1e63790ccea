"""Webhooks and what is on its way to them, as the edges see it: who wants what, and in which state it is. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec
import structlog

from ctc_ari.calls.ports import Happening, Logged
from ctc_ari.errors import BadRequest

__all__ = [
    "Attempt",
    "Delivery",
    "DeliveryPage",
    "DeliveryState",
    "Encode",
    "IpAddress",
    "Message",
    "NewWebhook",
    "Outbox",
    "Outcome",
    "Send",
    "Subscriptions",
    "Told",
    "Webhook",
    "WebhookKind",
    "Webhooks",
    "check_webhook",
    "is_public",
]

log = structlog.get_logger(__name__)

#: The CRM's own row: it stands in the configuration, and its deliveries are seen and replayed like all others.
CRM_ID = "crm"

#: What a webhook can ask for; a test compares with the description of the events.
EVENT_TYPES = frozenset(
    {
        "call.created",
        "call.agent_ringing",
        "call.agent_answered",
        "call.customer_ringing",
        "call.answered",
        "call.offered",
        "call.offer_ended",
        "call.muted",
        "call.unmuted",
        "call.held",
        "call.resumed",
        "call.recording_started",
        "call.recording_stopped",
        "call.transfer_started",
        "call.transfer_completed",
        "call.transfer_answered",
        "call.transfer_swapped",
        "call.transfer_cancelled",
        "call.device_changed",
        "call.device_failed",
        "call.supervisor_invited",
        "call.supervisor_joined",
        "call.supervisor_changed",
        "call.supervisor_left",
        "call.ended",
        "call.logged",
    }
)

LONGEST_URL = 2000
#: Names that mean this machine, whatever they resolve to.
_LOCAL_NAMES = ("localhost", "localhost.localdomain")
#: How an address can be written but with four decimal numbers; the C library reads these, a name never ends so
#: (WHATWG URL, 3.5: a host that ends in a number).
_ODD_ADDRESS = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
#: IPv6 prefixes behind which an IPv4 address stands: NAT64 (RFC 6052) in its last 32 bits.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All that is in use on the internet (RFC 4291, 2.4), so that no forgotten kind of private address passes, but for what
#: documents are written with (RFC 9637), which Python learned late.
_GLOBAL_UNICAST, _DOCUMENTATION = ipaddress.ip_network("2000::/3"), ipaddress.ip_network("3fff::/20")

WebhookKind = Literal["webhook", "crm"]
DeliveryState = Literal["pending", "delivered", "failed"]
#: What webhooks are told of.
Told: TypeAlias = Happening | Logged
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told. Times are Unix seconds."""

    id: str
    kind: WebhookKind = "webhook"
    url: str
    description: str = ""
    #: Of events; None: all.
    types: frozenset[str] | None = None
    #: The e-mail addresses of the agents whose calls are told; None: all.
    agents: frozenset[str] | None = None
    #: What signs (`whsec_…`), the newest first; after a rotation the older one, too, for a while.
    secrets: tuple[str, ...] = ()
    enabled: bool = True
    created_at: float = 0.0
    #: Since when no attempt succeeded.
    failing_since: float | None = None
    #: When and why the service switched it off.
    disabled_at: float | None = None
    disabled_reason: str | None = None

    def __repr__(self) -> str:
        """Without secrets: what is printed ends in a log."""
        return f"Webhook(id={self.id!r}, kind={self.kind!r}, enabled={self.enabled})"

    def wants(self, happening: Told) -> bool:
        """Whether it is told of this."""
        if self.types is not None and happening.event not in self.types:
            return False
        return self.agents is None or not self.agents.isdisjoint(happening.audience)


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is asked for."""

    url: str
    description: str = ""
    types: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    enabled: bool = True


class Message(msgspec.Struct, frozen=True):
    """What a webhook will be sent of a happening."""

    webhook_id: str
    payload: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one webhook. Times are Unix seconds."""

    id: int
    webhook_id: str
    call_id: str
    #: In the call's journal; those of one call arrive in this order.
    seq: int
    type: str
    payload: str
    state: DeliveryState = "pending"
    attempts: int = 0
    created_at: float = 0.0
    due_at: float = 0.0
    last_attempt_at: float | None = None
    #: Of the last answer, and what was wrong.
    status: int | None = None
    error: str | None = None
    #: Seconds since it was enqueued, when it was claimed.
    age: float = 0.0

    @property
    def message_id(self) -> str:
        """The same at each attempt and for each webhook, so that a receiver knows what he has already."""
        return f"msg_{self.call_id}_{self.seq}"


class Attempt(msgspec.Struct, frozen=True):
    """How one request ended."""

    #: None: there was no answer.
    status: int | None
    error: str | None = None
    #: Seconds the receiver wants to be left alone.
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.error is None and self.status is not None and 200 <= self.status < 300


class Outcome(msgspec.Struct, frozen=True):
    """What an attempt means for its delivery; `pending`: again in so many seconds."""

    delivery_id: int
    state: DeliveryState
    delay: float
    status: int | None
    error: str | None


class DeliveryPage(msgspec.Struct, frozen=True):
    """Some deliveries, the newest first, and where the next page begins; None: there is none."""

    deliveries: Sequence[Delivery]
    next: int | None = None


#: What happened -> the text that is sent; None: nothing.
Encode = Callable[[Told], str | None]


class Send(Protocol):
    """One attempt. Never raises."""

    async def __call__(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """Bounded in time and size."""
        ...


class Outbox(Protocol):
    """The deliveries as whoever carries them out sees them. Every method raises DatabaseUnreachable."""

    async def enabled(self) -> Sequence[Webhook]:
        """Those that are switched on."""
        ...

    async def claim(self, room: Mapping[str, int], seconds: float) -> Sequence[Delivery]:
        """For each webhook the due deliveries of so many calls, in order, kept from other instances for so long."""
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Write what came of them; what follows one that is tried again waits for it."""
        ...

    async def mark(self, webhook_id: str, *, failing: bool) -> None:
        """The first failure after a success, or the first success after failures."""
        ...

    async def switch_off(self, webhook_id: str, reason: str) -> None:
        """Nothing more is sent to it until somebody switches it on."""
        ...

    async def sweep(self, seconds: float) -> None:
        """Forget what is older, and what belongs to no webhook any more."""
        ...


class Webhooks(Protocol):
    """The webhooks as administrators see them. Every method raises DatabaseUnreachable."""

    async def all(self) -> Sequence[Webhook]:
        """The oldest first; not the CRM's own."""
        ...

    async def read(self, webhook_id: str) -> Webhook:
        """Raises WebhookNotFound."""
        ...

    async def create(self, new: NewWebhook) -> Webhook:
        """With a secret of its own. Raises BadRequest."""
        ...

    async def change(self, webhook_id: str, **changes: object) -> Webhook:
        """Raises WebhookNotFound, BadRequest, and Conflict for the CRM's own."""
        ...

    async def rotate(self, webhook_id: str, grace: float) -> Webhook:
        """A new secret; the old one signs, too, for so many seconds. Raises WebhookNotFound, Conflict."""
        ...

    async def remove(self, webhook_id: str) -> None:
        """With its deliveries. Raises WebhookNotFound, Conflict."""
        ...

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> DeliveryPage:
        """Raises WebhookNotFound."""
        ...

    async def replay(self, webhook_id: str, delivery_id: int) -> Delivery:
        """Send it again, whatever came of it. Raises WebhookNotFound, DeliveryNotFound."""
        ...


class Subscriptions:
    """Who wants what, in memory: a call asks here on its way to the database, and mostly the answer is nobody."""

    def __init__(self, encoders: Mapping[WebhookKind, Encode]) -> None:
        self._encoders = encoders
        self._webhooks: Sequence[Webhook] = ()
        self._on_enqueued: list[Callable[[], None]] = []

    def replace(self, webhooks: Iterable[Webhook]) -> None:
        """These are switched on now."""
        self._webhooks = tuple(webhooks)

    def when_enqueued(self, wake: Callable[[], None]) -> None:
        """Called when deliveries may have been committed."""
        self._on_enqueued.append(wake)

    def enqueued(self) -> None:
        """Something was committed that somebody may have been told of."""
        if not self._webhooks:
            return
        for wake in self._on_enqueued:
            wake()

    def messages(self, happening: Told) -> list[Message]:
        """What is to be sent of it. Never raises: a mistake here must not keep a call from being written."""
        if not self._webhooks:
            return []
        found: list[Message] = []
        encoded: dict[WebhookKind, str | None] = {}
        for webhook in self._webhooks:
            if not webhook.wants(happening):
                continue
            try:
                if webhook.kind not in encoded:
                    encoded[webhook.kind] = self._encoders[webhook.kind](happening)
            except Exception:
                log.exception("event cannot be encoded", call=happening.call_id, type=happening.event)
                encoded[webhook.kind] = None
            payload = encoded[webhook.kind]
            if payload is not None:
                found.append(Message(webhook.id, payload))
        return found


def is_public(address: IpAddress) -> bool:
    """Whether an address is on the internet: not private, loopback, link-local or reserved, nor a way round to one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST or address in _DOCUMENTATION:
            return False
    return address.is_global and not address.is_multicast


def check_webhook(webhook: NewWebhook | Webhook, *, allow_private: bool) -> None:
    """Raises BadRequest, which names the field and says what to write instead.

    What a name resolves to is looked at when something is sent.
    """
    _check_url(webhook.url, allow_private=allow_private)
    if not webhook.description.isprintable():
        raise BadRequest("description: must be one line of printable characters.")
    if webhook.types is not None:
        unknown = sorted(webhook.types - EVENT_TYPES)
        if unknown:
            raise BadRequest(f"types: there is no event `{unknown[0][:80]}`; /docs lists those that there are.")
        if not webhook.types:
            raise BadRequest("types: name some events, or leave it out for all.")
    if webhook.agents is not None and not webhook.agents:
        raise BadRequest("agents: name some, or leave it out for all.")


def _check_url(url: str, *, allow_private: bool) -> None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        plain = parts.scheme in ("http", "https") and host and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        plain, host = False, ""
    if not plain or len(url) > LONGEST_URL or " " in url:
        raise BadRequest("url: must look like https://crm.example.com/hooks/calls, with ASCII characters only.")
    if "@" in parts.netloc or parts.fragment:
        raise BadRequest("url: must hold no user, no password and no fragment; receivers check the signature instead.")
    try:
        local = not is_public(ipaddress.ip_address(host))
    except ValueError:
        if _ODD_ADDRESS.fullmatch(host) or "%" in host:
            raise BadRequest("url: an address must be written as 203.0.113.7 or [2001:db8::7].") from None
        local = host in _LOCAL_NAMES or host.endswith(".localhost")
    if local and not allow_private:
        raise BadRequest("url: private addresses are refused here; `webhooks.allow_private: true` allows them.")
