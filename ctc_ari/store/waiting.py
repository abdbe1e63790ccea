"""What waits in the database: for receivers, and for the call log."""

from __future__ import annotations

from ctc_ari.store.pool import Pool, acquire
from ctc_ari.vitals import Backlog

__all__ = ["PostgresBacklog"]

_READ = """
    with waiting as (
        select count(*) as number, min(created_at) as oldest from webhook_deliveries d
        where state = 'pending'
            and exists (select from webhooks where webhooks.id = d.webhook_id and enabled)
    ), due as (select count(*) as number, min(since) as oldest from log_due)
    select waiting.number as deliveries, due.number as log,
        coalesce(extract(epoch from now() - waiting.oldest), 0)::float8 as deliveries_age,
        coalesce(extract(epoch from now() - due.oldest), 0)::float8 as log_age
    from waiting, due
"""


class PostgresBacklog:
    """Implements `ctc_ari.vitals.BacklogStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self) -> Backlog:
        """Now. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            row = await connection.fetchrow(_READ)
        assert row is not None
        return Backlog(**row)
