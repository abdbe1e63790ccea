"""The agents' rows: read by the directory, changed by commands. A trigger tells every running instance of a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
import msgspec
import structlog

from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed
from ctc_ari.config_rules import check_agent_fields
from ctc_ari.errors import AgentNotFound, Conflict
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["add_agent", "read_agents", "remember_agent", "remove_agent", "seed_agents", "set_agent"]

log = structlog.get_logger(__name__)

_SELECT = "select email, name, extension, desk_endpoint, contact, caller_id, device, auto_answer from agents "


async def read_agents(connection: Connection) -> list[Agent]:
    """Every agent, by e-mail. Raises DatabaseUnreachable."""
    with database_errors():
        rows = await connection.fetch(_SELECT + "order by email")
    return [Agent(**dict(row)) for row in rows]


async def add_agent(connection: Connection, agent: Agent, sip_password: str | None = None) -> Agent:
    """A new agent. Raises ConfigError for a bad field, Conflict when e-mail or extension is taken."""
    agent = _checked(agent)
    with database_errors(), _taken(agent):
        await connection.execute(
            """
            insert into agents (
                email, name, extension, desk_endpoint, contact, caller_id, device, auto_answer, sip_password
            ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            *msgspec.structs.astuple(agent),
            sip_password,
        )
    return agent


async def set_agent(connection: Connection, email: str, **changes: object) -> Agent:
    """Change some fields; None empties one. Raises AgentNotFound, ConfigError, Conflict."""
    with database_errors():
        async with connection.transaction():
            row = await connection.fetchrow(_SELECT + "where email = $1 for update", email.lower())
            if row is None:
                raise AgentNotFound
            agent = _checked(Agent(**{**dict(row), **changes}))
            with _taken(agent):
                await connection.execute(
                    """
                    update agents set email = $2, name = $3, extension = $4, desk_endpoint = $5, contact = $6,
                        caller_id = $7, device = $8, auto_answer = $9, updated_at = now()
                    where email = $1
                    """,
                    email.lower(),
                    *msgspec.structs.astuple(agent),
                )
    return agent


async def remember_agent(connection: Connection, agent: Agent) -> None:
    """Name and extension as the CRM has them; whoever had that extension has it no more. Raises ConfigError."""
    agent = _checked(agent)
    with database_errors():
        async with connection.transaction():
            await connection.execute(
                "update agents set extension = null where extension = $1 and email <> $2", agent.extension, agent.email
            )
            await connection.execute(
                """
                insert into agents (email, name, extension) values ($1, $2, $3)
                on conflict (email) do update set
                    name = excluded.name, extension = excluded.extension, updated_at = now()
                """,
                agent.email,
                agent.name,
                agent.extension,
            )


async def remove_agent(connection: Connection, email: str) -> None:
    """The agent's calls stay in the log. Raises AgentNotFound."""
    with database_errors():
        removed = await connection.fetchval("delete from agents where email = $1 returning email", email.lower())
    if removed is None:
        raise AgentNotFound


async def seed_agents(connection: Connection, seeds: Sequence[AgentSeed]) -> None:
    """Insert the configuration's agents that are not there yet.

    An agent that is there stays as she is, even if her seed changed: what an admin edited later counts more.
    """
    with database_errors():
        rows = await connection.fetch("select email from agents where email = any($1)", [_key(seed) for seed in seeds])
    known = {row["email"] for row in rows}
    for seed in seeds:
        if _key(seed) in known:
            continue
        fields = {name: getattr(seed, name) for name in Agent.__struct_fields__}
        try:
            await add_agent(connection, Agent(**fields), seed.sip_password)
        except Conflict as conflict:
            #: Another instance may just have planted her.
            log.warning("agent of the configuration not added", email=seed.email, reason=conflict.message)


def _key(seed: AgentSeed) -> str:
    return seed.email.strip().lower()


def _checked(agent: Agent) -> Agent:
    agent = msgspec.structs.replace(agent, email=agent.email.strip().lower())
    check_agent_fields(agent)
    return agent


@contextmanager
def _taken(agent: Agent) -> Iterator[None]:
    """A unique constraint's name becomes the words an admin understands."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "agents_extension_key":
            raise Conflict(f"Extension {agent.extension} belongs to another agent already.") from None
        raise Conflict(f"There is an agent {agent.email} already.") from None
