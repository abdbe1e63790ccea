"""The columns of a CSV file are recognised as CRMs and address books name them."""

from __future__ import annotations

import pytest

from ctc_ari.contact_columns import FIELDS, LABELS, assign, delimiter_of
from ctc_ari.errors import ConfigError


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("id,name,phone", ["id", "name", "number"]),
        (
            "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Company name",
            ["id", "first_name", "last_name", "email", "number", "mobile", "company"],
        ),
        (
            "Given Name,Family Name,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Value,Organization Name",
            ["first_name", "last_name", "email", None, "number", "number", "company"],
        ),
        ("Full_Name,Home Phone,Business Phone,Fax", ["name", "home", "work", None]),
        ("Vorname,Nachname,Telefon,Handy,Firma", ["first_name", "last_name", "number", "mobile", "company"]),
        ('"CONTACT NAME" , tel.', ["name", "number"]),
    ],
)
def test_headers_are_recognised(header: str, fields: list[str | None]) -> None:
    assert list(assign(header, ",", {}).fields) == fields


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_judged_by_the_first_line(delimiter: str) -> None:
    assert delimiter_of(delimiter.join(['"Name, as printed"', "name", "phone", "a;b"])) == delimiter
    assert delimiter_of(delimiter.join(["x", "y", "z"])) == delimiter


def test_what_means_nothing_is_told() -> None:
    assert assign("name,phone,shoe size,", ",", {}).ignored == ["shoe size"]


def test_a_column_can_be_named() -> None:
    columns = assign("Wer,Durchwahl,Privat,phone", ",", {"Wer": "name", "Durchwahl": "number", "Privat": "number"})
    assert columns.fields == ("name", "number", "number", "number")
    #: What is named counts more than what is recognised.
    assert assign("name,phone,id", ",", {"id": "number"}).fields == ("name", "number", "number")


@pytest.mark.parametrize(
    ("header", "named", "message"),
    [
        ("phone,email", {}, "no column with a name; there are `phone`, `email`.*--column name="),
        ("name,email", {}, "no column with a number; .*--column number="),
        ("name,phone", {"Tel": "number"}, "no column is called `Tel`; there are `name`, `phone`"),
        ("", {}, "the first line is empty; it must name the columns"),
    ],
)
def test_a_header_that_does_not_say_enough_is_refused(header: str, named: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign(header, ",", named)


def test_every_kind_of_number_is_a_field() -> None:
    assert set(LABELS) < set(FIELDS)
