"""The tokens' rows. A token is shown once, when it is made; here is its SHA-256 only. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import msgspec

from ctc_ari.directory import Right, TokenRecord, hash_token, new_token, split_token
from ctc_ari.errors import AgentNotFound, ConfigError, Conflict, TokenNotFound
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["GRACE", "change_token", "create_token", "read_tokens", "revoke_token", "rotate_token"]

#: Seconds a rotated token still works, so that its user can be given the new one without haste.
GRACE = 24 * 3600.0


_SELECT = """
    select id, name, hash, agents, extract(epoch from created_at)::float8 as created_at,
        extract(epoch from expires_at)::float8 as expires_at, extract(epoch from revoked_at)::float8 as revoked_at,
        rights
    from tokens order by tokens.created_at desc, id
"""


async def read_tokens(connection: Connection) -> list[TokenRecord]:
    """Every token, dead ones included, the newest first. Raises DatabaseUnreachable."""
    with database_errors():
        rows = await connection.fetch(_SELECT)
    return [_record(row) for row in rows]


def _record(row: asyncpg.Record) -> TokenRecord:
    agents = None if row["agents"] is None else frozenset(row["agents"])
    return TokenRecord(**{**dict(row), "agents": agents, "rights": frozenset(row["rights"])})


async def create_token(
    connection: Connection,
    name: str,
    agents: Collection[str] | None = None,
    *,
    now: float,
    rights: Collection[Right] | None = None,
) -> tuple[TokenRecord, str]:
    """A new token and its record; `agents` are e-mail addresses, None means all.

    Without `rights`, one for all agents administers, and one for some has none. Raises ConfigError for a bad name or
    rights that do not fit, AgentNotFound, and Conflict when a live token has that name.
    """
    bound = _bound(agents)
    record = TokenRecord(
        "", name, b"", bound, now, rights=_usual_rights(bound) if rights is None else frozenset(rights)
    )
    with database_errors():
        async with connection.transaction():
            live = await _locked(connection, now)
            await _check(connection, record, live)
            return await _insert(connection, name, bound, record.rights, now)


async def change_token(connection: Connection, token_id: str, *, now: float, **changes: object) -> TokenRecord:
    """Change name, agents or rights of a live token. Raises as `create_token` does, and TokenNotFound."""
    with database_errors():
        async with connection.transaction():
            live = await _locked(connection, now)
            before = next((token for token in live if token.id == token_id), None)
            if before is None:
                raise TokenNotFound
            after = msgspec.structs.replace(before, **changes)
            after = msgspec.structs.replace(after, agents=_bound(after.agents), rights=frozenset(after.rights))
            #: Its older self, which still works after a rotation, has the same name.
            others = [token for token in live if token.name != before.name]
            await _check(connection, after, others, already=before.agents or frozenset())
            await connection.execute(
                "update tokens set name = $2, agents = $3, rights = $4 where id = $1", token_id, *_columns(after)
            )
    return after


async def rotate_token(
    connection: Connection, name_or_id: str, *, now: float, grace: float = GRACE
) -> tuple[TokenRecord, str]:
    """A new token in place of a live one, which works for `grace` seconds more; still older ones end at once.

    Raises TokenNotFound.
    """
    with database_errors():
        async with connection.transaction():
            live = await _locked(connection, now)
            name = _find(live, name_or_id)[0].name
            newest, *older = [token for token in live if token.name == name]
            await _revoke(connection, older, now)
            ends = min(now + grace, newest.expires_at or float("inf"))
            await connection.execute("update tokens set expires_at = to_timestamp($2) where id = $1", newest.id, ends)
            return await _insert(connection, name, newest.agents, newest.rights, now)


async def revoke_token(connection: Connection, name_or_id: str, *, now: float) -> list[TokenRecord]:
    """End a token by its id, or all live ones of a name, at once; those that ended. Raises TokenNotFound."""
    with database_errors():
        async with connection.transaction():
            found = _find(await _locked(connection, now), name_or_id)
            await _revoke(connection, found, now)
    return found


async def _locked(connection: Connection, now: float) -> list[TokenRecord]:
    """The live tokens; nobody else changes any until the transaction ends."""
    await connection.execute("lock table tokens in share row exclusive mode")
    return [token for token in await read_tokens(connection) if token.live(now)]


def _find(live: list[TokenRecord], name_or_id: str) -> list[TokenRecord]:
    """By name, by id, or by the token itself, pasted in a hurry."""
    wanted = split_token(name_or_id) or name_or_id
    found = [token for token in live if wanted in (token.name, token.id)]
    if not found:
        raise TokenNotFound
    return found


async def _check(
    connection: Connection, token: TokenRecord, others: list[TokenRecord], already: frozenset[str] = frozenset()
) -> None:
    """Raises ConfigError, Conflict, AgentNotFound; agents it was for already may be gone."""
    if not token.name.strip() or not token.name.isprintable() or len(token.name) > 64:
        raise ConfigError("name: must be 1 to 64 printable characters, for example crm")
    if "admin" in token.rights and token.agents is not None:
        raise ConfigError("rights: a token for some agents cannot have admin, which concerns all of them")
    if any(token.name in (other.name, other.id) for other in others):
        raise Conflict(f"There is a live token {token.name} already; rotate it, or choose another name.")
    for email in sorted((token.agents or frozenset()) - already):
        #: A text that PostgreSQL cannot even hold is nobody's address.
        if not email.isprintable() or not await connection.fetchval("select 1 from agents where email = $1", email):
            raise AgentNotFound(f"There is no agent {email}; add her first with `ctc-ari agent add`.")


def _bound(agents: Collection[str] | None) -> frozenset[str] | None:
    return None if agents is None else frozenset(email.strip().lower() for email in agents)


def _columns(token: TokenRecord) -> tuple[str, list[str] | None, list[Right]]:
    return token.name, None if token.agents is None else sorted(token.agents), sorted(token.rights)


def _usual_rights(agents: frozenset[str] | None) -> frozenset[Right]:
    return frozenset({"admin"}) if agents is None else frozenset()


async def _insert(
    connection: Connection, name: str, agents: frozenset[str] | None, rights: frozenset[Right], now: float
) -> tuple[TokenRecord, str]:
    token_id, token = new_token()
    record = TokenRecord(token_id, name, hash_token(token), agents, now, rights=rights)
    await connection.execute(
        """
        insert into tokens (id, hash, created_at, name, agents, rights) values ($1, $2, to_timestamp($3), $4, $5, $6)
        """,
        record.id,
        record.hash,
        now,
        *_columns(record),
    )
    return record, token


async def _revoke(connection: Connection, tokens: list[TokenRecord], now: float) -> None:
    await connection.execute(
        "update tokens set revoked_at = to_timestamp($2) where id = any($1)", [token.id for token in tokens], now
    )
