"""Rows of calls on a real PostgreSQL: committed before anything rings, written behind afterwards, nothing lost."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from ctc_ari.calls.model import Agent, Call, Contact, Phase
from ctc_ari.calls.ports import CallStore
from ctc_ari.errors import AgentBusy
from ctc_ari.store.calls import LINGER_SECONDS, PostgresCallStore
from ctc_ari.store.pool import Pool
from tests.calls.builders import NOW
from tests.store.contacts import put_contact
from tests.store.kept_calls import happenings, journal, keeping, later, new, rows

NUMBER = "+442079460001"


async def test_it_is_a_call_store(store: PostgresCallStore) -> None:
    plugged: CallStore = store
    assert plugged.writable
    assert await store.probe() is None


# a new call


async def test_an_added_call_is_committed_as_it_is(store: PostgresCallStore, pool: Pool) -> None:
    call = new()
    assert await store.add(call) is None
    (row,) = await rows(pool, call)
    assert (row["state"], row["phase"], row["agent_email"]) == ("ringing_agent", "placing", call.agent.email)
    assert await store.find(call.id) == call


async def test_adding_finds_the_contact_by_number(store: PostgresCallStore, pool: Pool) -> None:
    await put_contact(pool, "c1", "Carla", "+442079460009", NUMBER)
    assert await store.add(new("alice")) == Contact("c1", "Carla")
    assert await store.add(new("bob", number="+442079460008")) is None
    known = Contact("c1", "As the CRM says")
    assert await store.add(new("carol", contact=known)) is None, "it is known already"


async def test_an_agent_has_one_live_call(store: PostgresCallStore, pool: Pool) -> None:
    first, second = new(), new()
    await store.add(first)
    with pytest.raises(AgentBusy):
        await store.add(second)
    assert await rows(pool, second) == []
    store.save(later(first, Phase.ENDING), [], urgent=True)
    assert await store.add(second) is None


async def test_calls_that_arrive_together_are_one_statement_and_each_gets_its_own_answer(
    store: PostgresCallStore, pool: Pool
) -> None:
    await put_contact(pool, "c1", "Carla", NUMBER)
    await store.add(new("busy"))
    calls = [new(f"a{n}", number=f"+4420794601{n:02}") for n in range(30)]
    calls[7] = new("a7", number=NUMBER)
    calls[11] = new("busy")
    answers = await asyncio.gather(*(store.add(call) for call in calls), return_exceptions=True)
    assert answers[7] == Contact("c1", "Carla")
    assert isinstance(answers[11], AgentBusy)
    assert [answer for n, answer in enumerate(answers) if n not in (7, 11)] == [None] * 28
    written = await pool.fetch("select xmin::text as by from calls where agent_email <> 'busy@example.com'")
    assert len(written) == 29
    assert len({row["by"] for row in written}) == 1


async def test_two_calls_of_one_agent_that_arrive_together_are_one_call(store: PostgresCallStore, pool: Pool) -> None:
    answers = await asyncio.gather(store.add(new()), store.add(new()), return_exceptions=True)
    assert sorted(str(type(answer).__name__) for answer in answers) == ["AgentBusy", "NoneType"]
    assert await pool.fetchval("select count(*) from calls") == 1


async def test_whoever_gives_up_before_the_statement_leaves_no_row(store: PostgresCallStore, pool: Pool) -> None:
    given_up, other = new("alice"), new("bob")
    waiting = asyncio.create_task(store.add(given_up))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await store.add(other)
    assert await rows(pool, given_up) == []


# what follows


async def test_only_the_newest_state_is_written_and_everything_that_happened(
    store: PostgresCallStore, pool: Pool
) -> None:
    call = new()
    await store.add(call)
    rings, talks = later(call, Phase.RINGING_AGENT), later(call, Phase.TALKING)
    store.save(rings, happenings(rings, 1, "call.created", "call.agent_ringing"))
    store.save(talks, happenings(talks, 3, "call.agent_answered"))
    store.save(talks, happenings(talks, 4, "call.customer_ringing", "call.answered"))
    assert store.unsaved == 1
    await store.flush(2)
    assert store.unsaved == 0
    (row,) = await rows(pool, call)
    assert row["state"] == "talking"
    assert (row["agent_answered_at"].timestamp(), row["answered_at"].timestamp()) == (NOW + 1, NOW + 2)
    assert await journal(pool, call) == [
        (1, "call.created"),
        (2, "call.agent_ringing"),
        (3, "call.agent_answered"),
        (4, "call.customer_ringing"),
        (5, "call.answered"),
    ]
    written = await pool.fetch("select distinct xmin::text from call_journal")
    assert len(written) == 1, "in one statement"


async def seconds_until_written(store: PostgresCallStore, pool: Pool, call: Call, *, urgent: bool) -> float:
    before = time.perf_counter()
    store.save(call, [], urgent=urgent)
    while (await rows(pool, call))[0]["phase"] != call.phase:
        assert time.perf_counter() - before < 5
        await asyncio.sleep(0.001)
    return time.perf_counter() - before


async def test_what_is_urgent_is_written_at_once_and_the_rest_waits_a_moment_for_others(
    store: PostgresCallStore, pool: Pool
) -> None:
    slow, fast = [], []
    for n in range(5):
        call = new(f"a{n}")
        await store.add(call)
        slow.append(await seconds_until_written(store, pool, later(call, Phase.RINGING_AGENT), urgent=False))
        fast.append(await seconds_until_written(store, pool, later(call, Phase.TALKING), urgent=True))
    assert min(slow) >= LINGER_SECONDS
    assert min(fast) < LINGER_SECONDS / 2


async def test_a_change_on_its_way_is_found_already(store: PostgresCallStore) -> None:
    call = new()
    await store.add(call)
    talks = later(call, Phase.TALKING)
    store.save(talks, [])
    assert await store.find(call.id) == talks
    await store.flush(2)
    assert await store.find(call.id) == talks
    assert await store.find("ctc-nothing") is None


async def test_an_end_is_written_even_if_the_row_never_was(store: PostgresCallStore, pool: Pool) -> None:
    call = later(new(), Phase.ENDING)
    store.save(call, happenings(call, 1, "call.created", "call.ended"), urgent=True)
    await store.flush(2)
    (row,) = await rows(pool, call)
    assert (row["state"], row["end_reason"]) == ("ended", "completed")
    assert len(await journal(pool, call)) == 2
    with pytest.raises(AgentBusy):
        await store.add(call)
    assert (await rows(pool, call))[0]["state"] == "ended", "a late insert does not bring it back"


async def test_an_update_that_is_carried_out_late_does_not_bring_an_ended_call_back(
    store: PostgresCallStore, pool: Pool
) -> None:
    call = new()
    await store.add(call)
    store.save(later(call, Phase.ENDING), [])
    await store.flush(2)
    store.save(later(call, Phase.TALKING), [])
    await store.flush(2)
    assert [row["state"] for row in await rows(pool, call)] == ["ended"]
    assert await store.add(new()) is None


async def test_a_change_of_a_call_without_a_row_writes_nothing(store: PostgresCallStore, pool: Pool) -> None:
    call = later(new(), Phase.TALKING)
    store.save(call, happenings(call, 1, "call.answered"))
    await store.flush(2)
    assert await rows(pool, call) == []
    assert await journal(pool, call) == []


async def test_the_next_call_never_meets_the_live_row_of_the_last_one(store: PostgresCallStore) -> None:
    for _ in range(20):
        call = new()
        await store.add(call)
        store.save(later(call, Phase.ENDING), happenings(call, 1, "call.created"))


async def test_whoever_comes_while_another_waits_for_an_end_waits_for_his_own(store: PostgresCallStore) -> None:
    last = {agent: new(agent) for agent in ("alice", "bob")}
    for call in last.values():
        await store.add(call)
    store.save(later(last["alice"], Phase.ENDING), [])
    first = asyncio.create_task(store.add(new("alice")))
    while not store._writing:  # noqa: ASYNC110 - exactly while the first end is on its way
        await asyncio.sleep(0)
    store.save(later(last["bob"], Phase.ENDING), [])
    await asyncio.gather(first, store.add(new("bob")))


async def test_an_end_that_somebody_waits_for_is_hurried(store: PostgresCallStore) -> None:
    times = []
    for n in range(5):
        call = new("alice")
        await store.add(call)
        store.save(later(call, Phase.ENDING), [])
        before = time.perf_counter()
        again = new("alice")
        await asyncio.gather(store.add(again), store.add(new(f"bob{n}")))
        times.append(time.perf_counter() - before)
        store.save(later(again, Phase.ENDING), [])
        await store.flush(2)
    assert min(times) < LINGER_SECONDS / 2


# coming up


async def test_open_calls_of_a_node_are_loaded_as_they_were_with_their_journal_s_end(
    store: PostgresCallStore, pool: Pool, database_url: str
) -> None:
    talks, fresh, foreign, ended = new("a"), new("b"), new("c", node="pbx2"), new("d")
    for call in (talks, fresh, foreign, ended):
        await store.add(call)
    talking = later(talks, Phase.TALKING, contact=Contact("c1", "Carla"))
    store.save(talking, happenings(talking, 1, "call.created", "call.answered"))
    over = later(ended, Phase.ENDING)
    store.save(over, happenings(over, 1, "call.created", "call.ended"))
    await store.flush(2)
    async with keeping(pool, database_url) as other:
        assert sorted(await other.load_live("pbx1"), key=lambda found: found[0].agent.email) == [
            (talking, 2),
            (fresh, 0),
        ]
        assert [call.id for call, _ in await other.load_live("pbx2")] == [foreign.id]
        assert await other.load_recent("pbx1", NOW - 10) == [over]
        assert await other.load_recent("pbx1", NOW + 10) == []


async def test_names_of_all_kinds_come_back_as_they_were(store: PostgresCallStore) -> None:
    call = new(contact=Contact("x", 'Ünïcødé "quoted" \\ 日本語 🙂 \u202e'))
    call = replace(call, agent=Agent("ü@example.com", "O'Brien; drop table calls"))
    await store.add(call)
    assert await store.find(call.id) == call
