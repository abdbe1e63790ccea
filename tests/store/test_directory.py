"""The directory: always as the database has it, through edits, rotations and outages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed
from ctc_ari.directory import Directory, Right, hash_token
from ctc_ari.errors import (
    AgentNotFound,
    ConfigError,
    Conflict,
    ContactNotFound,
    DatabaseUnreachable,
    NotFound,
    Unauthorized,
)
from ctc_ari.store.agents import add_agent, read_agents, remove_agent, set_agent
from ctc_ari.store.directory import PostgresDirectory
from ctc_ari.store.pool import Pool
from ctc_ari.store.tokens import GRACE, create_token, read_tokens, revoke_token, rotate_token
from tests.store import databases
from tests.store.clock import Clock

ANNA = Agent("anna@example.com", "Anna", "1001", "PJSIP/1001")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(pool: Pool, database_url: str, clock: Clock) -> AsyncIterator[PostgresDirectory]:
    started = PostgresDirectory(pool, database_url, clock=clock)
    await started.start()
    #: From here on it listens: what follows is about notifications, not about the first look.
    await until(lambda: _listening(pool))
    yield started
    await started.stop()


async def _listening(pool: Pool) -> bool:
    query = "select count(*) from pg_stat_activity where datname = current_database() and query ilike '%from tokens%'"
    return bool(await pool.fetchval(query + " and pid <> pg_backend_pid()"))


async def until(condition: Callable[[], Awaitable[bool] | bool], timeout: float = 5.0) -> float:
    """Seconds until the condition held."""
    before = time.perf_counter()
    while time.perf_counter() - before < timeout:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return time.perf_counter() - before
        await asyncio.sleep(0.002)
    raise AssertionError("it never happened")


def knows(directory: PostgresDirectory, email: str) -> bool:
    try:
        directory.agent(email)
    except AgentNotFound:
        return False
    return True


def opens(directory: PostgresDirectory, token: str) -> bool:
    try:
        directory.authenticate(token)
    except Unauthorized:
        return False
    return True


async def test_it_is_a_directory(directory: PostgresDirectory) -> None:
    plugged: Directory = directory
    assert plugged


async def test_an_added_agent_is_known_within_milliseconds(directory: PostgresDirectory, pool: Pool) -> None:
    assert not knows(directory, ANNA.email)
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
    assert await until(lambda: knows(directory, ANNA.email)) < 0.5
    assert directory.agent("ANNA@Example.COM") == ANNA


async def test_a_changed_and_a_removed_agent_are_noticed(directory: PostgresDirectory, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        await set_agent(connection, "Anna@example.com", extension=None, auto_answer=True)
        await until(lambda: knows(directory, ANNA.email) and directory.agent(ANNA.email).auto_answer)
        assert directory.agent(ANNA.email) == Agent("anna@example.com", "Anna", None, "PJSIP/1001", auto_answer=True)
        await remove_agent(connection, ANNA.email)
    await until(lambda: not knows(directory, ANNA.email))


async def test_a_created_token_opens_and_a_revoked_one_does_not(
    directory: PostgresDirectory, pool: Pool, clock: Clock
) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        record, token = await create_token(connection, "crm", ["Anna@example.com"], now=clock.now)
        await until(lambda: opens(directory, token))
        principal = directory.authenticate(token)
        assert (principal.token_id, principal.name) == (record.id, "crm")
        assert principal.may_act_for("ANNA@example.com")
        assert not principal.may_act_for("bob@example.com")
        await revoke_token(connection, "crm", now=clock.now)
    await until(lambda: not opens(directory, token))


async def test_wrong_tokens_are_all_refused_alike(directory: PostgresDirectory, pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        record, token = await create_token(connection, "crm", now=clock.now)
    await until(lambda: opens(directory, token))
    for wrong in ("", "x", token + "x", token[:-1], f"ctc_{record.id}_", f"ctc_000000000000_{token[17:]}", "\udcff"):
        with pytest.raises(Unauthorized) as caught:
            directory.authenticate(wrong)
        assert caught.value.message == "Unauthorized due to invalid token"
    assert directory.authenticate(token).agents is None


@pytest.mark.parametrize(
    ("agents", "given", "expected"),
    [
        (None, None, {"admin"}),
        ([ANNA.email], None, set()),
        (None, [], set()),
        (None, ["supervise"], {"supervise"}),
        (None, ["supervise", "admin"], {"admin", "supervise"}),
        ([ANNA.email], ["supervise"], {"supervise"}),
    ],
)
async def test_a_token_has_the_rights_it_was_given_and_keeps_them_when_rotated(
    directory: PostgresDirectory,
    pool: Pool,
    clock: Clock,
    agents: list[str] | None,
    given: list[Right] | None,
    expected: set[str],
) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        _, first = await create_token(connection, "crm", agents, now=clock.now, rights=given)
        _, second = await rotate_token(connection, "crm", now=clock.now)
    for token in (first, second):
        await until(lambda token=token: opens(directory, token))  # type: ignore[misc]
        principal = directory.authenticate(token)
        assert principal.rights == expected
        assert principal.may_administer == ("admin" in expected)
        assert principal.may_supervise == ("supervise" in expected)


async def test_a_token_for_some_agents_cannot_be_given_what_concerns_all(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        with pytest.raises(ConfigError, match="admin"):
            await create_token(connection, "crm", [ANNA.email], now=clock.now, rights=["admin"])
        assert await read_tokens(connection) == []


async def test_only_the_hash_is_stored(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        _, token = await create_token(connection, "crm", now=clock.now)
        row = await connection.fetchrow("select * from tokens")
    assert row is not None
    assert row["hash"] == hash_token(token)
    assert token.split("_", 2)[2] not in str(tuple(row))


async def test_a_rotated_token_lives_on_for_its_grace_period(
    directory: PostgresDirectory, pool: Pool, clock: Clock
) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        _, old = await create_token(connection, "crm", [ANNA.email], now=clock.now)
        record, new = await rotate_token(connection, "crm", now=clock.now)
    assert record.agents == frozenset({ANNA.email})
    await until(lambda: opens(directory, new))
    assert opens(directory, old)
    clock.now += GRACE - 1
    assert opens(directory, old)
    clock.now += 1
    assert not opens(directory, old)
    assert opens(directory, new)


async def test_a_third_rotation_ends_the_oldest_at_once(directory: PostgresDirectory, pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        _, first = await create_token(connection, "crm", now=clock.now)
        clock.now += 1
        _, second = await rotate_token(connection, "crm", now=clock.now)
        clock.now += 1
        _, third = await rotate_token(connection, "crm", now=clock.now)
        await until(lambda: opens(directory, third))
        assert [opens(directory, token) for token in (first, second, third)] == [False, True, True]
        assert sum(token.live(clock.now) for token in await read_tokens(connection)) == 2


async def test_rotating_without_grace_ends_the_old_one_at_once(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        first, _ = await create_token(connection, "crm", now=clock.now)
        second, _ = await rotate_token(connection, first.id, now=clock.now, grace=0)
        live = [token.id for token in await read_tokens(connection) if token.live(clock.now)]
    assert live == [second.id]


async def test_many_rotations_at_once_leave_two_live_tokens(pool: Pool, clock: Clock) -> None:
    async def rotate() -> None:
        async with pool.acquire() as connection:
            await rotate_token(connection, "crm", now=clock.now)

    async with pool.acquire() as connection:
        await create_token(connection, "crm", now=clock.now)
        await asyncio.gather(*(rotate() for _ in range(8)))
        assert sum(token.live(clock.now) for token in await read_tokens(connection)) == 2


async def test_tokens_are_found_by_name_id_and_the_token_itself(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        one, _ = await create_token(connection, "one", now=clock.now)
        _, two = await create_token(connection, "two", now=clock.now)
        assert [token.name for token in await revoke_token(connection, one.id, now=clock.now)] == ["one"]
        assert [token.name for token in await revoke_token(connection, two, now=clock.now)] == ["two"]
        for gone in ("one", one.id, two, "never"):
            with pytest.raises(NotFound, match="token list"):
                await revoke_token(connection, gone, now=clock.now)


async def test_a_live_name_is_not_given_twice_and_a_dead_one_is_free(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        await create_token(connection, "crm", now=clock.now)
        with pytest.raises(Conflict, match="rotate"):
            await create_token(connection, "crm", now=clock.now)
        await revoke_token(connection, "crm", now=clock.now)
        await create_token(connection, "crm", now=clock.now)


async def test_a_token_for_an_unknown_agent_is_refused(pool: Pool, clock: Clock) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(AgentNotFound, match=r"nobody@example\.com"):
            await create_token(connection, "crm", ["nobody@example.com"], now=clock.now)
        for name in ("", "a\nb", "x" * 65):
            with pytest.raises(ConfigError):
                await create_token(connection, name, now=clock.now)


async def test_e_mail_and_extension_belong_to_one_agent(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await add_agent(connection, ANNA)
        with pytest.raises(Conflict, match=r"an agent anna@example\.com already"):
            await add_agent(connection, Agent("ANNA@example.com"))
        with pytest.raises(Conflict, match="Extension 1001 belongs to another agent"):
            await add_agent(connection, Agent("bob@example.com", extension="1001"))
        await add_agent(connection, Agent("bob@example.com"))
        with pytest.raises(Conflict, match="Extension 1001"):
            await set_agent(connection, "bob@example.com", extension="1001")
        with pytest.raises(AgentNotFound):
            await set_agent(connection, "nobody@example.com", name="x")
        with pytest.raises(AgentNotFound):
            await remove_agent(connection, "nobody@example.com")


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "anna"},
        {"name": "Anna\r\nX-Evil: 1"},
        {"extension": "1001&PJSIP/evil"},
        {"desk_endpoint": "PJSIP/1001/sip:evil@host"},
        {"contact": "sip:a@host\r\n"},
        {"contact": "sip:a@host;method=REFER"},
        {"caller_id": "anna"},
    ],
)
async def test_no_field_of_an_agent_can_smuggle_an_address(pool: Pool, fields: dict[str, str]) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(ConfigError):
            await add_agent(connection, msgspec.structs.replace(ANNA, **fields))
        assert await read_agents(connection) == []


async def test_seeds_are_planted_once_and_edits_outlive_them(pool: Pool, database_url: str) -> None:
    seeds = (AgentSeed(email="Anna@example.com", name="Anna", extension="1001", sip_password="s"),)
    first = PostgresDirectory(pool, database_url, seeds)
    await first.start()
    await first.stop()
    assert first.agent("anna@example.com").name == "Anna"
    async with pool.acquire() as connection:
        await set_agent(connection, "anna@example.com", name="Anna B.")
    second = PostgresDirectory(
        pool, database_url, (*seeds, AgentSeed(email="bob@example.com"), AgentSeed(email="eve@x.org", extension="1001"))
    )
    await second.start()
    await second.stop()
    assert second.agent("anna@example.com").name == "Anna B."
    assert second.agent("bob@example.com").email == "bob@example.com"
    with pytest.raises(AgentNotFound):
        second.agent("eve@x.org")
    assert await pool.fetchval("select sip_password from agents where extension = '1001'") == "s"


async def test_a_contact_comes_with_its_numbers_the_preferred_one_first(
    directory: PostgresDirectory, pool: Pool
) -> None:
    await pool.execute("insert into contacts (id, name) values ('c1', 'Bob'), ('c2', 'Eve')")
    await pool.execute("""
        insert into contact_numbers (contact_id, number, position)
        values ('c1', '+442079460018', 1), ('c1', '+447700900123', 0), ('c1', '+442079460019', 2)
        """)
    bob = await directory.contact("c1")
    assert (bob.id, bob.name, bob.numbers) == (
        "c1",
        "Bob",
        ("+447700900123", "+442079460018", "+442079460019"),
    )
    assert (await directory.contact("c2")).numbers == ()
    for unknown in ("c3", "", "a\x00b", "\udcff"):
        with pytest.raises(ContactNotFound):
            await directory.contact(unknown)


async def test_a_database_that_goes_away_and_comes_back_is_followed_again() -> None:
    with databases.server() as own:
        async with own.migrated() as url, own.pool(url) as pool:
            directory = PostgresDirectory(pool, url, [AgentSeed(email="anna@example.com")])
            await directory.start()
            await until(lambda: _listening(pool))
            try:
                await asyncio.to_thread(own.stop)
                assert knows(directory, "anna@example.com")
                with pytest.raises(DatabaseUnreachable):
                    await directory.contact("c1")
                await asyncio.sleep(0.5)
                await asyncio.to_thread(own.start)
                #: The very first request after it is back succeeds: the pool has dropped what died.
                with pytest.raises(ContactNotFound):
                    await directory.contact("c1")
                async with pool.acquire() as connection:
                    await add_agent(connection, Agent("bob@example.com"))
                await until(lambda: knows(directory, "bob@example.com"), 10)
                async with pool.acquire() as connection:
                    await remove_agent(connection, "bob@example.com")
                assert await until(lambda: not knows(directory, "bob@example.com")) < 0.5
            finally:
                await directory.stop()
