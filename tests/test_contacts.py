"""What a contact may hold."""

from __future__ import annotations

import msgspec
import pytest

from ctc_ari.calls.numbers import Spelling
from ctc_ari.contacts import ContactDetails, ContactNumber, check_contact, new_contact_id, spell_numbers
from ctc_ari.directory import ContactRecord
from ctc_ari.errors import BadRequest, InvalidNumber

SPELL = Spelling("GB").spell
GRACE = ContactDetails(
    "grace",
    "Grace Hopper",
    (ContactNumber("+442079460001", "work"),),
    email="grace@example.com",
    company="Example Ltd",
    url="https://crm.example.com/contacts/grace?tab=1",
    external={"crm_id": "4711"},
)


def test_a_contact_stays_as_it_is() -> None:
    assert check_contact(GRACE) == GRACE
    assert GRACE.record == ContactRecord("grace", "Grace Hopper", ("+442079460001",))


def test_white_space_is_put_in_order_and_what_is_empty_is_none() -> None:
    messy = ContactDetails(
        "grace",
        " Grace\u00a0 Hopper\n",
        (ContactNumber("+442079460001", " "),),
        email=" ",
        company="",
        url="\t",
        external={" crm_id ": " 47  11 "},
    )
    tidy = ContactDetails("grace", "Grace Hopper", (ContactNumber("+442079460001"),), external={"crm_id": "47 11"})
    assert check_contact(messy) == tidy


@pytest.mark.parametrize("name", ["علی‌رضا", "王小明", "👩‍👩‍👧", "O'Brien & Söhne <x>", "x" * 200])
def test_names_of_all_peoples_are_kept(name: str) -> None:
    assert check_contact(ContactDetails("1", name)).name == name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "x" * 129),
        ("id", "a\x00"),
        ("id", "a\nb"),
        ("id", ".."),
        ("id", " a"),
        ("name", ""),
        ("name", "\u00a0"),
        ("name", "x" * 201),
        ("name", "Grace\x00"),
        ("name", "Grace\x1b[0m"),
        ("name", "\ud800"),
        ("numbers", tuple(ContactNumber(f"+44207946{n:04}") for n in range(21))),
        ("email", "grace"),
        ("email", "a b@c"),
        ("email", "a@" + "b" * 300),
        ("company", "x" * 201),
        ("url", "javascript:alert(1)"),
        ("url", "//crm.example.com"),
        ("url", "https://a b"),
        ("url", "https://" + "x" * 2000),
        ("external", {str(n): "" for n in range(21)}),
        ("external", {"": "x"}),
        ("external", {"x" * 41: "x"}),
        ("external", {"x": "y" * 501}),
        ("external", {"x": "\x00"}),
    ],
)
def test_what_a_contact_may_not_hold_is_named(field: str, value: object) -> None:
    with pytest.raises(BadRequest, match=f"^{field}"):
        check_contact(msgspec.structs.replace(GRACE, **{field: value}))


def test_numbers_get_one_spelling_and_are_kept_once() -> None:
    given = [ContactNumber("020 7946 0001", "work"), ContactNumber("+33142685300"), ContactNumber("+442079460001", "x")]
    assert spell_numbers(given, SPELL) == (ContactNumber("+442079460001", "work"), ContactNumber("+33142685300"))


def test_the_number_that_is_wrong_is_named_and_not_repeated() -> None:
    with pytest.raises(InvalidNumber, match=r"^numbers\[1\]: The number has too few digits") as caught:
        spell_numbers([ContactNumber("020 7946 0001"), ContactNumber("12345")], SPELL)
    assert "12345" not in caught.value.message


def test_new_ids_are_all_different() -> None:
    assert len({new_contact_id() for _ in range(1000)}) == 1000
