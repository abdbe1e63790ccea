"""Idempotency keys: one request, one call, for 24 hours."""

from __future__ import annotations

import asyncio

import pytest

from ctc_ari.errors import BadRequest, DatabaseUnreachable, KeyReused
from ctc_ari.store.idempotency import ABANDONED, REMEMBERED, PostgresIdempotencyKeys
from ctc_ari.store.pool import Pool
from tests.store.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(pool: Pool, clock: Clock) -> PostgresIdempotencyKeys:
    return PostgresIdempotencyKeys(pool, clock)


async def test_a_new_key_is_ours_and_then_leads_to_its_call(keys: PostgresIdempotencyKeys) -> None:
    assert await keys.reserve("crm", "k", b"request") is None
    await keys.settle("crm", "k", "call-1")
    assert await keys.reserve("crm", "k", b"request") == "call-1"
    assert await keys.reserve("crm", "k", b"request") == "call-1"


async def test_a_key_used_for_another_request_is_refused(keys: PostgresIdempotencyKeys) -> None:
    await keys.reserve("crm", "k", b"request")
    await keys.settle("crm", "k", "call-1")
    with pytest.raises(KeyReused, match="another request"):
        await keys.reserve("crm", "k", b"other")


async def test_the_same_key_of_another_owner_is_another_key(keys: PostgresIdempotencyKeys) -> None:
    await keys.reserve("crm", "k", b"request")
    await keys.settle("crm", "k", "call-1")
    assert await keys.reserve("helpdesk", "k", b"other") is None


async def test_a_request_still_under_way_refuses_its_repetition(keys: PostgresIdempotencyKeys) -> None:
    await keys.reserve("crm", "k", b"request")
    with pytest.raises(KeyReused, match="still under way"):
        await keys.reserve("crm", "k", b"request")


async def test_of_many_at_once_one_reserves(keys: PostgresIdempotencyKeys) -> None:
    results = await asyncio.gather(*(keys.reserve("crm", "k", b"request") for _ in range(50)), return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, KeyReused) for result in results) == 49


async def test_a_released_key_may_be_used_again(keys: PostgresIdempotencyKeys) -> None:
    await keys.reserve("crm", "k", b"request")
    await keys.release("crm", "k")
    assert await keys.reserve("crm", "k", b"other") is None


async def test_a_settled_key_is_not_released(keys: PostgresIdempotencyKeys) -> None:
    await keys.reserve("crm", "k", b"request")
    await keys.settle("crm", "k", "call-1")
    await keys.release("crm", "k")
    assert await keys.reserve("crm", "k", b"request") == "call-1"


async def test_a_reservation_left_by_a_crash_is_taken_over_after_a_minute(
    keys: PostgresIdempotencyKeys, clock: Clock
) -> None:
    await keys.reserve("crm", "k", b"request")
    clock.now += ABANDONED - 1
    with pytest.raises(KeyReused):
        await keys.reserve("crm", "k", b"request")
    clock.now += 1
    assert await keys.reserve("crm", "k", b"request") is None
    with pytest.raises(KeyReused):
        await keys.reserve("crm", "k", b"request")


async def test_a_key_is_remembered_for_24_hours_and_then_forgotten(
    keys: PostgresIdempotencyKeys, clock: Clock, pool: Pool
) -> None:
    await keys.reserve("crm", "k", b"request")
    await keys.settle("crm", "k", "call-1")
    clock.now += REMEMBERED - 1
    assert await keys.reserve("crm", "k", b"request") == "call-1"
    clock.now += 1
    assert await keys.reserve("crm", "other", b"request") is None
    assert await pool.fetchval("select count(*) from idempotency_keys") == 2
    assert await keys.reserve("crm", "k", b"other") is None


async def test_forgotten_keys_leave_the_table(keys: PostgresIdempotencyKeys, clock: Clock, pool: Pool) -> None:
    for number in range(10):
        await keys.reserve("crm", f"k{number}", b"request")
    clock.now += REMEMBERED + 3601
    await keys.reserve("crm", "new", b"request")
    assert await pool.fetchval("select count(*) from idempotency_keys") == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", "a\nb", "\udcff"])
async def test_a_key_that_is_none_is_malformed(keys: PostgresIdempotencyKeys, key: str) -> None:
    with pytest.raises(BadRequest):
        await keys.reserve("crm", key, b"request")


async def test_without_a_database_it_says_so(keys: PostgresIdempotencyKeys, pool: Pool) -> None:
    await pool.close()
    with pytest.raises(DatabaseUnreachable):
        await keys.reserve("crm", "k", b"request")
