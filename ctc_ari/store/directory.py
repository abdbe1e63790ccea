"""Agents, tokens and sessions in memory, always as the database has them; contacts from the database."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence

import asyncpg
import msgspec
import structlog

from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed
from ctc_ari.directory import (
    ContactRecord,
    NewSession,
    Principal,
    TokenRecord,
    split_session_token,
    split_token,
    token_matches,
)
from ctc_ari.errors import AgentNotFound, ConfigError, ContactNotFound, DatabaseUnreachable, Unauthorized
from ctc_ari.store.agents import read_agents, seed_agents
from ctc_ari.store.pool import Connection, Pool, acquire, connect, database_errors
from ctc_ari.store.sessions import KnownSessions, create_session, end_session, sweep_sessions
from ctc_ari.store.tokens import read_tokens

__all__ = ["PostgresDirectory"]

log = structlog.get_logger(__name__)

#: What the triggers on agents and tokens notify, and with the session's id the one on sessions.
CHANNEL = "ctc_directory"
SESSIONS_CHANNEL = "ctc_sessions"
#: Seconds between two looks without any notification: finds a connection that died in silence.
RELOAD_INTERVAL = 30.0
#: Seconds before a lost database is tried again; doubles up to the second figure.
RETRY = (0.1, 5.0)
#: Seconds between two sweeps of sessions that have ended.
SWEEP_INTERVAL = 600.0

#: Compared with when the token's id is unknown, so that the answer takes as long as for a wrong secret.
_NO_HASH = bytes(32)


_CONTACT = """
    select id, name, array(
        select number from contact_numbers where contact_id = contacts.id order by position, number
    ) as numbers, company, email, url
    from contacts where id = $1
"""


class _Contents(msgspec.Struct, frozen=True):
    """One consistent picture; replaced as a whole."""

    agents: dict[str, Agent] = {}
    tokens: dict[str, TokenRecord] = {}
    extensions: dict[str, Agent] = {}


class PostgresDirectory:
    """Implements `Directory` and `Sessions` of `ctc_ari.directory`.

    While the database is away, the last known picture counts.
    """

    def __init__(
        self, pool: Pool, url: str, seeds: Sequence[AgentSeed] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._url = url
        self._seeds = seeds
        self._clock = clock
        self._contents = _Contents()
        #: Who reads later has the later picture, whoever asked.
        self._reading = asyncio.Lock()
        self._sessions = KnownSessions()
        self._swept_at = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Seed, load, and follow every change from now on. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await seed_agents(connection, self._seeds)
            await self._read(connection)
            await self._sessions.read_all(connection)
        self._watching = asyncio.create_task(self._watch(), name="directory")

    async def stop(self) -> None:
        """Follow no more."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None

    async def reload(self) -> None:
        """Know now what was just changed. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await self._read(connection)

    async def _read(self, connection: Connection) -> None:
        async with self._reading:
            self._contents = await _read(connection)

    def authenticate(self, token: str) -> Principal:
        """Of a token or a session. Raises Unauthorized for an unknown, revoked or expired one; the same for each."""
        session_id = split_session_token(token)
        if session_id is not None:
            return self._session(session_id, token)
        record = self._contents.tokens.get(split_token(token) or "")
        matches = token_matches(token, record.hash if record else _NO_HASH)
        if record is None or not matches or not record.live(self._clock()):
            raise Unauthorized
        return record.principal

    def _session(self, session_id: str, token: str) -> Principal:
        """It needs the token that made it, too. Without its agent it is not even in the database."""
        record, now = self._sessions.get(session_id), self._clock()
        matches = token_matches(token, record.hash if record else _NO_HASH)
        if record is None or not matches or now >= record.expires_at:
            raise Unauthorized
        maker = self._contents.tokens.get(record.token_id)
        if maker is None or not maker.live(now) or not maker.principal.may_act_for(record.agent_email):
            raise Unauthorized
        return Principal(session_id, record.agent_email, frozenset({record.agent_email}), session=True)

    async def create_session(self, principal: Principal, agent: Agent) -> NewSession:
        """Known here at once, and elsewhere within moments; see `Sessions.create_session`."""
        now = self._clock()
        async with acquire(self._pool) as connection:
            if now - self._swept_at > SWEEP_INTERVAL:
                self._swept_at = now
                await sweep_sessions(connection, now=now)
            record, made = await create_session(connection, principal.token_id, agent.email, now=now)
        self._sessions.add(record)
        return made

    async def end_session(self, principal: Principal) -> None:
        """Refused here at once, and elsewhere within moments. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await end_session(connection, principal.token_id)
        self._sessions.forget(principal.token_id)

    def agent(self, email: str) -> Agent:
        """Raises AgentNotFound; letter case does not matter."""
        try:
            return self._contents.agents[email.lower()]
        except KeyError:
            raise AgentNotFound from None

    def all_agents(self) -> Sequence[Agent]:
        """In no order."""
        return tuple(self._contents.agents.values())

    def find_agent(self, text: str) -> Agent | None:
        """By e-mail or by extension."""
        contents = self._contents
        return contents.agents.get(text.lower()) or contents.extensions.get(text)

    async def contact(self, contact_id: str) -> ContactRecord:
        """A contact, with or without numbers. Raises ContactNotFound, DatabaseUnreachable."""
        try:
            async with acquire(self._pool) as connection:
                row = await connection.fetchrow(_CONTACT, contact_id)
        except asyncpg.DataError:
            #: A text that PostgreSQL cannot even hold is nobody's id.
            raise ContactNotFound from None
        if row is None:
            raise ContactNotFound
        return ContactRecord(row["id"], row["name"], tuple(row["numbers"]), row["company"], row["email"], row["url"])

    async def _watch(self) -> None:
        """Follow the database for ever; reconnect when it went away."""
        delay, longest = RETRY
        while True:
            try:
                connection = await connect(self._url)
                try:
                    delay = RETRY[0]
                    await self._follow(connection)
                finally:
                    #: Without a farewell that could take time: there may be nobody to hear it.
                    connection.terminate()
            except (DatabaseUnreachable, ConfigError, asyncpg.PostgresError) as error:
                log.warning("directory cannot be followed", reason=str(error), retry_in=round(delay, 2))
            except Exception:
                #: Whatever it is, a revoked token must not stay valid because nobody looks any more.
                log.exception("directory cannot be followed")
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads reconnects, no secret
            delay = min(delay * 2, longest)

    async def _follow(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Reload after every notification. Raises DatabaseUnreachable when the connection is lost."""
        changed = asyncio.Event()
        #: Agents and tokens are read anew only when they changed: a session comes and goes more often.
        stale = asyncio.Event()
        stale.set()

        def directory_changed(*_: object) -> None:
            stale.set()
            changed.set()

        def session_changed(_connection: object, _pid: int, _channel: str, session_id: object) -> None:
            self._sessions.notified(str(session_id))
            changed.set()

        connection.add_termination_listener(lambda _: changed.set())
        with database_errors():
            await connection.add_listener(CHANNEL, directory_changed)
            await connection.add_listener(SESSIONS_CHANNEL, session_changed)
        await self._sessions.read_all(connection)
        while not connection.is_closed():
            #: Cleared before reading: what changes meanwhile is read again.
            changed.clear()
            if stale.is_set():
                stale.clear()
                await self._read(connection)
            await self._sessions.read_changed(connection)
            try:
                await asyncio.wait_for(changed.wait(), RELOAD_INTERVAL)
            except TimeoutError:
                stale.set()
        raise DatabaseUnreachable


async def _read(connection: Connection) -> _Contents:
    agents = await read_agents(connection)
    tokens = await read_tokens(connection)
    return _Contents(
        {agent.email: agent for agent in agents},
        {token.id: token for token in tokens},
        {agent.extension: agent for agent in agents if agent.extension},
    )
