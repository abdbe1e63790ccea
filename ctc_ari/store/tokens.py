"""The tokens' rows. A token is shown once, when it is made; here is its SHA-256 only. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import msgspec

from ctc_ari.directory import Principal, Right, hash_token, new_token, split_token
from ctc_ari.errors import AgentNotFound, ConfigError, Conflict, NotFound
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["GRACE", "TokenRecord", "create_token", "read_tokens", "revoke_token", "rotate_token"]

#: Seconds a rotated token still works, so that its user can be given the new one without haste.
GRACE = 24 * 3600.0


class TokenRecord(msgspec.Struct, frozen=True):
    """What is known of a token; not the token."""

    id: str
    name: str
    hash: bytes
    #: The e-mail addresses it may act for; None: all.
    agents: frozenset[str] | None
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    rights: frozenset[Right] = frozenset()

    def live(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who it speaks for."""
        return Principal(self.id, self.name, self.agents, rights=self.rights)


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
    if not name.strip() or not name.isprintable() or len(name) > 64:
        raise ConfigError("name: must be 1 to 64 printable characters, for example crm")
    bound = None if agents is None else frozenset(email.strip().lower() for email in agents)
    given = _usual_rights(bound) if rights is None else frozenset(rights)
    if "admin" in given and bound is not None:
        raise ConfigError("rights: a token for some agents cannot have admin, which concerns all of them")
    with database_errors():
        async with connection.transaction():
            live = await _locked(connection, now)
            if any(name in (token.name, token.id) for token in live):
                raise Conflict(f"There is a live token {name} already; rotate it, or choose another name.")
            for email in sorted(bound or ()):
                if not await connection.fetchval("select 1 from agents where email = $1", email):
                    raise AgentNotFound(f"There is no agent {email}; add her first with `ctc-ari agent add`.")
            return await _insert(connection, name, bound, given, now)


async def rotate_token(
    connection: Connection, name_or_id: str, *, now: float, grace: float = GRACE
) -> tuple[TokenRecord, str]:
    """A new token in place of a live one, which works for `grace` seconds more; still older ones end at once.

    Raises NotFound.
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
    """End a token by its id, or all live ones of a name, at once; those that ended. Raises NotFound."""
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
        raise NotFound("There is no live token of that name or id; `ctc-ari token list` shows them.")
    return found


def _usual_rights(agents: frozenset[str] | None) -> frozenset[Right]:
    return frozenset({"admin"}) if agents is None else frozenset()


async def _insert(
    connection: Connection, name: str, agents: frozenset[str] | None, rights: frozenset[Right], now: float
) -> tuple[TokenRecord, str]:
    token_id, token = new_token()
    record = TokenRecord(token_id, name, hash_token(token), agents, now, rights=rights)
    await connection.execute(
        """
        insert into tokens (id, name, hash, agents, created_at, rights)
        values ($1, $2, $3, $4, to_timestamp($5), $6)
        """,
        record.id,
        record.name,
        record.hash,
        None if agents is None else sorted(agents),
        now,
        sorted(rights),
    )
    return record, token


async def _revoke(connection: Connection, tokens: list[TokenRecord], now: float) -> None:
    await connection.execute(
        "update tokens set revoked_at = to_timestamp($2) where id = any($1)", [token.id for token in tokens], now
    )
