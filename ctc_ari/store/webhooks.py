"""The webhooks' rows and the deliveries to them, as administrators see and change them."""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import msgspec

from ctc_ari.errors import BadRequest, Conflict, DatabaseUnreachable, DeliveryNotFound, WebhookNotFound
from ctc_ari.outbox import CRM_ID, Delivery, DeliveryPage, DeliveryState, NewWebhook, Webhook, check_webhook
from ctc_ari.store.pool import Connection, Pool, acquire

__all__ = ["PostgresWebhooks", "ensure_crm", "new_secret", "read_webhooks"]

#: How many there may be: each is looked at at each event.
MOST_WEBHOOKS = 50

_WEBHOOK = """
    select id, kind, url, description, types, agents, secret,
        case when old_secret_until > now() then old_secret end as old_secret, enabled,
        extract(epoch from created_at)::float8 as created_at,
        extract(epoch from failing_since)::float8 as failing_since,
        extract(epoch from disabled_at)::float8 as disabled_at, disabled_reason
    from webhooks
"""
DELIVERY = """
    d.id, d.webhook_id, d.call_id, d.seq, d.type, d.payload, d.state, d.attempts,
    extract(epoch from d.created_at)::float8 as created_at, extract(epoch from d.due_at)::float8 as due_at,
    extract(epoch from d.last_attempt_at)::float8 as last_attempt_at, d.status, d.error,
    extract(epoch from now() - d.created_at)::float8 as age
"""
_PAGE = f"""
    select {DELIVERY} from webhook_deliveries d
    where d.webhook_id = $1 and ($2::bigint is null or d.id < $2) and ($3::text is null or d.state = $3)
    order by d.id desc limit $4
"""  # noqa: S608 -- nothing of anybody's
#: As if it had just happened, but with the same id.
_REPLAY = f"""
    update webhook_deliveries d set
        state = 'pending', attempts = 0, created_at = now(), due_at = now(), leased_until = null, status = null,
        error = null
    where d.webhook_id = $1 and d.id = $2
    returning {DELIVERY}
"""  # noqa: S608 -- nothing of anybody's


def new_secret() -> str:
    """256 random bits as Standard Webhooks writes them: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


async def read_webhooks(connection: Connection, where: str = "true", *arguments: object) -> list[Webhook]:
    """Those for which a condition holds, the oldest first."""
    rows = await connection.fetch(f"{_WEBHOOK} where {where} order by webhooks.created_at, id", *arguments)
    return [_webhook(row) for row in rows]


async def ensure_crm(pool: Pool, types: Sequence[str] | None) -> None:
    """The CRM's own row, which is told of these events; None: there is no such CRM now. Raises DatabaseUnreachable.

    Its address and what opens it stay in the configuration.
    """
    async with acquire(pool) as connection:
        if types is None:
            await connection.execute("update webhooks set enabled = false where id = $1 and enabled", CRM_ID)
            return
        await connection.execute(
            """
            insert into webhooks (id, kind, url, description, types, secret)
            values ($1, 'crm', '', 'the CRM of the configuration', $2, '')
            on conflict (id) do update set types = excluded.types, enabled = true, disabled_at = null,
                disabled_reason = null, updated_at = now()
            """,
            CRM_ID,
            list(types),
        )


class PostgresWebhooks:
    """Implements `ctc_ari.outbox.Webhooks`."""

    def __init__(self, pool: Pool, changed: Callable[[], Awaitable[None]], *, allow_private: bool = False) -> None:
        self._pool = pool
        #: Called after each change, so that what happens next is told already.
        self._changed = changed
        self._allow_private = allow_private

    async def all(self) -> Sequence[Webhook]:
        """The oldest first; not the CRM's own."""
        async with acquire(self._pool) as connection:
            return await read_webhooks(connection, "kind = 'webhook'")

    async def read(self, webhook_id: str) -> Webhook:
        """Raises WebhookNotFound."""
        async with acquire(self._pool) as connection:
            return await _read(connection, webhook_id)

    async def create(self, new: NewWebhook) -> Webhook:
        """With a secret of its own. Raises BadRequest, and Conflict when there are too many."""
        check_webhook(new, allow_private=self._allow_private)
        webhook_id = f"wh_{secrets.token_hex(8)}"
        async with acquire(self._pool) as connection, connection.transaction():
            await connection.execute("lock table webhooks in share row exclusive mode")
            if await connection.fetchval("select count(*) from webhooks where kind = 'webhook'") >= MOST_WEBHOOKS:
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already; remove one first.")
            await connection.execute(
                """
                insert into webhooks (id, url, description, types, agents, secret, enabled)
                values ($1, $2, $3, $4, $5, $6, $7)
                """,
                webhook_id,
                new.url,
                new.description,
                *_filters(new),
                new_secret(),
                new.enabled,
            )
            webhook = await _read(connection, webhook_id)
        await self._tell()
        return webhook

    async def change(self, webhook_id: str, **changes: object) -> Webhook:
        """Switched on again, it begins anew. Raises WebhookNotFound, BadRequest, Conflict."""
        async with acquire(self._pool) as connection, connection.transaction():
            before = await _own(connection, webhook_id)
            after = msgspec.structs.replace(before, **changes)
            check_webhook(after, allow_private=self._allow_private)
            await connection.execute(
                """
                update webhooks set
                    url = $2, description = $3, types = $4, agents = $5, enabled = $6, updated_at = now()
                where id = $1
                """,
                webhook_id,
                after.url,
                after.description,
                *_filters(after),
                after.enabled,
            )
            if after.enabled and (not before.enabled or after.url != before.url):
                await connection.execute(
                    """
                    update webhooks set failing_since = null, disabled_at = null, disabled_reason = null where id = $1
                    """,
                    webhook_id,
                )
            webhook = await _read(connection, webhook_id)
        await self._tell()
        return webhook

    async def rotate(self, webhook_id: str, grace: float) -> Webhook:
        """A new secret; the old one signs, too, for so many seconds. Raises WebhookNotFound, Conflict."""
        async with acquire(self._pool) as connection, connection.transaction():
            await _own(connection, webhook_id)
            await connection.execute(
                """
                update webhooks set secret = $2, old_secret = secret,
                    old_secret_until = now() + $3::float8 * interval '1 s', updated_at = now()
                where id = $1
                """,
                webhook_id,
                new_secret(),
                grace,
            )
            webhook = await _read(connection, webhook_id)
        await self._tell()
        return webhook

    async def remove(self, webhook_id: str) -> None:
        """Its deliveries go with it: they are not sent, and swept away within the hour."""
        async with acquire(self._pool) as connection, connection.transaction():
            await _own(connection, webhook_id)
            await connection.execute("delete from webhooks where id = $1", webhook_id)
        await self._tell()

    async def _tell(self) -> None:
        """It is done, and known within a second anyway."""
        with contextlib.suppress(DatabaseUnreachable):
            await self._changed()

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> DeliveryPage:
        """The newest first. Raises WebhookNotFound."""
        async with acquire(self._pool) as connection:
            await _read(connection, webhook_id)
            rows = await connection.fetch(_PAGE, webhook_id, before, state, limit + 1)
        found = [Delivery(**row) for row in rows[:limit]]
        return DeliveryPage(found, found[-1].id if len(rows) > limit else None)

    async def replay(self, webhook_id: str, delivery_id: int) -> Delivery:
        """Raises WebhookNotFound, DeliveryNotFound, and Conflict when the webhook is switched off."""
        async with acquire(self._pool) as connection:
            webhook = await _read(connection, webhook_id)
            if not webhook.enabled:
                raise Conflict("The webhook is switched off; switch it on first, with PATCH and `enabled`.")
            row = await connection.fetchrow(_REPLAY, webhook_id, delivery_id)
        if row is None:
            raise DeliveryNotFound
        await self._tell()
        return Delivery(**row)


async def _read(connection: Connection, webhook_id: str) -> Webhook:
    found = await read_webhooks(connection, "id = $1", webhook_id)
    if not found:
        raise WebhookNotFound
    return found[0]


async def _own(connection: Connection, webhook_id: str) -> Webhook:
    """One that may be changed, locked until the transaction ends."""
    await connection.execute("select 1 from webhooks where id = $1 for update", webhook_id)
    webhook = await _read(connection, webhook_id)
    if webhook.kind == "crm":
        raise Conflict("That is the CRM of the configuration; change it there, under `crm`.")
    return webhook


def _filters(webhook: NewWebhook | Webhook) -> tuple[list[str] | None, list[str] | None]:
    agents = None if webhook.agents is None else sorted(email.strip().lower() for email in webhook.agents)
    if any(not email.isprintable() for email in agents or ()):
        raise BadRequest("agents: must be e-mail addresses.")
    return None if webhook.types is None else sorted(webhook.types), agents


def _webhook(row: asyncpg.Record) -> Webhook:
    fields: dict[str, Any] = dict(row)
    newest, older = fields.pop("secret"), fields.pop("old_secret")
    for name in ("types", "agents"):
        fields[name] = None if fields[name] is None else frozenset(fields[name])
    return Webhook(**fields, secrets=(newest,) if older is None else (newest, older))
