"""The one spelling of numbers, E.164, and which of them may be dialled. Pure; libphonenumber knows the numbering plans.

Nothing but digits and one leading `+` ever reaches libphonenumber or leaves this module, so no input can name another
endpoint, host, header or dialplan extension.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec
import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
)
from phonenumbers.shortnumberinfo import connects_to_emergency_number

from ctc_ari.config import Numbers
from ctc_ari.errors import InvalidNumber, NumberBlocked

__all__ = ["E164", "NumberPart", "NumberPolicy", "Spelling", "mask"]

#: Every number that leaves this module.
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

#: A generous spelling of the longest number; longer text is not looked at.
LONGEST_TEXT = 64
CACHED_NUMBERS = 4096
#: The fewest digits of which a number is looked for by its beginning or end.
FEWEST_DIGITS = 3

#: What web pages and contact apps leave in copied numbers: zero-width characters, soft hyphens, direction marks.
#: U+202E (right-to-left override) is missing on purpose: it shows digits in another order than they are dialled.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u2060\u2066\u2067\u2068\u2069\ufeff"
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\ufe58\ufe63\uff0d"
#: Only in `tel:` and extensions; anywhere else they are refused.
_LETTERS = "TELtelXNSIOxnsio:;="

#: RFC 3966: the scheme of a telephone link.
_SCHEME = re.compile(r"\Atel:(?://)?", re.IGNORECASE)
#: An extension behind the number: `ext 5`, `ext. 5`, `extension 5`, `x5`, `;ext=5`.
_EXTENSION = re.compile(r"(?:;ext=|(?:extension|ext\.?|x) *)[0-9]{1,8}\Z", re.IGNORECASE)
#: The trunk zero as print shows it: +44 (0)20 …
_ZERO_IN_BRACKETS = re.compile(r"\( *0 *\)")
_DIGITS = re.compile(r"\+?[0-9]+")
_DIAL_ABROAD = "00"

_TYPES = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.UNKNOWN: "unknown",
}


class NumberPolicy:
    """Turns any usual spelling into E.164 and refuses what may not be called.

    An extension behind the number (`ext 5`, `x5`, `;ext=5`) is dropped: the customer's own switchboard would have to be
    told it after it answered.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._default_region = numbers.default_region
        self._allowed = frozenset(numbers.allowed_regions)
        self._blocked_types = frozenset(numbers.blocked_types)
        self._emergency_regions = tuple(sorted(self._allowed | {self._default_region}))
        #: Agents call the same people again, and a click is checked at the edge and in the desk.
        self.normalise: Callable[[str], str] = lru_cache(maxsize=CACHED_NUMBERS)(self._normalise)
        self._warm_up()

    def _normalise(self, text: str) -> str:
        """The number in E.164. Raises InvalidNumber, NumberBlocked; the messages never repeat the number."""
        digits, without_zero = _only_digits(text)
        wrong: PhoneNumber | None = None
        for spelling in _readings(digits, without_zero):
            number = self._parse(spelling)
            if number is None:
                continue
            kind = phonenumbers.number_type(number)
            if kind != PhoneNumberType.UNKNOWN:
                return self._permitted(number, kind)
            wrong = wrong or number
        self._refuse_emergency(digits, wrong)
        if wrong is not None and "unknown" not in self._blocked_types and _is_possible(wrong):
            return self._permitted(wrong, PhoneNumberType.UNKNOWN)
        raise _why_invalid(digits, wrong)

    def _parse(self, spelling: str) -> PhoneNumber | None:
        if spelling.startswith("+"):
            regions = _regions_of(spelling)
            if regions and not self._allowed.intersection(regions):
                #: Said before the region's numbering plan is loaded: a stranger's click must not cost us that.
                raise NumberBlocked("Calls to that country or region are not allowed here.")
        try:
            return phonenumbers.parse(spelling, self._default_region)
        except NumberParseException:
            return None

    def _permitted(self, number: PhoneNumber, kind: int) -> str:
        region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
            number.country_code or 0
        )
        if region not in self._allowed:
            raise NumberBlocked("Calls to that country or region are not allowed here.")
        name = _TYPES.get(kind, "unknown")
        if name in self._blocked_types:
            raise NumberBlocked(f"Calls to {name.replace('_', ' ')} numbers are not allowed here.")
        return _e164(number)

    def _refuse_emergency(self, digits: str, number: PhoneNumber | None) -> None:
        """Emergency numbers are none of any numbering plan: as dialled (999), or behind a country code (+44 999)."""
        dialled = [] if digits.startswith("+") else [digits]
        if number is not None:
            dialled.append(str(number.national_number))
        for short in dialled:
            if any(connects_to_emergency_number(short, region) for region in self._emergency_regions):
                raise NumberBlocked("Emergency numbers cannot be called from here; use a telephone.")

    def _warm_up(self) -> None:
        """Load the numbering plans now, so that no click waits for it."""
        for region in self._emergency_regions:
            example = phonenumbers.example_number(region)
            spelling = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164) if example else "+999"
            for text in (spelling, spelling + "0000000000", "999"):
                try:
                    self._normalise(text)
                except (InvalidNumber, NumberBlocked):
                    continue


class NumberPart(msgspec.Struct, frozen=True):
    """A number of which only the beginning or the end is known."""

    #: What it can begin with in E.164: one or two.
    beginnings: tuple[str, ...]
    #: Or else the digits at its end.
    ending: str


class Spelling:
    """The spelling of numbers that are kept, such as contacts'. Whether they may be dialled is another question."""

    def __init__(self, default_region: str) -> None:
        self._region = default_region
        self._country = f"+{phonenumbers.country_code_for_region(default_region)}"
        self._trunk_prefix = phonenumbers.ndd_prefix_for_region(default_region, strip_non_digits=True) or ""

    def spell(self, text: str) -> str:
        """The number in E.164; without a country code it is one of the default region. Raises InvalidNumber."""
        digits, without_zero = _only_digits(text)
        wrong: PhoneNumber | None = None
        possible: PhoneNumber | None = None
        for spelling in _readings(digits, without_zero):
            try:
                number = phonenumbers.parse(spelling, self._region)
            except NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                return _e164(number)
            wrong = wrong or number
            #: A zero that is still there is a trunk prefix before too few digits.
            whole = spelling.startswith("+") or not number.italian_leading_zero
            if possible is None and whole and _is_possible(number):
                possible = number
        if possible is None:
            raise _why_invalid(digits, wrong)
        #: Numbering plans grow faster than libraries: a number of the right length somebody may well have.
        return _e164(possible)

    def part(self, text: str) -> NumberPart | None:
        """What is meant when only a part of a number is typed; None if the text is no part of a number."""
        try:
            digits = _only_digits(text)[0]
        except InvalidNumber:
            return None
        bare = digits.removeprefix("+")
        if len(bare) < FEWEST_DIGITS:
            return None
        if digits.startswith("+"):
            return NumberPart((digits,), bare)
        if digits.startswith(_DIAL_ABROAD):
            return NumberPart(("+" + digits.removeprefix(_DIAL_ABROAD),), bare)
        #: One of the default region, or a country code whose `+` was not typed.
        return NumberPart(("+" + digits, self._country + digits.removeprefix(self._trunk_prefix)), bare)


def mask(number: str) -> str:
    """A number for the log: its last four characters."""
    return f"***{number[-4:]}" if len(number) > 4 else "***"


def _readings(digits: str, without_zero: str | None) -> Iterator[str]:
    """What the digits can mean, the likeliest first."""
    yield digits
    if without_zero is not None:
        yield without_zero
    if digits.startswith(_DIAL_ABROAD):
        yield "+" + digits.removeprefix(_DIAL_ABROAD)


def _e164(number: PhoneNumber) -> str:
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not E164.fullmatch(formatted):
        raise InvalidNumber
    return formatted


def _is_possible(number: PhoneNumber) -> bool:
    """Whether it has the length of a number that can be dialled from everywhere."""
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def _why_invalid(digits: str, number: PhoneNumber | None) -> InvalidNumber:
    if number is None:
        if digits.startswith("+") and _regions_of(digits) is None:
            return InvalidNumber("No country has the code that this number begins with.")
        return InvalidNumber("The number has too few or too many digits.")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return InvalidNumber("The number has too few digits.")
    if possible == ValidationResult.TOO_LONG:
        return InvalidNumber("The number has too many digits.")
    return InvalidNumber("No such number is in use in its country.")


def _regions_of(international: str) -> tuple[str, ...] | None:
    """The regions that share the country code after the `+`; None when there is no such code."""
    for length in (1, 2, 3):
        code = international[1 : 1 + length]
        if len(code) == length and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            return COUNTRY_CODE_TO_REGION_CODE[int(code)]
    return None


class _Plain(dict[int, str]):
    """The ASCII twin of each character that a spelling of a number may have; a table for `str.translate`."""

    def __missing__(self, code: int) -> str:
        digit = unicodedata.decimal(chr(code), None)
        if digit is None:
            raise InvalidNumber("The number contains a character that no telephone number has.")
        return str(digit)


_PLAIN = _Plain({ord(character): character for character in "0123456789" + _LETTERS})
for _twin, _characters in {
    "": _INVISIBLE,
    " ": _SPACES,
    "-": _DASHES,
    ".": ".\u00b7\u2024\u30fb\uff0e",
    "/": "/\u2044\uff0f",
    "(": "([\uff08",
    ")": ")]\uff09",
    "+": "+\ufe62\uff0b",
}.items():
    _PLAIN.update(dict.fromkeys(map(ord, _characters), _twin))
_WITHOUT_SEPARATORS = str.maketrans("", "", " -./()")


def _only_digits(text: str) -> tuple[str, str | None]:
    """The ASCII digits, with a leading `+` if there is one, and the same without a `(0)`, if there is one.

    Raises InvalidNumber for every character that no usual spelling of a number has.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidNumber("The number is too long.")
    plain = text.translate(_PLAIN).strip()
    plain = _EXTENSION.sub("", _SCHEME.sub("", plain, count=1))
    shorter = _ZERO_IN_BRACKETS.sub("", plain, count=1)
    return _join(plain), _join(shorter) if shorter != plain else None


def _join(plain: str) -> str:
    digits = plain.translate(_WITHOUT_SEPARATORS)
    if _DIGITS.fullmatch(digits):
        return digits
    if digits.strip("+"):
        raise InvalidNumber("The number contains letters or signs where only digits can stand.")
    raise InvalidNumber("The number has no digits.")
