"""Sessions: theirs alone, for a while, known to every instance at once, and gone with what they hang on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from ctc_ari.calls.model import Agent
from ctc_ari.directory import Principal, Sessions, hash_token
from ctc_ari.errors import AgentNotFound, DatabaseUnreachable, Unauthorized
from ctc_ari.store.agents import add_agent, remove_agent
from ctc_ari.store.directory import SWEEP_INTERVAL, PostgresDirectory
from ctc_ari.store.pool import Connection, Pool
from ctc_ari.store.sessions import LIFETIME, MOST_PER_AGENT, KnownSessions, SessionRecord
from ctc_ari.store.tokens import GRACE, create_token, revoke_token, rotate_token
from tests.store import databases
from tests.store.clock import Clock
from tests.store.test_directory import opens, until

ANNA = Agent("anna@example.com", "Anna", "1001", "PJSIP/1001")
BOB = Agent("bob@example.com", "Bob", "1002", "PJSIP/1002")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def crm(pool: Pool, clock: Clock) -> str:
    """A token for all agents; there are two."""
    async with pool.acquire() as connection:
        for agent in (ANNA, BOB):
            await add_agent(connection, agent)
        return (await create_token(connection, "crm", now=clock.now))[1]


async def started(pool: Pool, database_url: str, clock: Clock) -> AsyncIterator[PostgresDirectory]:
    """One instance's directory that follows the database."""
    directory = PostgresDirectory(pool, database_url, clock=clock)
    await directory.start()
    await followed(directory)
    yield directory
    await directory.stop()


async def followed(directory: PostgresDirectory) -> None:
    """From here on it listens: its own reading at the start is over."""
    before = directory._contents
    await until(lambda: directory._contents is not before)


@pytest.fixture
async def directory(pool: Pool, database_url: str, clock: Clock, crm: str) -> AsyncIterator[PostgresDirectory]:
    async for directory in started(pool, database_url, clock):
        yield directory


@pytest.fixture
async def elsewhere(pool: Pool, database_url: str, clock: Clock, crm: str) -> AsyncIterator[PostgresDirectory]:
    async for directory in started(pool, database_url, clock):
        yield directory


async def signed_in(directory: PostgresDirectory, crm: str, agent: Agent = ANNA) -> str:
    """A session's token."""
    return (await directory.create_session(directory.authenticate(crm), agent)).token


async def test_it_keeps_sessions(directory: PostgresDirectory) -> None:
    plugged: Sessions = directory
    assert plugged


async def test_a_session_opens_at_once_and_acts_for_its_agent_alone(directory: PostgresDirectory, crm: str) -> None:
    session = await signed_in(directory, crm)
    principal = directory.authenticate(session)
    #: Its maker administers, it does not.
    assert principal == Principal(session.split("_")[1], ANNA.email, frozenset({ANNA.email}), session=True)
    assert session.startswith("ctcs_")
    assert principal.may_act_for("Anna@example.com")
    assert not principal.may_act_for(BOB.email)


async def test_only_its_hash_is_stored(directory: PostgresDirectory, pool: Pool, crm: str) -> None:
    session = await signed_in(directory, crm)
    row = await pool.fetchrow("select * from sessions")
    assert row is not None
    assert row["hash"] == hash_token(session)
    assert session.split("_", 2)[2] not in str(tuple(row))
    assert len(session.split("_", 2)[2]) == 43, "256 random bits"


async def test_a_wrong_secret_or_another_kind_of_token_does_not_open(directory: PostgresDirectory, crm: str) -> None:
    session = await signed_in(directory, crm)
    for wrong in (session + "x", session[:-1], session.replace("ctcs_", "ctc_"), "ctcs_", "ctcs_0_x", crm + "x"):
        assert not opens(directory, wrong)
    assert not opens(directory, crm.replace("ctc_", "ctcs_"))
    assert opens(directory, session)


async def test_every_instance_knows_a_session_and_its_end_within_moments(
    directory: PostgresDirectory, elsewhere: PostgresDirectory, crm: str
) -> None:
    session = await signed_in(directory, crm)
    assert await until(lambda: opens(elsewhere, session)) < 0.5
    await elsewhere.end_session(elsewhere.authenticate(session))
    assert not opens(elsewhere, session), "at once where it was ended"
    assert await until(lambda: not opens(directory, session)) < 0.5


async def test_a_session_lasts_twelve_hours_however_much_it_is_used(
    directory: PostgresDirectory, crm: str, clock: Clock
) -> None:
    made = await directory.create_session(directory.authenticate(crm), ANNA)
    assert made.expires_at == clock.now + LIFETIME == clock.now + 12 * 3600
    clock.now += LIFETIME - 1
    assert opens(directory, made.token)
    clock.now += 1
    assert not opens(directory, made.token)


async def test_revoking_the_token_ends_its_sessions_on_every_instance(
    directory: PostgresDirectory, elsewhere: PostgresDirectory, pool: Pool, crm: str, clock: Clock
) -> None:
    session = await signed_in(directory, crm)
    async with pool.acquire() as connection:
        other = (await create_token(connection, "other", now=clock.now))[1]
        await until(lambda: opens(directory, other))
        kept = await signed_in(directory, other)
        await until(lambda: opens(elsewhere, session) and opens(elsewhere, kept))
        await revoke_token(connection, "crm", now=clock.now)
    for instance in (directory, elsewhere):
        await until(lambda instance=instance: not opens(instance, session))  # type: ignore[misc]
        assert opens(instance, kept)


async def test_a_session_does_not_outlive_a_rotated_token(
    directory: PostgresDirectory, pool: Pool, crm: str, clock: Clock
) -> None:
    early = await directory.create_session(directory.authenticate(crm), ANNA)
    async with pool.acquire() as connection:
        new = (await rotate_token(connection, "crm", now=clock.now))[1]
    await until(lambda: opens(directory, new))
    clock.now += GRACE - 60
    late = await directory.create_session(directory.authenticate(crm), ANNA)
    assert early.expires_at < clock.now < late.expires_at == clock.now + 60
    clock.now += 60
    assert not opens(directory, late.token)


async def test_removing_the_agent_ends_her_sessions_only(
    directory: PostgresDirectory, elsewhere: PostgresDirectory, pool: Pool, crm: str
) -> None:
    annas, bobs = await signed_in(directory, crm), await signed_in(directory, crm, BOB)
    await until(lambda: opens(elsewhere, annas) and opens(elsewhere, bobs))
    async with pool.acquire() as connection:
        await remove_agent(connection, ANNA.email)
    for instance in (directory, elsewhere):
        await until(lambda instance=instance: not opens(instance, annas))  # type: ignore[misc]
        assert opens(instance, bobs)
    assert await pool.fetchval("select count(*) from sessions") == 1


async def test_a_session_follows_its_agent_to_a_new_address(directory: PostgresDirectory, pool: Pool, crm: str) -> None:
    session = await signed_in(directory, crm)
    async with pool.acquire() as connection:
        await connection.execute("update agents set email = 'anna.berg@example.com' where email = $1", ANNA.email)

    def moved() -> bool:
        return opens(directory, session) and directory.authenticate(session).may_act_for("anna.berg@example.com")

    await until(moved)
    assert not directory.authenticate(session).may_act_for(ANNA.email)


async def test_a_token_that_ended_a_moment_ago_makes_no_session(
    directory: PostgresDirectory, pool: Pool, crm: str, clock: Clock
) -> None:
    principal = directory.authenticate(crm)
    async with pool.acquire() as connection:
        await revoke_token(connection, "crm", now=clock.now)
    with pytest.raises(Unauthorized):
        await directory.create_session(principal, ANNA)


async def test_an_agent_who_went_a_moment_ago_gets_no_session(
    directory: PostgresDirectory, pool: Pool, crm: str
) -> None:
    principal = directory.authenticate(crm)
    async with pool.acquire() as connection:
        await remove_agent(connection, ANNA.email)
    with pytest.raises(AgentNotFound):
        await directory.create_session(principal, ANNA)


async def test_more_sessions_than_an_agent_needs_end_the_oldest(
    directory: PostgresDirectory, crm: str, clock: Clock
) -> None:
    bobs = await signed_in(directory, crm, BOB)
    made = []
    for _ in range(MOST_PER_AGENT + 2):
        clock.now += 1
        made.append(await signed_in(directory, crm))
    await until(lambda: not opens(directory, made[1]))
    assert [opens(directory, session) for session in made] == [False, False, *[True] * MOST_PER_AGENT]
    assert opens(directory, bobs)


async def test_what_has_ended_is_swept(directory: PostgresDirectory, pool: Pool, crm: str, clock: Clock) -> None:
    expired = await signed_in(directory, crm)
    clock.now += LIFETIME + SWEEP_INTERVAL
    async with pool.acquire() as connection:
        other = (await create_token(connection, "other", now=clock.now))[1]
        await until(lambda: opens(directory, other))
        orphan = await signed_in(directory, other)
        await revoke_token(connection, "other", now=clock.now)
    clock.now += SWEEP_INTERVAL + 1
    kept = await signed_in(directory, crm)
    stored = {row["id"] for row in await pool.fetch("select id from sessions")}
    assert stored == {kept.split("_")[1]}
    assert expired.split("_")[1] not in stored
    assert orphan.split("_")[1] not in stored


async def test_a_new_instance_knows_what_there_is(
    directory: PostgresDirectory, pool: Pool, database_url: str, crm: str, clock: Clock
) -> None:
    session = await signed_in(directory, crm)
    late = PostgresDirectory(pool, database_url, clock=clock)
    await late.start()
    assert opens(late, session)
    await late.stop()


async def test_truncating_ends_all_of_them(directory: PostgresDirectory, pool: Pool, crm: str) -> None:
    session = await signed_in(directory, crm)
    await pool.execute("truncate sessions")
    await until(lambda: not opens(directory, session))


async def test_signing_in_does_not_read_all_agents_and_tokens_again(
    directory: PostgresDirectory, elsewhere: PostgresDirectory, crm: str
) -> None:
    before = elsewhere._contents
    session = await signed_in(directory, crm)
    await until(lambda: opens(elsewhere, session))
    assert elsewhere._contents is before


async def test_many_sign_in_at_once_and_each_session_opens_from_its_first_moment(
    directory: PostgresDirectory, elsewhere: PostgresDirectory, pool: Pool, crm: str
) -> None:
    async def sign_in(number: int) -> str:
        session = await signed_in(directory, crm, agents[number % len(agents)])
        for _ in range(5):
            assert opens(directory, session)
            await asyncio.sleep(0.002)
        return session

    agents = [Agent(f"a{number}@example.com") for number in range(10)]
    async with pool.acquire() as connection:
        for agent in agents:
            await add_agent(connection, agent)
    await until(lambda: directory._contents.agents.keys() >= {agent.email for agent in agents})
    sessions = await asyncio.gather(*(sign_in(number) for number in range(100)))
    await until(lambda: all(opens(elsewhere, session) for session in sessions))


async def test_a_session_made_while_all_are_being_read_is_not_forgotten() -> None:
    class Slow:
        """Its picture is older than its answer."""

        async def fetch(self, *_: object) -> list[object]:
            known.add(made)
            known.add(ended)
            known.forget(ended.id)
            return []

    made, ended = (SessionRecord(name, bytes(32), ANNA.email, "crm", 0.0) for name in ("made", "ended"))
    known = KnownSessions()
    await known.read_all(cast("Connection", Slow()))
    assert (known.get("made"), known.get("ended")) == (made, None)


async def test_while_the_database_is_away_sessions_stay_and_none_is_made(clock: Clock) -> None:
    with databases.server() as own:
        async with own.migrated() as url, own.pool(url) as pool:
            async with pool.acquire() as connection:
                await add_agent(connection, ANNA)
                crm = (await create_token(connection, "crm", now=clock.now))[1]
            directory = PostgresDirectory(pool, url, clock=clock)
            await directory.start()
            try:
                await followed(directory)
                session = await signed_in(directory, crm)
                gone = await signed_in(directory, crm)
                await asyncio.to_thread(own.stop)
                assert opens(directory, session)
                with pytest.raises(DatabaseUnreachable):
                    await signed_in(directory, crm)
                with pytest.raises(DatabaseUnreachable):
                    await directory.end_session(directory.authenticate(session))
                assert opens(directory, session)
                await asyncio.to_thread(own.start)
                #: Before it is followed again: nobody tells us of this one.
                await pool.execute("delete from sessions where id = $1", gone.split("_")[1])
                await until(lambda: not opens(directory, gone), 10)
                assert opens(directory, session)
            finally:
                await directory.stop()
