"""What the log says, given what is known now."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.model import EndReason, Phase
from ctc_ari.log.keep import (
    LONGEST_CALL,
    NOTHING_SECONDS,
    RECORDS_SECONDS,
    STRANGER_SECONDS,
    Known,
    Wait,
    row_now,
)
from ctc_ari.log.row import LogRow
from tests.calls.builders import CALL_ID, NOW, a_call_in
from tests.log.tape import HOUSE, tape
from tests.log.test_cdr import TALK

DONE = tape(TALK + "9.0 customer gone 16 by customer\n9.0 agent gone 16 by customer\n9.0 agent last")
OVER = replace(
    a_call_in(Phase.ENDED), answered_at=NOW + 5, ended_at=NOW + 9, end_reason=EndReason.COMPLETED, ended_by="customer"
)


def test_a_stranger_is_given_time_to_be_written_by_a_service() -> None:
    known = Known("1750000000.9", cel=tape("0.0 phone starts\n1.0 phone gone 21\n1.0 phone last", "1750000000.9"))
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


def test_a_call_past_the_service_that_goes_on_has_no_row_yet() -> None:
    cel = tape("0.0 phone starts\n0.1 far starts\n1.0 far gone 16", "1750000000.9")
    assert isinstance(row_now(Known("1750000000.9", cel=cel), HOUSE, RECORDS_SECONDS), Wait)
    assert isinstance(row_now(Known("1750000000.9", cel=cel), HOUSE, LONGEST_CALL), LogRow)


def test_an_interrupted_call_waits_for_asterisks_records_but_not_for_ever() -> None:
    lost = replace(OVER, interrupted=True, answered_at=None, end_reason=EndReason.LOST, ended_at=NOW + 30)
    assert isinstance(row_now(Known(CALL_ID, [lost], DONE[:-2]), HOUSE, 1.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [lost], DONE[:-2]), HOUSE, RECORDS_SECONDS), LogRow)
    assert isinstance(row_now(Known(CALL_ID, [lost]), HOUSE, 1.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [lost]), HOUSE, NOTHING_SECONDS), LogRow)
    row = row_now(Known(CALL_ID, [lost], DONE), HOUSE, 1.0)
    assert isinstance(row, LogRow)
    assert (row.disposition, row.talk_seconds, row.ended_at) == ("answered", 4.0, NOW + 9)


def test_a_call_that_the_service_saw_whole_waits_for_them_too_because_its_row_is_told_once() -> None:
    assert isinstance(row_now(Known(CALL_ID, [OVER], DONE[:-2]), HOUSE, 1.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [OVER], DONE[:-1]), HOUSE, 1.0), Wait), "its last word is not there yet"
    late = replace(OVER, ended_at=NOW + 10)
    row = row_now(Known(CALL_ID, [late], DONE), HOUSE, 0.0)
    assert isinstance(row, LogRow)
    assert row.ended_at == NOW + 9
    row = row_now(Known(CALL_ID, [late], DONE[:-2]), HOUSE, RECORDS_SECONDS)
    assert isinstance(row, LogRow)
    assert row.ended_at == NOW + 10, "half a record corrects nothing"


def test_records_that_may_have_a_hole_wait_until_the_file_was_read() -> None:
    assert isinstance(row_now(Known(CALL_ID, [OVER], DONE, read_to=NOW + 8.9), HOUSE, 100.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [OVER], DONE, read_to=NOW + 9), HOUSE, 0.0), LogRow)
    assert isinstance(row_now(Known(CALL_ID, [OVER], [], read_to=NOW + 9), HOUSE, 100.0), Wait)
    assert isinstance(row_now(Known(CALL_ID, [OVER], [], read_to=NOW + 20), HOUSE, 100.0), LogRow)
