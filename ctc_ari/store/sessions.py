"""The sessions' rows, and all of them in memory. As with tokens, only their SHA-256 is here. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import msgspec

from ctc_ari.directory import NewSession, hash_token, new_session_token
from ctc_ari.errors import AgentNotFound, Unauthorized
from ctc_ari.store.pool import Connection, database_errors

__all__ = [
    "LIFETIME",
    "MOST_PER_AGENT",
    "KnownSessions",
    "SessionRecord",
    "create_session",
    "end_session",
    "read_sessions",
    "sweep_sessions",
]

#: Seconds a session lasts, however much it is used: a working day, and the CRM's server can always make another.
LIFETIME = 12 * 3600.0
#: Beyond that the agent's oldest ends: a CRM that makes one for each page must not fill the memory.
MOST_PER_AGENT = 20


class SessionRecord(msgspec.Struct, frozen=True):
    """What is known of a session; not its token."""

    id: str
    hash: bytes
    agent_email: str
    #: The token that made it.
    token_id: str
    expires_at: float


_COLUMNS = "id, hash, agent_email, token_id, extract(epoch from expires_at)::float8 as expires_at"

#: Nothing, if the token has ended meanwhile. A session does not outlive the token that made it.
_INSERT = f"""
    insert into sessions (id, hash, agent_email, token_id, created_at, expires_at)
    select $1, $2, $3, tokens.id, to_timestamp($5), least(to_timestamp($6), tokens.expires_at)
    from tokens
    where tokens.id = $4 and revoked_at is null and (expires_at is null or expires_at > to_timestamp($5))
    returning {_COLUMNS}
"""  # noqa: S608 -- no value from outside

_CROWD_OUT = """
    delete from sessions where id in (
        select id from sessions where agent_email = $1 order by created_at desc, id = $2 desc offset $3
    )
"""


async def create_session(
    connection: Connection, token_id: str, email: str, *, now: float
) -> tuple[SessionRecord, NewSession]:
    """A session for that agent, made with that token. Raises Unauthorized, AgentNotFound, DatabaseUnreachable."""
    session_id, token = new_session_token()
    with database_errors():
        async with connection.transaction():
            try:
                row = await connection.fetchrow(
                    _INSERT, session_id, hash_token(token), email, token_id, now, now + LIFETIME
                )
            except asyncpg.ForeignKeyViolationError:
                raise AgentNotFound from None
            if row is None:
                raise Unauthorized
            await connection.execute(_CROWD_OUT, email, session_id, MOST_PER_AGENT)
    record = SessionRecord(**dict(row))
    return record, NewSession(token, record.expires_at)


async def end_session(connection: Connection, session_id: str) -> None:
    """It is gone; harmless when it was before. Raises DatabaseUnreachable."""
    with database_errors():
        await connection.execute("delete from sessions where id = $1", session_id)


async def sweep_sessions(connection: Connection, *, now: float) -> None:
    """Remove what opens nothing any more. Raises DatabaseUnreachable."""
    with database_errors():
        await connection.execute(
            """
            delete from sessions using tokens where tokens.id = sessions.token_id and (
                sessions.expires_at <= to_timestamp($1) or tokens.revoked_at is not null
                or tokens.expires_at <= to_timestamp($1)
            )
            """,
            now,
        )


async def read_sessions(connection: Connection, ids: Collection[str] | None = None) -> list[SessionRecord]:
    """These, as far as they exist, or all. Raises DatabaseUnreachable."""
    with database_errors():
        rows = await connection.fetch(
            f"select {_COLUMNS} from sessions where $1::text[] is null or id = any($1)",  # noqa: S608
            None if ids is None else list(ids),
        )
    return [SessionRecord(**dict(row)) for row in rows]


class KnownSessions:
    """Every session in memory: read whole once per connection, then one by one as PostgreSQL notifies."""

    def __init__(self) -> None:
        self._known: dict[str, SessionRecord] = {}
        self._changed: set[str] = set()
        #: Made here while all are being read, perhaps too late to be among them.
        self._made: dict[str, SessionRecord] = {}

    def get(self, session_id: str | None) -> SessionRecord | None:
        """That session, if it is known."""
        return self._known.get(session_id or "")

    def add(self, record: SessionRecord) -> None:
        """One that was made here counts at once."""
        self._known[record.id] = self._made[record.id] = record

    def forget(self, session_id: str) -> None:
        """One that was ended here counts no more."""
        self._known.pop(session_id, None)
        self._made.pop(session_id, None)

    def notified(self, session_id: str) -> None:
        """That one changed; an empty id means all."""
        self._changed.add(session_id)

    async def read_all(self, connection: Connection) -> None:
        """Start anew. Raises DatabaseUnreachable."""
        self._made.clear()
        self._changed.clear()
        records = await read_sessions(connection)
        self._known = {record.id: record for record in records} | self._made

    async def read_changed(self, connection: Connection) -> None:
        """Catch up with what was notified. Raises DatabaseUnreachable."""
        self._made.clear()
        changed, self._changed = self._changed, set()
        if "" in changed:
            await self.read_all(connection)
        elif changed:
            found = {record.id: record for record in await read_sessions(connection, changed)}
            for session_id in changed - found.keys():
                self.forget(session_id)
            self._known.update(found)
