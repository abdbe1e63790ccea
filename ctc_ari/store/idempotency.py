"""Which call an Idempotency-Key led to, remembered for 24 hours."""

from __future__ import annotations

import time
from collections.abc import Callable

from ctc_ari.errors import BadRequest, KeyReused
from ctc_ari.store.pool import Pool, acquire

__all__ = ["PostgresIdempotencyKeys"]

#: Seconds a key is remembered (the contract), and seconds after which a key without a call was left by a crash.
REMEMBERED = 24 * 3600.0
ABANDONED = 60.0
#: Seconds between two sweeps of what is forgotten.
SWEEP_INTERVAL = 3600.0
LONGEST_KEY = 255

#: Takes a key that is new, forgotten or abandoned; gives no row when it is in use.
_RESERVE = """
    insert into idempotency_keys as known (owner, key, request, created_at) values ($1, $2, $3, to_timestamp($4))
    on conflict (owner, key) do update set request = excluded.request, call_id = null, created_at = excluded.created_at
    where known.created_at <= to_timestamp($5) or (known.call_id is null and known.created_at <= to_timestamp($6))
    returning true
"""


class PostgresIdempotencyKeys:
    """Implements `ctc_ari.directory.IdempotencyKeys`."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._clock = clock
        self._swept_at = 0.0

    async def reserve(self, owner: str, key: str, request: bytes) -> str | None:
        """None: the key is new and now ours. Otherwise the call id it led to.

        Raises KeyReused when the key was used for something else or its first request is still under way, BadRequest
        for a key that is none, DatabaseUnreachable.
        """
        if not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise BadRequest(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.")
        now = self._clock()
        async with acquire(self._pool) as connection:
            if now - self._swept_at > SWEEP_INTERVAL:
                self._swept_at = now
                await connection.execute(
                    "delete from idempotency_keys where created_at <= to_timestamp($1)", now - REMEMBERED
                )
            #: Again if the key was released between the two statements.
            for _ in range(3):
                if await connection.fetchval(_RESERVE, owner, key, request, now, now - REMEMBERED, now - ABANDONED):
                    return None
                row = await connection.fetchrow(
                    "select request, call_id from idempotency_keys where owner = $1 and key = $2", owner, key
                )
                if row is not None:
                    return _call_of(row["request"], row["call_id"], request)
        raise KeyReused("The first request with this Idempotency-Key is still under way; try again in a moment.")

    async def settle(self, owner: str, key: str, call_id: str) -> None:
        """The reserved key led to this call. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await connection.execute(
                "update idempotency_keys set call_id = $3 where owner = $1 and key = $2", owner, key, call_id
            )

    async def release(self, owner: str, key: str) -> None:
        """The reserved key led to nothing; it may be used again. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await connection.execute(
                "delete from idempotency_keys where owner = $1 and key = $2 and call_id is null", owner, key
            )


def _call_of(stored: bytes, call_id: str | None, request: bytes) -> str:
    if stored != request:
        raise KeyReused
    if call_id is None:
        raise KeyReused("The first request with this Idempotency-Key is still under way; try again in a moment.")
    return call_id
