"""Lines of Asterisk's record files."""

from __future__ import annotations

import pytest

from ctc_ari.log.records import (
    CdrRow,
    CelRow,
    Refused,
    cdr_of_line,
    cel_of_line,
    fields_of,
    is_party,
    kind_of,
    records_of,
)

CEL = ["ANSWER", "1750000001.250000", "Ann", "1001", "", "s", "c", "PJSIP/1001-1", "", "", "", "u", "l", "", "", "{}"]
CDR = ["", "1001", "s", "from-phones", '"Ann" <1001>', "PJSIP/1001-1", "PJSIP/trunk-2", "Stasis", "ctc"]
CDR += ["2025-06-15 15:06:40", "2025-06-15 15:06:42", "2025-06-15 15:06:45", "5", "3", "ANSWERED", "DOCUMENTATION"]
MORE = ["u", "", "", "l", "7"]


def test_a_line_of_cel() -> None:
    row = cel_of_line(CEL)
    assert (row.eventtype, row.eventtime, row.uniqueid, row.linkedid) == ("ANSWER", 1750000001.25, "u", "l")


def test_a_line_of_cdr_with_all_columns() -> None:
    row = cdr_of_line([*CDR, *MORE])
    assert (row.start, row.answer, row.end) == (1750000000.0, 1750000002.0, 1750000005.0)
    assert (row.uniqueid, row.linkedid, row.sequence, row.duration) == ("u", "l", 7, 5.0)


def test_a_channel_that_ended_as_it_was_answered_was_billed_for_less_than_nothing() -> None:
    assert cdr_of_line([*CDR[:13], "-1", *CDR[14:], *MORE]).billsec == -1.0


def test_without_the_newer_columns_a_record_stands_for_itself() -> None:
    row = cdr_of_line([*CDR[:10], "", *CDR[11:], "u", ""])
    assert (row.linkedid, row.answer) == ("u", 0.0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (CDR, "loguniqueid"),
        (["x"], "1 columns"),
        ([*CDR[:9], "soon", *CDR[10:], *MORE], "not a time"),
        ([*CDR, "u", "", "", "l", "many"], "numbers"),
        ([*CDR, "", "", "", "l", "1"], "uniqueid"),
        ([*CDR, "u", "", "", "l", "99999999999"], "numbers"),
        ([*CDR[:12], "nan", *CDR[13:], *MORE], "numbers"),
        ([*CDR, "u" * 3000, "", "", "l", "1"], "uniqueid"),
        ([*CDR[:9], "2025-06-99 15:06:40", *CDR[10:], *MORE], "not a time"),
        ([*CDR[:9], "0000-00-00 00:00:00", *CDR[10:], *MORE], "not a time"),
    ],
)
def test_a_line_that_is_no_record_says_what_is_wrong(line: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cdr_of_line(line)


@pytest.mark.parametrize("time", ["soon", "nan", "inf", "1e308", "-5"])
def test_an_event_at_a_time_that_the_database_cannot_hold_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="time in Unix seconds"):
        cel_of_line([CEL[0], time, *CEL[2:]])


def test_a_line_stands_for_itself_whatever_is_open_in_it() -> None:
    assert fields_of(b'"a","b ""c""","d\xff"\r\n') == ["a", 'b "c"', "d\ufffd"]
    assert fields_of(b'"a","half a fie\n') == ["a", "half a fie"]
    assert fields_of(b'"' + b"a" * 200_000) == [""]
    assert fields_of(b"\n") == []


def test_what_a_file_holds_is_told_by_whole_lines() -> None:
    assert [kind_of(CEL), kind_of([*CDR, *MORE]), kind_of(CEL[3:])] == ["cel", "cdr", None]
    assert kind_of(["SALES", *CDR[1:], *MORE]) == "cdr", "an account code"


def test_records_and_refused_lines_come_in_order() -> None:
    found = list(records_of([CEL, [], ["x"], CEL], "cel"))
    assert [type(each) for each in found] == [CelRow, Refused, CelRow]
    assert found[1] == Refused(3, "1 columns instead of 16")
    assert isinstance(next(records_of([[*CDR, *MORE]], "cdr")), CdrRow)


def test_nobody_is_at_the_end_of_asterisks_own_channels() -> None:
    assert is_party("PJSIP/1001-1")
    assert not any(map(is_party, ("Snoop/x-1", "Recorder/ARI-1;2", "PJSIP/carrier-1")))
