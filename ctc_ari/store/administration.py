"""Agents and tokens as administrators change them over REST."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed
from ctc_ari.directory import Right, TokenRecord
from ctc_ari.errors import BadRequest, ConfigError, Conflict, DatabaseUnreachable, TokenNotFound
from ctc_ari.store.agents import add_agent, remember_agent, remove_agent, set_agent
from ctc_ari.store.pool import Connection, Pool, acquire
from ctc_ari.store.tokens import change_token, create_token, read_tokens, revoke_token, rotate_token

__all__ = ["PostgresAdministration"]


class PostgresAdministration:
    """Implements `ctc_ari.directory.Administration`."""

    def __init__(
        self,
        pool: Pool,
        changed: Callable[[], Awaitable[None]],
        seeds: Sequence[AgentSeed] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        #: Called after each change, so that whoever made it finds it at once.
        self._changed = changed
        self._seeds = frozenset(seed.email.strip().lower() for seed in seeds)
        self._clock = clock

    async def add_agent(self, agent: Agent) -> Agent:
        """Raises BadRequest for a bad field, Conflict when e-mail or extension is taken, DatabaseUnreachable."""
        async with self._changing() as connection:
            return await add_agent(connection, agent)

    async def set_agent(self, email: str, **changes: object) -> Agent:
        """Change some fields; None empties one. Raises AgentNotFound, BadRequest, Conflict, DatabaseUnreachable."""
        async with self._changing() as connection:
            return await set_agent(connection, email, **changes)

    async def remember_agent(self, agent: Agent) -> None:
        """Name and extension as the CRM has them. Raises BadRequest, DatabaseUnreachable."""
        async with self._changing() as connection:
            await remember_agent(connection, agent)

    async def remove_agent(self, email: str) -> None:
        """Raises AgentNotFound, Conflict when the configuration would bring her back, DatabaseUnreachable."""
        if email.lower() in self._seeds:
            raise Conflict(
                "She stands in the configuration and would be back at the next start; remove her there first."
            )
        async with self._changing() as connection:
            await remove_agent(connection, email)

    async def tokens(self) -> list[TokenRecord]:
        """All, dead ones too, the newest first. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            return await read_tokens(connection)

    async def create_token(
        self, name: str, agents: Collection[str] | None, rights: Collection[Right] | None
    ) -> tuple[TokenRecord, str]:
        """See `store.tokens.create_token`. Raises BadRequest, AgentNotFound, Conflict, DatabaseUnreachable."""
        async with self._changing() as connection:
            return await create_token(connection, name, agents, now=self._clock(), rights=rights)

    async def change_token(self, token_id: str, **changes: object) -> TokenRecord:
        """Raises TokenNotFound, BadRequest, AgentNotFound, Conflict, DatabaseUnreachable."""
        async with self._changing() as connection:
            return await change_token(connection, token_id, now=self._clock(), **changes)

    async def rotate_token(self, token_id: str, grace: float) -> tuple[TokenRecord, str]:
        """Raises TokenNotFound, DatabaseUnreachable."""
        async with self._changing() as connection:
            await self._known(connection, token_id)
            return await rotate_token(connection, token_id, now=self._clock(), grace=grace)

    async def revoke_token(self, token_id: str) -> None:
        """Raises TokenNotFound for one that never existed, DatabaseUnreachable."""
        async with self._changing() as connection:
            if (await self._known(connection, token_id)).live(self._clock()):
                with contextlib.suppress(TokenNotFound):
                    await revoke_token(connection, token_id, now=self._clock())

    async def _known(self, connection: Connection, token_id: str) -> TokenRecord:
        """By its id alone: a name is good enough for a person at a terminal."""
        for token in await read_tokens(connection):
            if token.id == token_id:
                return token
        raise TokenNotFound

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Connection]:
        try:
            async with acquire(self._pool) as connection:
                yield connection
        except ConfigError as error:
            raise BadRequest(f"{error.message}.") from None
        with contextlib.suppress(DatabaseUnreachable):
            #: It is done; a notification will tell, too.
            await self._changed()
