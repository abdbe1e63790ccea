"""What the CRM answered last, as JSON; `null`: that there is nobody."""

from __future__ import annotations

from ctc_ari.store.pool import Pool, acquire

__all__ = ["PostgresCrmAnswers"]

#: What is as it was is written once a day, which says that it was asked for.
_KEEP = """
    insert into crm_answers (kind, key, answer) values ($1, $2, $3)
    on conflict (kind, key) do update set answer = excluded.answer, answered_at = now()
    where crm_answers.answer <> excluded.answer or crm_answers.answered_at < now() - interval '1 day'
"""


class PostgresCrmAnswers:
    """Implements `ctc_ari.crm.cache.Memory`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def recall(self, kind: str, key: str) -> bytes | None:
        """None: it was never asked, or never answered. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            answer: bytes | None = await connection.fetchval(
                "select answer from crm_answers where kind = $1 and key = $2", kind, key
            )
        return answer

    async def keep(self, kind: str, key: str, answer: bytes) -> None:
        """In place of what it was. Raises DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            await connection.execute(_KEEP, kind, key, answer)
