"""`ctc-ari contact …`: importing a file, and erasing a customer."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.pool import open_pool
from tests.cli.shell import Shell

CONTACTS = """\ufeffRecord ID;Name;Phone Number;Mobile;E-mail;Notes
1;Grace Hopper;020 7946 0001;07700 900123;grace@example.com;x
2;Alan Turing;12;;;
3;Zoë;+33 1 42 68 53 00;;;
4;;020 7946 0004;;;
"""


async def test_contacts_are_imported_once_and_refused_lines_are_told(ctc: Shell, url: str) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    done = ctc("contact", "import", "people.csv", "--refused", "refused.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 added, 0 changed, 0 as they were, 2 refused",
        "  line 3: Phone Number: The number has too few digits",
        "  line 5: name: must not be empty",
    ]
    assert done.stderr.splitlines() == ["ignored columns: Notes", "4 lines, 100%"]
    assert (ctc.folder / "refused.csv").read_text(encoding="utf-8").splitlines() == [
        "line;reason;Record ID;Name;Phone Number;Mobile;E-mail;Notes",
        "3;Phone Number: The number has too few digits;2;Alan Turing;12;;;",
        "5;name: must not be empty;4;;020 7946 0004;;;",
    ]
    again = ctc("contact", "import", "people.csv")
    assert again.stdout.startswith("0 added, 0 changed, 2 as they were, 2 refused\n")
    assert "--refused FILE" in again.stderr
    pool = await open_pool(url)
    try:
        contacts = PostgresContacts(pool)
        (grace,) = await contacts.with_number("+447700900123")
        assert (grace.id, grace.numbers[1].label) == ("1", "mobile")
        assert [contact.name for contact in (await contacts.search([], None, after=None, limit=9)).contacts] == [
            "Grace Hopper",
            "Zoë",
        ]
    finally:
        await pool.close()


async def test_a_customer_is_erased_by_number_or_by_id(ctc: Shell, url: str) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    ctc("contact", "import", "people.csv")
    told = ctc.ok("contact", "erase", "--number", "(020) 7946-0001", "--yes")
    assert told.startswith("1 contacts, 0 recordings and 0 webhook messages deleted; 0 calls and 0 of Asterisk's")
    assert ctc.ok("contact", "erase", "3", "--yes").startswith("1 contacts")
    assert ctc.refused(1, "contact", "erase", "3", "--yes") == "There is no contact with that id."
    pool = await open_pool(url)
    try:
        assert await pool.fetchval("select count(*) from contacts") == 0
    finally:
        await pool.close()


@pytest.mark.parametrize("arguments", [(), ("3", "--number", "020 7946 0001")])
def test_one_customer_is_erased_at_a_time(plain: Shell, arguments: tuple[str, ...]) -> None:
    assert "Give a contact's id or --number" in plain.refused(2, "contact", "erase", *arguments, "--yes")


def test_nobody_is_erased_without_being_sure(ctc: Shell) -> None:
    assert ctc("contact", "erase", "3").returncode == 130


def test_what_was_refused_is_mended_and_imported(ctc: Shell) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    ctc.ok("contact", "import", "people.csv", "--refused", "refused.csv")
    refused = (ctc.folder / "refused.csv").read_text(encoding="utf-8")
    (ctc.folder / "mended.csv").write_text(refused.replace(";12;", ";020 7946 0003;").replace(";4;;", ";4;Ada;"))
    assert ctc.ok("contact", "import", "mended.csv") == "2 added, 0 changed, 0 as they were, 0 refused\n"


def test_more_refused_lines_than_one_can_read_are_counted_by_reason(ctc: Shell) -> None:
    lines = [f"Nr {n},{'12' if n % 2 else '020 7946 0001'}" for n in range(2500)]
    (ctc.folder / "people.csv").write_text("\n".join(["name,phone", *lines]))
    done = ctc("contact", "import", "people.csv")
    first, *told, counted = done.stdout.splitlines()
    assert first == "1,250 added, 0 changed, 0 as they were, 1,250 refused"
    assert (len(told), told[0]) == (10, "  line 3: phone: The number has too few digits")
    assert counted == "  1,250 times: phone: The number has too few digits"
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()[:-1]] == ["1,000", "2,000", "2,500"]


def test_an_import_that_is_interrupted_says_how_to_go_on(ctc: Shell) -> None:
    count = 40_000
    lines = [f"{n},Nr {n},020 7{n:07d}" for n in range(count)]
    (ctc.folder / "people.csv").write_text("\n".join(["id,name,phone", *lines]))
    command = [*ctc.command, "contact", "import", "people.csv"]
    with subprocess.Popen(
        command, cwd=ctc.folder, env=ctc.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as importing:
        assert importing.stderr is not None
        importing.stderr.readline()
        importing.send_signal(signal.SIGINT)
        _, said = importing.communicate(timeout=60)
    assert importing.returncode == 130
    done = re.search(r"stopped: ([0-9,]+) lines are done; import the file again for the rest", said)
    assert done is not None, said
    assert 0 < int(done[1].replace(",", "")) < count


def test_lines_that_are_one_contact_are_told(ctc: Shell) -> None:
    """The same customer number on several lines of a list is a customer with one name afterwards."""
    lines = [f"{n % 1200},Nr {n},020 7946 0001" for n in range(1203)]
    (ctc.folder / "people.csv").write_text("\n".join(["id,name,phone", *lines, "0,Last,020 7946 0001"]))
    first, repeated = ctc.ok("contact", "import", "people.csv").splitlines()
    assert first == "1,200 added, 3 changed, 0 as they were, 0 refused"
    assert repeated.startswith("  repeated lines: 4 (the same id, or without ids the same name and first number)")


def test_the_file_that_is_imported_is_not_overwritten_with_what_was_refused(ctc: Shell) -> None:
    (ctc.folder / "people.csv").write_text("name,phone\nGrace,12\n")
    refused = ctc.refused(2, "contact", "import", "people.csv", "--refused", f"../{ctc.folder.name}/people.csv")
    assert refused.startswith("--refused: that is the file that is imported; name another one")
    assert (ctc.folder / "people.csv").read_text() == "name,phone\nGrace,12\n"


def test_columns_delimiter_and_region_can_be_said(ctc: Shell) -> None:
    (ctc.folder / "people.csv").write_text("Wer~Durchwahl\nGrace~030 901820\n")
    said = ("--delimiter", "~", "--region", "DE", "--column", "name=Wer", "--column", "number=Durchwahl")
    assert ctc.ok("contact", "import", "people.csv", *said).startswith("1 added")


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        (b"name,phone\n", ("--region", "UK"), "--region: `UK` is not a region"),
        (b"name,phone\n", ("--delimiter", "ab"), "--delimiter: must be one character"),
        (b"name,phone\n", ("--column", "fax=x"), "--column: must be FIELD=HEADER, and FIELD one of id, name"),
        (b"name,phone\n", ("--column", "name=x"), "people.csv: no column is called `x`; there are `name`, `phone`"),
        (b"name,phone\n", ("--refused", "nowhere/x.csv"), "--refused: cannot write nowhere/x.csv"),
        (b"who,phone\n", (), "people.csv: no column with a name; there are `who`, `phone`"),
        (b"name,phone\nZo\xeb,1\n", (), "people.csv: line 2 is not UTF-8; save it as `CSV UTF-8`"),
        (None, (), "Invalid value for 'FILE': File 'people.csv' does not exist"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line(
    ctc: Shell, content: bytes | None, arguments: tuple[str, ...], expected: str
) -> None:
    if content is not None:
        (ctc.folder / "people.csv").write_bytes(content)
    assert ctc.refused(2, "contact", "import", "people.csv", *arguments).startswith(expected)
