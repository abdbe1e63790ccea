"""What the CRM said last, on real PostgreSQL."""

from __future__ import annotations

import pytest

from ctc_ari.calls.model import Contact
from ctc_ari.crm.cache import Memory, Remembered
from ctc_ari.store.crm_answers import PostgresCrmAnswers
from ctc_ari.store.pool import Pool

GRACE = Contact("4711", "Grace Hopper", email="grace@example.com", url="https://crm.example.com/4711")


@pytest.mark.parametrize("answer", [GRACE, None, Contact("1", '王小明 "O\'Brien"')])
async def test_what_is_kept_is_recalled_until_it_is_said_otherwise(pool: Pool, answer: Contact | None) -> None:
    memory: Memory = PostgresCrmAnswers(pool)
    contacts, agents = Remembered(memory, "contact", Contact), Remembered(memory, "agent", Contact)
    assert await contacts.recall("+442079460123") is None, "never asked"
    await contacts.keep("+442079460123", answer)
    assert await contacts.recall("+442079460123") == (answer,)
    assert await agents.recall("+442079460123") is None
    await contacts.keep("+442079460123", Contact("2", "Ada"))
    assert await contacts.recall("+442079460123") == (Contact("2", "Ada"),)


async def test_what_is_as_it_was_is_written_once_a_day(pool: Pool) -> None:
    memory = PostgresCrmAnswers(pool)
    version = "select xmin::text || answered_at from crm_answers"
    await memory.keep("contact", "+442079460123", b"null")
    before = await pool.fetchval(version)
    await memory.keep("contact", "+442079460123", b"null")
    assert await pool.fetchval(version) == before
    await pool.execute("update crm_answers set answered_at = answered_at - interval '25 hours'")
    await memory.keep("contact", "+442079460123", b"null")
    assert await pool.fetchval("select answered_at > now() - interval '1 minute' from crm_answers")
