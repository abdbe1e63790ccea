"""Two records of one call: who and why from the engine, when from Asterisk."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ctc_ari.calls.model import Contact, EndReason
from ctc_ari.log.merge import completed_by, corrected_by, kept, same
from ctc_ari.log.row import Disposition, LogAgent, LogRow, LogTransfer
from tests.calls.builders import NOW

ENGINE = LogRow(
    id="c",
    linkedid="l",
    direction="outbound",
    agents=(LogAgent("a@example.com"),),
    agent_email="a@example.com",
    end_reason=EndReason.CANCELLED,
    ended_by="api",
    started_at=NOW,
    ended_at=NOW + 9,
    disposition=Disposition.CANCELLED,
)


def talked(**changes: Any) -> LogRow:
    """As Asterisk saw it."""
    row = replace(
        ENGINE,
        end_reason=EndReason.COMPLETED,
        answered_at=NOW + 2,
        ended_at=NOW + 6,
        talk_seconds=4.0,
        disposition=Disposition.ANSWERED,
    )
    return replace(row, **changes)


def test_a_conversation_that_the_service_missed_is_answered_and_as_long_as_it_was() -> None:
    row = completed_by(ENGINE, talked())
    assert (row.disposition, row.end_reason, row.talk_seconds) == ("answered", "completed", 4.0)
    assert row.agents[0].talked


@pytest.mark.parametrize(
    ("engine", "asterisk", "reason"),
    [
        ("cancelled", "customer_busy", "customer_busy"),
        ("agent_hangup", "cancelled", "agent_hangup"),
        ("lost", "customer_no_answer", "customer_no_answer"),
        ("lost", "cancelled", "cancelled"),
        ("lost", "lost", "lost"),
    ],
)
def test_what_a_phone_answered_counts_for_more_than_that_we_gave_up(engine: str, asterisk: str, reason: str) -> None:
    seen = replace(ENGINE, end_reason=EndReason(asterisk))
    assert completed_by(replace(ENGINE, end_reason=EndReason(engine)), seen).end_reason == reason


def test_times_are_asterisks_and_who_it_was_for_is_what_the_engine_knows() -> None:
    engine = talked(end_reason=EndReason.COMPLETED)
    later = corrected_by(engine, replace(engine, ended_at=engine.ended_at + 0.02, talk_seconds=4.02, ended_by="system"))
    assert (later.talk_seconds, later.ended_at, later.ended_by) == (4.02, engine.ended_at + 0.02, "api")
    assert corrected_by(ENGINE, talked()).disposition == "answered"


def test_a_phone_that_hung_up_was_first() -> None:
    engine = talked()
    assert corrected_by(engine, replace(engine, ended_by="customer")).ended_by == "customer"


def test_a_conversation_that_the_engine_heard_is_one_even_if_the_records_have_a_hole() -> None:
    engine = talked()
    assert corrected_by(engine, ENGINE) == engine
    assert completed_by(engine, ENGINE) == engine


def test_a_transfer_that_the_engine_forgot_and_whom_it_reached_come_from_asterisk() -> None:
    known = LogTransfer(id="t1", mode="blind", to="1002", by="api", state="cancelled", started_at=NOW + 3)
    seen = replace(known, state="completed")
    other = replace(known, id="t2", state="failed", reason="busy", started_at=NOW + 4)
    bob = LogAgent("b@example.com", talked=True)
    row = completed_by(replace(talked(), transfers=(known,)), talked(transfers=(seen, other), agents=(bob,)))
    assert row.transfers == (seen, other)
    assert [(agent.email, agent.talked) for agent in row.agents] == [("a@example.com", False), (bob.email, True)]


def test_what_people_wrote_stays_and_what_was_right_is_the_same_row() -> None:
    old = talked(notes="called back", outcome="sold", contact=Contact("x", "X"), contact_by="person")
    assert kept(talked(ended_at=NOW + 6.05), old) is old
    new = kept(talked(ended_at=NOW + 8), old)
    assert (new.notes, new.contact_by, new.ended_at) == ("called back", "person", NOW + 8)
    assert same(old, replace(old, ended_at=old.ended_at + 0.09))
    assert not same(old, replace(old, number="+4420"))
