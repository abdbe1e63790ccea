"""Numbers: every usual spelling becomes E.164; everything else is one of two errors."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctc_ari.calls.numbers import NumberPolicy, mask
from ctc_ari.config import Numbers
from ctc_ari.errors import InvalidNumber, NumberBlocked

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def policy(region: str, *more: str) -> NumberPolicy:
    return NumberPolicy(Numbers(default_region=region, allowed_regions=(region, *more)))


GB = policy("GB")
EVERYWHERE = policy("GB", "DE", "US", "FR", "IT")


SPELLINGS = {
    ("GB", "+442079460018"): [
        "+442079460018",
        "02079460018",
        "020 7946 0018",
        "(020) 7946 0018",
        "020-7946-0018",
        "020.7946.0018",
        "020/7946/0018",
        "+44 20 7946 0018",
        "+44 (0)20 7946 0018",
        "+44 (0) 20 7946-0018",
        "+44 [0] 20 7946 0018",
        "+44 020 7946 0018",
        "(+44) 20 7946 0018",
        "0044 20 7946 0018",
        "00 44 (0)20 7946 0018",
        "  +44 20 7946 0018  ",
        "tel:+44-20-7946-0018",
        "TEL:02079460018",
        "tel://+442079460018",
        "tel:+44-20-7946-0018;ext=12",
        "020 7946 0018 ext 5",
        "020 7946 0018 ext. 512",
        "020 7946 0018 Extension 5",
        "020 7946 0018x5",
        "020 7946 0018 X 5",
        "\u202a+44 20 7946 0018\u202c",
        "\u202d020 7946 0018\u202c",
        "\u2066+442079460018\u2069",
        "\ufeff02079460018\u200b",
        "020\u00a07946\u00a00018",
        "020\u202f7946\u20090018",
        "020\u20107946\u20110018",
        "020\u20137946\u20140018",
        "020\u22127946\uff0d0018",
        "020\u00ad7946\u00ad0018",
        "\uff0b\uff14\uff14 \uff12\uff10 \uff17\uff19\uff14\uff16 \uff10\uff10\uff11\uff18",
        "\uff08\uff10\uff12\uff10\uff097946\u30000018",
        "٠٢٠٧٩٤٦٠٠١٨",
        "०२०७९४६००१८",
    ],
    ("DE", "+4930901820"): [
        "030 901820",
        "030/901820",
        "(030) 90 18 20",
        "030 - 90 18 20",
        "+49 30 901820",
        "+49 (0)30 901820",
        "+49 (0) 30 / 90 18 20",
        "0049 30 901820",
    ],
    ("US", "+12025550123"): [
        "(202) 555-0123",
        "202-555-0123",
        "202.555.0123",
        "1-202-555-0123",
        "+1 (202) 555-0123",
        "+1 (0) 202 555 0123",
        "011 1 202 555 0123",
        "001 202 555 0123",
        "202-555-0123 x77",
    ],
    ("FR", "+33142685300"): [
        "01 42 68 53 00",
        "01.42.68.53.00",
        "+33 1 42 68 53 00",
        "+33 (0)1 42 68 53 00",
        "0033 1 42 68 53 00",
        "01\u00a042\u00a068\u00a053\u00a000",
    ],
    ("IT", "+390636001234"): [
        "06 3600 1234",
        "06/36001234",
        "+39 06 3600 1234",
        "+39 (0)6 3600 1234",
        "0039 06 36001234",
    ],
    ("IT", "+393331234567"): ["333 1234567", "+39 333 123 4567", "+39 (0) 333 1234567"],
}


@pytest.mark.parametrize(
    ("region", "spelling", "expected"),
    [(region, spelling, number) for (region, number), spellings in SPELLINGS.items() for spelling in spellings],
)
def test_every_usual_spelling_becomes_e164(region: str, spelling: str, expected: str) -> None:
    assert policy(region).normalise(spelling) == expected


@pytest.mark.parametrize("last_two", range(0, 100, 7))
def test_fictional_london_numbers_can_be_called(last_two: int) -> None:
    assert GB.normalise(f"020 7946 00{last_two:02d}") == f"+44207946 00{last_two:02d}".replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "()",
        "++442079460018",
        "4+42079460018",
        "+44207946001",
        "+4420794600180",
        "0207",
        "12",
        "+999123456789",
        "+442079460018+",
        "anna",
        "1-800-FLOWERS",
        "tel:",
        "ext 5",
        "x5",
        "1" * 65,
        "+442079460018@evil.example",
        "1@agent/sip:evil@host",
        "sip:+442079460018@host",
        "02079460018&PJSIP/evil",
        "02079460018,5",
        "02079460018;phone-context=example.com",
        "02079460018;isub=1",
        "02079460018\r\nX-Evil: 1",
        "02079460018\n",
        "\t02079460018",
        "02079460018\x00",
        "0207946001'8",
        '0207946001"8',
        "0207946001\\8",
        "${EXTEN}",
        "02079460018#",
        "*#06#",
        "0207946001²",
        "\u202e8100649702 0",
        "\ud800",
        "02079460018<script>",
        "020 7946 0018 ext 123456789",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidNumber):
        GB.normalise(text)


@pytest.mark.parametrize(
    "text",
    [
        "999",
        "112",
        "9 9 9",
        "0999",
        "+44999",
        "+44 112",
        "+44 (0)999",
        "0044999",
        "9991",
        "999 ext 5",
        "tel:112",
        "٩٩٩",
    ],
)
def test_emergency_numbers_are_refused_in_every_disguise(text: str) -> None:
    with pytest.raises(NumberBlocked, match="Emergency"):
        GB.normalise(text)


@pytest.mark.parametrize("text", ["911", "110", "+49110", "+1 911", "+1 999", "+33 15", "118", "15"])
def test_emergency_numbers_of_every_allowed_region_are_refused(text: str) -> None:
    with pytest.raises(NumberBlocked, match="Emergency"):
        EVERYWHERE.normalise(text)


def test_emergency_numbers_are_refused_even_if_unknown_types_are_allowed() -> None:
    lenient = NumberPolicy(Numbers(blocked_types=()))
    for text in ("999", "+44999", "+44112", "9991234567"):
        with pytest.raises(NumberBlocked, match="Emergency"):
            lenient.normalise(text)


def test_french_number_that_begins_like_an_emergency_number_can_be_called() -> None:
    assert policy("FR").normalise("01 12 34 56 78") == "+33112345678"


@pytest.mark.parametrize("text", ["+4930901820", "0049 30 901820", "+12025550123", "+44 1481 234567", "+8001234567890"])
def test_numbers_of_regions_that_are_not_allowed_are_blocked(text: str) -> None:
    with pytest.raises(NumberBlocked, match="country or region"):
        GB.normalise(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("+44 909 8790879", "premium rate"), ("+49 180 5012345", "shared cost"), ("+44 70 1234 5678", "personal number")],
)
def test_blocked_types_are_refused_by_name(text: str, kind: str) -> None:
    with pytest.raises(NumberBlocked, match=kind):
        EVERYWHERE.normalise(text)


def test_a_type_can_be_unblocked() -> None:
    assert NumberPolicy(Numbers(blocked_types=())).normalise("0909 8790879") == "+449098790879"


def test_a_number_that_no_plan_knows_yet_passes_only_if_unknown_is_not_blocked() -> None:
    lenient = NumberPolicy(Numbers(blocked_types=()))
    unassigned = "+44 26 0000 0000"
    with pytest.raises(InvalidNumber, match="in use"):
        GB.normalise(unassigned)
    assert lenient.normalise(unassigned) == "+442600000000"
    for impossible in ("+44 26 0000", "+44 26 0000 0000 00"):
        with pytest.raises(InvalidNumber):
            lenient.normalise(impossible)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+44207946", "too few"),
        ("+442079460018123", "too many"),
        ("+999123456", "code"),
        ("02079460018@host", "character"),
        ("x02079460018", "letters or signs"),
        ("--", "no digits"),
        ("0" * 65, "too long"),
    ],
)
def test_the_message_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidNumber, match=reason) as caught:
        GB.normalise(text)
    assert text not in caught.value.message


#: Text built from what numbers are made of comes closer to the edges than any text does.
NEARLY_NUMBERS = st.text(
    st.sampled_from("0123456789012345678900+ -()./xext;=:#*,@&\u00a0\u202a\uff10٣telTEL"), max_size=40
)


@settings(max_examples=1500, deadline=None)
@given(st.one_of(st.text(max_size=80), NEARLY_NUMBERS, st.from_regex(r"(\+|00)?[0-9]{1,17}", fullmatch=True)))
@example("+44 (0)20 7946 0018")
@example("1@agent/sip:evil@host")
def test_any_text_gives_e164_or_one_of_two_errors(text: str) -> None:
    for each in (GB, EVERYWHERE, LENIENT):
        try:
            number = each.normalise(text)
        except (InvalidNumber, NumberBlocked):
            continue
        assert E164.fullmatch(number)
        assert each.normalise(number) == number


LENIENT = NumberPolicy(Numbers(default_region="US", allowed_regions=("US", "GB", "DE", "JP"), blocked_types=()))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["+442079460018", "02079460018", "+44 (0)20 7946 0018"]),
    st.integers(0, 20),
    st.characters(categories=["Cc", "Cs", "L", "S", "P", "Z", "M"], exclude_characters=" +-./()[]:;="),
)
def test_no_foreign_character_survives_anywhere(spelling: str, place: int, character: str) -> None:
    try:
        number = GB.normalise(spelling[:place] + character + spelling[place:])
    except (InvalidNumber, NumberBlocked):
        return
    assert E164.fullmatch(number)


def test_the_first_click_loads_nothing() -> None:
    program = """
import sys
from ctc_ari.calls.numbers import NumberPolicy
from ctc_ari.config import Numbers
policy = NumberPolicy(Numbers(allowed_regions=("GB", "DE")))
before = set(sys.modules)
for text in ("020 7946 0018", "+4930901820", "999", "+49 112", "nonsense", "+44 26 0000 0000"):
    try:
        policy.normalise(text)
    except Exception:
        pass
print(sorted(set(sys.modules) - before))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_no_click_pays_much() -> None:
    fresh = policy("GB")
    spent = []
    for last in range(1000):
        before = time.perf_counter()
        fresh.normalise(f"+44 (0)20 7946 {last:04d}")
        spent.append(time.perf_counter() - before)
    #: Measured 40 µs; the bound leaves room for a busy machine.
    assert sorted(spent)[500] < 0.0003


def test_logs_show_only_the_last_four_digits() -> None:
    assert mask("+442079460018") == "***0018"
    assert mask("999") == "***"
