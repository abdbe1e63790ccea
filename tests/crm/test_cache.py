"""Answers of somebody slow or dead."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.crm.cache import DOWN_SECONDS, Cache, Remembered
from ctc_ari.errors import CrmUnreachable
from tests.crm.notebook import Notebook
from tests.store.clock import Clock


class Slow:
    """Answers when it is let; fails while it is down."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.answer: str | None = "first"
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, key: str) -> str | None:
        self.asked.append(key)
        await self.gate.wait()
        if self.down:
            raise CrmUnreachable
        return self.answer


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(slow: Slow, clock: Clock) -> Cache[str]:
    return Cache(slow, fresh_seconds=300.0, patience=0.05, clock=clock)


async def test_an_answer_is_asked_for_once_while_it_is_fresh(cache: Cache[str], slow: Slow, clock: Clock) -> None:
    assert [await cache.get("a"), await cache.get("a"), await cache.get("b")] == ["first"] * 3
    clock.now += 299
    assert await cache.get("a") == "first"
    assert slow.asked == ["a", "b"]
    clock.now += 2
    slow.answer = "second"
    assert await cache.get("a") == "second"


async def test_all_who_ask_at_once_share_one_question(cache: Cache[str], slow: Slow) -> None:
    assert await asyncio.gather(*(cache.get("a") for _ in range(20))) == ["first"] * 20
    assert slow.asked == ["a"]


async def test_nothing_is_an_answer_too(cache: Cache[str], slow: Slow) -> None:
    slow.answer = None
    assert [await cache.get("a"), await cache.get("a")] == [None, None]
    assert slow.asked == ["a"]


async def test_the_last_known_answer_counts_while_it_is_slow_and_the_next_one_finds_the_new(
    cache: Cache[str], slow: Slow, clock: Clock
) -> None:
    await cache.get("a")
    clock.now += 301
    slow.gate.clear()
    slow.answer = "second"
    assert await cache.get("a") == "first"
    slow.gate.set()
    await asyncio.sleep(0.01)
    assert await cache.get("a") == "second"
    assert slow.asked == ["a", "a"]


async def test_the_last_known_answer_counts_while_it_is_down(cache: Cache[str], slow: Slow, clock: Clock) -> None:
    await cache.get("a")
    slow.down = True
    clock.now += 24 * 3600
    assert await cache.get("a") == "first"


async def test_without_any_answer_it_is_told(cache: Cache[str], slow: Slow) -> None:
    slow.gate.clear()
    with pytest.raises(CrmUnreachable):
        await cache.get("a")
    slow.gate.set()
    await asyncio.sleep(0.01)
    assert await cache.get("a") == "first"


async def test_one_that_is_down_is_not_waited_for_again_and_again(cache: Cache[str], slow: Slow, clock: Clock) -> None:
    slow.down = True
    with pytest.raises(CrmUnreachable):
        await cache.get("a")
    slow.gate.clear()
    patient: Cache[str] = cache
    patient._patience = 60.0
    with pytest.raises(CrmUnreachable):
        async with asyncio.timeout(5):
            await patient.get("b")
    clock.now += DOWN_SECONDS
    slow.down = False
    asyncio.get_running_loop().call_later(0.02, slow.gate.set)
    assert await patient.get("c") == "first", "then it is waited for again"


async def test_what_was_begun_earlier_is_waited_for_less(cache: Cache[str], slow: Slow, clock: Clock) -> None:
    """The agent's and the contact's look-up together take no longer than one."""
    slow.gate.clear()
    cache._patience = 60.0
    cache.begin("a")
    clock.now += 60
    with pytest.raises(CrmUnreachable):
        async with asyncio.timeout(5):
            await cache.get("a")
    cache.close()


async def test_whoever_does_not_wait_any_more_takes_nothing_from_the_others(cache: Cache[str], slow: Slow) -> None:
    slow.gate.clear()
    cache._patience = 60.0
    impatient = asyncio.create_task(cache.get("a"))
    patient = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0.01)
    impatient.cancel()
    slow.gate.set()
    assert await patient == "first"


# the last known answer, kept where a restart does not reach it


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


def after_a_restart(slow: Slow, clock: Clock, notebook: Notebook) -> Cache[str]:
    remembered = Remembered(notebook, "contact", str)
    return Cache(slow, fresh_seconds=300.0, patience=0.05, clock=clock, remembered=remembered)


@pytest.mark.parametrize("answer", ["first", None])
async def test_the_last_known_answer_outlasts_a_restart(
    slow: Slow, clock: Clock, notebook: Notebook, answer: str | None
) -> None:
    slow.answer = answer
    assert await after_a_restart(slow, clock, notebook).get("a") == answer
    await asyncio.sleep(0)
    slow.down = True
    cache = after_a_restart(slow, clock, notebook)
    assert await cache.get("a") == answer
    with pytest.raises(CrmUnreachable):
        await cache.get("b")
    slow.gate.clear()
    assert await cache.get("a") == answer, "slow, too"


async def test_what_was_erased_counts_no_longer_than_an_answer_is_fresh(
    slow: Slow, clock: Clock, notebook: Notebook
) -> None:
    cache = after_a_restart(slow, clock, notebook)
    await cache.get("a")
    await asyncio.sleep(0)
    notebook.kept.clear()
    slow.down = True
    assert await cache.get("a") == "first"
    clock.now += 301
    with pytest.raises(CrmUnreachable):
        await cache.get("a")


async def test_a_database_that_is_away_leaves_what_this_process_knows(
    slow: Slow, clock: Clock, notebook: Notebook
) -> None:
    cache = after_a_restart(slow, clock, notebook)
    notebook.away = True
    await cache.get("a")
    await asyncio.sleep(0)
    clock.now += 301
    slow.down = True
    assert await cache.get("a") == "first"
    notebook.away = False
    assert await cache.get("a") == "first", "it was never written"
