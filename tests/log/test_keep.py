"""What the log says, given what is known now."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.log.keep import NOTHING_SECONDS, RECORDS_SECONDS, STRANGER_SECONDS, Known, Wait, checked, row_now
from ctc_ari.log.row import LogRow
from tests.calls.builders import CALL_ID, NOW, a_call_in
from tests.log.tape import HOUSE, tape
from tests.log.test_cdr import TALK

DONE = tape(TALK + "9.0 customer gone 16 by customer\n9.0 agent gone 16 by customer")
OVER = replace(
    a_call_in(Phase.ENDED), answered_at=NOW + 5, ended_at=NOW + 9, end_reason=EndReason.COMPLETED, ended_by="customer"
)


def test_a_stranger_is_given_time_to_be_written_by_a_service() -> None:
    known = Known("1750000000.9", cel=tape("0.0 phone starts\n1.0 phone gone 21", "1750000000.9"))
    assert isinstance(row_now(known, HOUSE, 0.0), Wait)
    row = row_now(known, HOUSE, STRANGER_SECONDS)
    assert isinstance(row, LogRow)
    assert row.source == "asterisk"


def test_a_part_of_another_call_is_no_call() -> None:
    assert row_now(Known("x", cel=DONE, elsewhere=True), HOUSE, 100.0) is None


def test_a_live_call_is_waited_for_as_long_as_it_takes() -> None:
    assert isinstance(row_now(Known(CALL_ID, [a_call_in(Phase.TALKING)], DONE), HOUSE, 1e6), Wait)


def test_a_call_that_the_service_saw_whole_is_as_the_service_says() -> None:
    row = row_now(Known(CALL_ID, [OVER], DONE), HOUSE, 0.0)
    assert isinstance(row, LogRow)
    assert (row.source, row.answered_at, row.ended_at) == ("service", NOW + 5, NOW + 9)


def test_an_interrupted_call_waits_for_asterisks_records_but_not_for_ever() -> None:
    lost = replace(OVER, interrupted=True, answered_at=None, end_reason=EndReason.LOST, ended_at=NOW + 30)
    assert isinstance(row_now(Known(CALL_ID, [lost], DONE[:-1]), HOUSE, 1.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [lost], DONE[:-1]), HOUSE, RECORDS_SECONDS), LogRow)
    assert isinstance(row_now(Known(CALL_ID, [lost]), HOUSE, 1.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [lost]), HOUSE, NOTHING_SECONDS), LogRow)
    row = row_now(Known(CALL_ID, [lost], DONE), HOUSE, 1.0)
    assert isinstance(row, LogRow)
    assert (row.disposition, row.talk_seconds, row.ended_at) == ("answered", 4.0, NOW + 9)


def test_a_row_is_held_against_complete_records_only() -> None:
    known = Known(CALL_ID, [OVER], DONE)
    row = row_now(known, HOUSE, 0.0)
    assert isinstance(row, LogRow)
    late = replace(row, ended_at=row.ended_at + 1)
    assert checked(late, known, HOUSE).ended_at == NOW + 9
    assert checked(late, Known(CALL_ID, [OVER], DONE[:-1]), HOUSE) is late
