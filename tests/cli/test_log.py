"""`ctc-ari cdr import` and `ctc-ari log rebuild`."""

from __future__ import annotations

from tests.cli.shell import ANNA, Shell

CDR_LINES = (
    '"","1003","+442079460001","from-phones","""Carol"" <1003>","PJSIP/1003-01","PJSIP/trunk-02","Dial","x",'
    '"2025-06-15 15:06:40","2025-06-15 15:06:42","2025-06-15 15:06:48",8,6,"ANSWERED","DOCUMENTATION",'
    '"1750000000.1","","","1750000000.1",1\n'
    '"","1003","1001","from-phones","""Carol"" <1003>","PJSIP/1003-03","PJSIP/1001-04","Dial","x",'
    '"2025-06-15 16:06:40","","2025-06-15 16:06:48",8,0,"NO ANSWER","DOCUMENTATION",'
    '"1750003600.1","","","1750003600.1",2\n'
    "not a record\n"
)


def test_records_of_another_asterisk_are_imported_once_and_their_calls_logged(ctc: Shell) -> None:
    ctc.ok(*ANNA)
    (ctc.folder / "Master.csv").write_text(CDR_LINES)
    assert ctc.ok("cdr", "import", "Master.csv").splitlines() == [
        "3 lines: 2 records added, 0 known, 1 refused",
        "  line 3: 1 columns instead of 18 or 21",
        "call log: 2 added, 0 corrected, 0 as they were",
    ]
    assert ctc.ok("cdr", "import", "Master.csv").splitlines()[0] == "3 lines: 0 records added, 2 known, 1 refused"
    assert ctc.ok("log", "rebuild", "--since", "2025-06-15", "--until", "2025-06-15T16:00") == (
        "call log: 0 added, 0 corrected, 1 as they were\n"
    )
    assert ctc.ok("log", "rebuild", "--since", "12h").startswith("call log: 0 added")


def test_what_was_cut_off_takes_no_other_record_with_it(ctc: Shell) -> None:
    first, second, _ = CDR_LINES.splitlines(keepends=True)
    (ctc.folder / "Master.csv").write_text(
        '"HANGUP' + first[20:] + first[:150] + "\n" + second.replace('"","1003"', '"SALES","1003"') + first[:-20]
    )
    assert ctc.ok("cdr", "import", "Master.csv").splitlines()[0] == "4 lines: 1 records added, 0 known, 3 refused"


def test_a_rebuild_says_which_times_it_understands(ctc: Shell) -> None:
    assert "2026-01-31" in ctc.refused(2, "log", "rebuild", "--since", "yesterday")
    assert "--since" in ctc.refused(2, "log", "rebuild")
    assert ctc.ok("log", "rebuild", "--since", "99999999999d").startswith("call log: 0 added")
