"""Erasing one customer: who that is, what goes, and what stays for the statistics. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
import phonenumbers

__all__ = ["Erased", "Erasures", "Traces"]

#: Shorter digits stand in too much that is no telephone number.
FEWEST_DIGITS = 5


class Erased(msgspec.Struct, frozen=True):
    """What an erasure did."""

    contacts: int = 0
    #: Of which it is no longer known with whom they were.
    calls: int = 0
    recordings: int = 0
    #: Asterisk's own, CDR and CEL, that named the customer.
    records: int = 0
    #: Messages to webhooks that named the customer.
    deliveries: int = 0

    def __add__(self, other: Erased) -> Erased:
        sums = (getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        return Erased(*sums)


class Erasures(Protocol):
    """Removes what is known of a customer; that there were calls, when, and how they went stays.

    Both methods raise Conflict while the customer is in a call, AsteriskUnreachable when recordings cannot be deleted
    now, DatabaseUnreachable. What was done until then stays done, and doing it again does the rest.
    """

    async def erase_contact(self, contact_id: str) -> Erased:
        """The contact, its calls, and those of its numbers that nobody else has. Raises ContactNotFound."""
        ...

    async def erase_number(self, number: str) -> Erased:
        """The calls of that number (as the log has it), and its contact.

        Raises Conflict when several contacts share it.
        """
        ...


class Traces:
    """How a customer may be named in a text: the digits of the numbers in any notation, and the name."""

    def __init__(self, numbers: Iterable[str], names: Iterable[str] = ()) -> None:
        self.digits = sorted({digits for number in numbers if len(digits := _bare(number)) >= FEWEST_DIGITS})
        self.names = frozenset(name for name in names if name)
        self._pattern = re.compile("|".join(self.digits) if self.digits else r"(?!)")

    @property
    def pattern(self) -> str:
        """A regular expression for PostgreSQL; without numbers it matches nothing."""
        return "|".join(self.digits) or "$.^"

    def names_in(self, text: str) -> bool:
        """Whether the text tells who it is."""
        return text in self.names or bool(self._pattern.search(text))

    def blank(self, document: Any) -> Any:
        """The JSON with every text emptied that tells who it is."""
        if isinstance(document, dict):
            return {key: self.blank(value) for key, value in document.items()}
        if isinstance(document, list):
            return [self.blank(value) for value in document]
        return "" if isinstance(document, str) and self.names_in(document) else document

    def blank_call(self, snapshot: dict[str, Any]) -> dict[str, Any]:
        """A call's snapshot without its customer."""
        blanked: dict[str, Any] = self.blank(snapshot)
        return blanked | {"number": "", "contact": None, "contact_by": None, "recordings": 0}


def _bare(number: str) -> str:
    """The digits that every notation of the number has in common: without country code and trunk prefix."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "".join(filter(str.isdigit, number))
    return str(parsed.national_number)
