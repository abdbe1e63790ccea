"""Lines of Asterisk's record files."""

from __future__ import annotations

import pytest

from ctc_ari.log.records import CdrRow, CelRow, Refused, cdr_of_line, cel_of_line, is_party, records_of

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
    ],
)
def test_a_line_that_is_no_record_says_what_is_wrong(line: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cdr_of_line(line)


def test_records_and_refused_lines_come_in_order() -> None:
    found = list(records_of([CEL, [], ["x"], CEL], "cel"))
    assert [type(each) for each in found] == [CelRow, Refused, CelRow]
    assert found[1] == Refused(3, "1 columns instead of 16")
    assert isinstance(next(records_of([[*CDR, *MORE]], "cdr")), CdrRow)


def test_nobody_is_at_the_end_of_asterisks_own_channels() -> None:
    assert is_party("PJSIP/1001-1")
    assert not any(map(is_party, ("Snoop/x-1", "Recorder/ARI-1;2", "PJSIP/carrier-1")))
