"""Numbers that are kept, not dialled: one spelling each, and what a part of one means."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ctc_ari.calls.numbers import NumberPart, Spelling
from ctc_ari.errors import InvalidNumber, NumberBlocked
from tests.calls.test_numbers import EVERYWHERE, SPELLINGS

KEPT = Spelling("GB")


@pytest.mark.parametrize(("spellings", "number"), [(SPELLINGS["GB", "+442079460018"], "+442079460018")])
def test_every_spelling_of_a_number_is_kept_as_one(spellings: list[str], number: str) -> None:
    assert {KEPT.spell(spelling) for spelling in spellings} == {number}


@pytest.mark.parametrize(
    ("spelling", "number"),
    [
        ("+33 1 42 68 53 00", "+33142685300"),
        ("0033 1 42 68 53 00", "+33142685300"),
        ("0909 879 0123", "+449098790123"),
        ("+1 900 555 0123", "+19005550123"),
        ("+883 5100 123456", "+8835100123456"),
        ("00800 1234 5678", "+80012345678"),
        #: In no numbering plan that the library knows, but as long as one of them.
        ("+44 20 7946 001", "+44207946001"),
        ("07700 900123", "+447700900123"),
    ],
)
def test_numbers_that_may_not_be_called_are_kept(spelling: str, number: str) -> None:
    assert KEPT.spell(spelling) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "999",
        "112",
        "12345",
        "020 1234",
        "anonymous",
        "ext 5",
        "+999123456",
        "020794600180",
        "0" * 65,
    ],
)
def test_what_is_no_number_is_not_kept(text: str) -> None:
    with pytest.raises(InvalidNumber) as caught:
        KEPT.spell(text)
    assert not text or text not in caught.value.message


@given(st.text(st.sampled_from("0123456789+ ()-/.x"), max_size=20))
@example("+44 (0)20 7946 0018")
def test_whatever_may_be_dialled_is_kept_in_the_same_spelling(text: str) -> None:
    try:
        dialled = EVERYWHERE.normalise(text)
    except (InvalidNumber, NumberBlocked):
        return
    assert KEPT.spell(text) == dialled
    assert KEPT.spell(dialled) == dialled


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("020 79", NumberPart(("+02079", "+442079"), "02079")),
        ("4420", NumberPart(("+4420", "+444420"), "4420")),
        ("+44 (0)20", NumberPart(("+44020",), "44020")),
        ("+44 20", NumberPart(("+4420",), "4420")),
        ("0033 1", NumberPart(("+331",), "00331")),
        ("00 1", NumberPart(("+1",), "001")),
        ("12", None),
        ("00", None),
        ("Anna 0018", None),
        ("", None),
        ("+", None),
    ],
)
def test_a_part_of_a_number_means_its_beginning_or_its_end(text: str, part: NumberPart | None) -> None:
    assert KEPT.part(text) == part


def test_the_trunk_prefix_is_the_regions_own() -> None:
    parts = [Spelling(region).part(text) for region, text in (("RU", "8495"), ("IT", "0612"), ("US", "1212"))]
    assert [part.beginnings[1] for part in parts if part] == ["+7495", "+390612", "+1212"]
