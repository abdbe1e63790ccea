"""Changes of agents and tokens count at once, for whoever made them and for everybody else."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed
from ctc_ari.directory import Administration
from ctc_ari.errors import (
    AgentNotFound,
    BadRequest,
    Conflict,
    DatabaseUnreachable,
    TokenNotFound,
    Unauthorized,
)
from ctc_ari.store.administration import PostgresAdministration
from ctc_ari.store.directory import PostgresDirectory
from ctc_ari.store.pool import Pool
from tests.store.clock import Clock

ANNA = Agent("anna@example.com", "Anna", "1001", "PJSIP/1001")
ANNAS = frozenset({ANNA.email})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(pool: Pool, database_url: str, clock: Clock) -> PostgresDirectory:
    """It follows nothing: what it knows, it was told by the administration."""
    started = PostgresDirectory(pool, database_url, clock=clock)
    await started.start()
    await started.stop()
    return started


@pytest.fixture
def administration(pool: Pool, directory: PostgresDirectory, clock: Clock) -> PostgresAdministration:
    return PostgresAdministration(pool, directory.reload, [AgentSeed(email="Seed@example.com")], clock)


async def test_a_new_agent_is_known_at_once(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    plugged: Administration = administration
    assert await plugged.add_agent(ANNA) == ANNA == directory.agent(ANNA.email)
    assert directory.all_agents() == (ANNA,)
    changed = await plugged.set_agent("ANNA@example.com", extension=None, name="Anna B.")
    assert changed == Agent("anna@example.com", "Anna B.", None, "PJSIP/1001") == directory.agent(ANNA.email)
    await plugged.remove_agent(ANNA.email)
    with pytest.raises(AgentNotFound):
        directory.agent(ANNA.email)


async def test_an_agent_that_cannot_be_is_refused_in_words_for_clients(administration: PostgresAdministration) -> None:
    await administration.add_agent(ANNA)
    with pytest.raises(Conflict, match="There is an agent anna"):
        await administration.add_agent(Agent("Anna@example.com"))
    with pytest.raises(BadRequest, match=r"^desk_endpoint: must be an endpoint's name.*\.$"):
        await administration.set_agent(ANNA.email, desk_endpoint="PJSIP/1/sip:evil")
    with pytest.raises(AgentNotFound):
        await administration.set_agent("nobody@example.com", name="x")


async def test_an_agent_of_the_configuration_is_removed_there(administration: PostgresAdministration) -> None:
    with pytest.raises(Conflict, match="stands in the configuration"):
        await administration.remove_agent("seed@Example.com")


async def test_a_token_opens_at_once_and_is_listed_without_its_secret(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    record, token = await administration.create_token("crm", None, None)
    assert directory.authenticate(token).rights == {"admin"}
    assert await administration.tokens() == [record]
    assert token.split("_", 2)[2] not in str(record)


async def test_a_changed_token_is_another_at_once(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    await administration.add_agent(ANNA)
    record, token = await administration.create_token("crm", None, None)
    changed = await administration.change_token(
        record.id, name="team", agents=["Anna@example.com"], rights=["supervise"]
    )
    principal = directory.authenticate(token)
    assert (principal.name, principal.agents, principal.rights) == ("team", ANNAS, frozenset({"supervise"}))
    assert (await administration.tokens()) == [changed]
    #: An agent who is gone is no reason not to change the name.
    await administration.remove_agent(ANNA.email)
    assert (await administration.change_token(record.id, name="crew")).agents == ANNAS


async def test_a_session_ends_when_its_token_no_longer_acts_for_its_agent(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    boris = Agent("boris@example.com")
    for agent in (ANNA, boris):
        await administration.add_agent(agent)
    record, token = await administration.create_token("crm", None, [])
    session = (await directory.create_session(directory.authenticate(token), ANNA)).token
    await administration.change_token(record.id, agents=[boris.email])
    with pytest.raises(Unauthorized):
        directory.authenticate(session)


async def test_changes_of_a_token_that_do_not_fit_change_nothing(administration: PostgresAdministration) -> None:
    record, _ = await administration.create_token("crm", None, None)
    await administration.create_token("other", None, [])
    before = await administration.tokens()
    with pytest.raises(Conflict):
        await administration.change_token(record.id, name="other")
    with pytest.raises(BadRequest, match="cannot have admin"):
        await administration.change_token(record.id, agents=[])
    with pytest.raises(BadRequest, match="name: must be"):
        await administration.change_token(record.id, name="a\nb")
    for nobody in ("nobody@example.com", "a\x00b@example.com"):
        with pytest.raises(AgentNotFound, match="add her first"):
            await administration.change_token(record.id, agents=[nobody], rights=[])
    for unknown in ("absent", "crm"):
        with pytest.raises(TokenNotFound):
            await administration.change_token(unknown, name="x")
    assert await administration.tokens() == before


async def test_a_rotated_token_opens_at_once_beside_the_old_one(
    administration: PostgresAdministration, directory: PostgresDirectory, clock: Clock
) -> None:
    record, old = await administration.create_token("crm", None, ["supervise"])
    new_record, new = await administration.rotate_token(record.id, 60)
    assert directory.authenticate(new).rights == directory.authenticate(old).rights == {"supervise"}
    clock.now += 61
    with pytest.raises(Unauthorized):
        directory.authenticate(old)
    assert (await administration.change_token(new_record.id, name="crm")).name == "crm"
    for unknown in ("absent", "crm"):
        with pytest.raises(TokenNotFound):
            await administration.rotate_token(unknown, 60)


async def test_a_revoked_token_opens_nothing_and_may_be_revoked_again(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    record, token = await administration.create_token("crm", None, None)
    for _ in range(2):
        await administration.revoke_token(record.id)
        with pytest.raises(Unauthorized):
            directory.authenticate(token)
    for change in (administration.change_token(record.id, name="x"), administration.rotate_token(record.id, 1)):
        with pytest.raises(TokenNotFound):
            await change
    with pytest.raises(TokenNotFound):
        await administration.revoke_token("crm")


async def test_what_was_done_is_not_refused_because_nobody_could_look(pool: Pool) -> None:
    async def unreachable() -> None:
        raise DatabaseUnreachable

    await PostgresAdministration(pool, unreachable).add_agent(ANNA)
    assert await pool.fetchval("select name from agents") == "Anna"


async def test_of_two_looks_at_once_the_later_one_counts(
    administration: PostgresAdministration, directory: PostgresDirectory
) -> None:
    await asyncio.gather(*(administration.add_agent(Agent(f"a{n}@example.com")) for n in range(8)))
    assert len(directory.all_agents()) == 8
