"""A CSV file becomes contacts, line by line; what does not is told with its line."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pytest

from ctc_ari.calls.numbers import Spelling
from ctc_ari.contact_file import ContactFile, RefusedLine
from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.errors import ConfigError

HEADER = "id,name,phone,mobile,email,company,url\n"
WORK, MOBILE = ContactNumber("+442079460001"), ContactNumber("+447700900123", "mobile")


class Folder:
    """Where files are written and read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "contacts.csv"

    def open(self, content: str | bytes, **named: str) -> ContactFile:
        self._path.write_bytes(content.encode() if isinstance(content, str) else content)
        return ContactFile(self._path, Spelling("GB").spell, named)

    def read(self, content: str | bytes) -> list[ContactDetails | RefusedLine]:
        return list(self.open(content))

    def refused(self, content: str) -> list[tuple[int, int, str]]:
        return [(line.first, line.last, line.reason) for line in self.read(content) if isinstance(line, RefusedLine)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_line_is_a_contact(folder: Folder) -> None:
    line = "4711,Grace Hopper,020 7946 0001,+44 7700 900123,grace@example.com,Example Ltd,https://crm.example.com/1\n"
    assert folder.read(HEADER + line) == [
        ContactDetails(
            "4711",
            "Grace Hopper",
            (WORK, MOBILE),
            email="grace@example.com",
            company="Example Ltd",
            url="https://crm.example.com/1",
        )
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_kind_of_line_ending_and_a_byte_order_mark_are_read(folder: Folder, ending: str, mark: str) -> None:
    text = ending.join([f"{mark}name;phone", "Zoë;020 7946 0001", "", "Ada;+33142685300"])
    assert [line.name for line in folder.read(text) if isinstance(line, ContactDetails)] == ["Zoë", "Ada"]


def test_a_byte_order_mark_is_no_part_of_the_first_header(folder: Folder) -> None:
    assert folder.open("\ufeffWer,phone\n", Wer="name").columns.headers == ("Wer", "phone")


def test_names_are_put_together_and_a_company_is_a_name(folder: Folder) -> None:
    text = "First Name,Last Name,Company,Phone\nGrace,Hopper,Navy,1\n,Turing,,1\n,,Example Ltd,1\n".replace(
        ",1\n", ",02079460001\n"
    )
    assert [line.name for line in folder.read(text) if isinstance(line, ContactDetails)] == [
        "Grace Hopper",
        "Turing",
        "Example Ltd",
    ]


@pytest.mark.parametrize(
    "field",
    [
        "020 7946 0001, 07700 900123",
        "020 7946 0001;07700 900123;ext=5",
        "020 7946 0001 / 07700 900123",
        "'+442079460001\n'+447700900123",
        "020/7946/0001|0044 7700 900123|020 7946 0001",
        "020 7946 0001 ::: 07700 900123",
    ],
)
def test_one_field_may_hold_several_numbers(folder: Folder, field: str) -> None:
    (contact,) = folder.read(f'name,phone\nGrace,"{field}"\n')
    assert isinstance(contact, ContactDetails)
    assert [number.number for number in contact.numbers] == ["+442079460001", "+447700900123"]


def test_of_several_addresses_that_google_writes_into_one_field_the_first_is_kept(folder: Folder) -> None:
    (contact,) = folder.read(
        "Name,Phone 1 - Value,E-mail 1 - Value\nGrace,020 7946 0001,g@navy.example ::: g@home.example\n"
    )
    assert isinstance(contact, ContactDetails)
    assert contact.email == "g@navy.example"


@pytest.mark.parametrize("nothing", ["", " ", "-", "n/a", "None", "NULL"])
def test_what_stands_for_nothing_is_nothing(folder: Folder, nothing: str) -> None:
    (contact,) = folder.read(HEADER + ",".join(["1", "Grace", nothing, nothing, nothing, nothing, nothing]))
    assert contact == ContactDetails("1", "Grace")


def test_without_an_id_the_same_line_is_always_the_same_contact(folder: Folder) -> None:
    spellings = [
        "Grace Hopper,020 7946 0001,a@example.com",
        " grace  HOPPER ,+44 20 7946 0001,b@example.com",
        "Grace Hopper,07700 900123,a@example.com",
        "Ada Lovelace,020 7946 0001,a@example.com",
        "Grace Hopper,,a@example.com",
        "Grace Hopper,,A@EXAMPLE.COM",
    ]
    ids = [
        line.id for line in folder.read("\n".join(["name,phone,email", *spellings])) if isinstance(line, ContactDetails)
    ]
    assert ids[0] == ids[1]
    assert ids[4] == ids[5]
    assert len(set(ids)) == 4
    assert all(contact_id.startswith("csv-") for contact_id in ids)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,Grace,12,,,,", "phone: The number has too few digits"),
        ("1,Grace,020 7946 0001,anonymous,,,", "mobile: The number contains a character that no telephone number has"),
        ("1,Grace,4.42079E+11,,,,", "phone: The number contains letters or signs where only digits can stand"),
        ("1, ,020 7946 0001,,,,", "name: must not be empty"),
        ("1,Gr\x00ce,,,,,", "name: holds control or unreadable characters"),
        ("1,Grace,,,grace,,", "email: must be an e-mail address"),
        ("1,Grace,,,,,javascript:alert(1)", "url: must be an http or https address"),
        (f"{'1' * 129},Grace,,,,,", "id: must be 1 to 128 printable characters"),
        ("1,Grace,,,,,,x", "there are more fields than columns"),
        (f"1,{'x' * 9000},,,,,", "a quotation mark is missing, or a field is too long"),
    ],
)
def test_a_line_that_is_no_contact_is_told_with_its_reason(folder: Folder, line: str, reason: str) -> None:
    good = "2,Ada,020 7946 0002,,,,\n"
    lines = folder.read(f"{HEADER}{good}{line}\n{good}")
    assert [type(each) for each in lines] == [ContactDetails, RefusedLine, ContactDetails]
    refused = lines[1]
    assert isinstance(refused, RefusedLine)
    assert (refused.first, refused.last, refused.reason) == (3, 3, reason)


def test_a_record_over_several_lines_is_told_with_all_of_them(folder: Folder) -> None:
    assert folder.refused(f'{HEADER}1,"Grace\nHopper",12,,,,\n2,Ada,12,,,,\n') == [
        (2, 3, "phone: The number has too few digits"),
        (4, 4, "phone: The number has too few digits"),
    ]


def test_a_missing_quotation_mark_does_not_swallow_the_file(folder: Folder) -> None:
    good = "".join(f"{n},Ada {n},020 7946 0002,,,,\n" for n in range(2000))
    lines = folder.read(f'{HEADER}1,"Grace,1,,,,\n{good}')
    (refused,) = [line for line in lines if isinstance(line, RefusedLine)]
    assert "quotation mark" in refused.reason
    assert refused.first == 2
    assert len(lines) - 1 + refused.last - refused.first >= 1999


def test_the_refused_fields_are_kept_as_they_were(folder: Folder) -> None:
    (refused,) = folder.read(HEADER + '1,"Grace, Hopper",12,,,,\n')
    assert isinstance(refused, RefusedLine)
    assert refused.fields == ["1", "Grace, Hopper", "12", "", "", "", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,phone\nGrace,1\nZoë,2\n".encode("latin-1"), r"line 3 is not UTF-8; save it as `CSV UTF-8`.*iconv"),
        (b"name,phone\n" + b"Grace,1\n" * 200_000 + b"\xff", "line 200002 is not UTF-8"),
        (b"name,phone\nGrace,1\xc3", "line 2 is not UTF-8"),
        ("name,phone\n".encode("utf-16"), "is UTF-16; save it as `CSV UTF-8`"),
        (b"", "the first line is empty; it must name the columns"),
        (b"Grace,020 7946 0001\n", "no column with a name; there are `Grace`.*The first line must name the columns"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_before_anything_is_read(
    folder: Folder, content: bytes, message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"contacts\.csv: {message}"):
        folder.open(content)


def test_a_file_has_a_say_on_the_columns_it_has(folder: Folder) -> None:
    assert folder.open("name,mobile\n").says == {"name", "numbers"}
    assert folder.open(HEADER).says == {"name", "numbers", "email", "company", "url"}


def test_progress_is_told_in_bytes(folder: Folder) -> None:
    file = folder.open("name,phone\n" + "Grace,020 7946 0001\n" * 5000)
    seen = [file.done for _ in file]
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == file.size


def test_a_large_file_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        path = tmp_path / f"{lines}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("name", "phone"), *((f"Nr {n}", "020 7946 0001") for n in range(lines))])
        tracemalloc.start()
        try:
            assert sum(1 for _ in ContactFile(path, lambda _: "+442079460001", {})) == lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(15_000) < peak(1_000) + 2_000_000
