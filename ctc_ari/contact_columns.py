"""Which column of a CSV file holds what: recognised by its header as CRMs and address books write it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ctc_ari.errors import ConfigError
from ctc_ari.words import words_of

__all__ = ["FIELDS", "LABELS", "Columns", "assign", "delimiter_of"]

DELIMITERS = ",;\t|"

#: Field -> its headers, letters only. Zammad, HubSpot, Salesforce, Outlook and Google write them like this.
_HEADERS = {
    "id": "id contactid recordid externalid customerid customernumber crmid kundennummer",
    "name": "name fullname displayname contactname customername contact customer ansprechpartner",
    "first_name": "firstname givenname forename first vorname",
    "last_name": "lastname surname familyname last nachname",
    "company": "company companyname organisation organization organisationname organizationname accountname firma",
    "email": "email emailaddress mail emailvalue",
    "url": "url link contacturl recordurl profileurl",
    "number": (
        "number phone phonenumber phonevalue telephone telephonenumber tel primaryphone mainphone companyphone "
        "otherphone telefon telefonnummer rufnummer"
    ),
    "mobile": "mobile mobilephone mobilenumber mobilephonenumber mobiletelephone cell cellphone handy mobil",
    "work": "work workphone worknumber businessphone businessnumber officephone",
    "home": "home homephone homenumber privatephone",
}
FIELDS = tuple(_HEADERS)
#: The fields that hold numbers, and the label that those numbers get.
LABELS: Mapping[str, str | None] = {"number": None, "mobile": "mobile", "work": "work", "home": "home"}

_KNOWN = {header: field for field, headers in _HEADERS.items() for header in headers.split()}


class Columns(msgspec.Struct, frozen=True):
    """The header of a file, and the field of each of its columns; None: nothing that we keep."""

    headers: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def ignored(self) -> list[str]:
        """The headers that mean nothing here."""
        return [header for header, field in zip(self.headers, self.fields, strict=True) if field is None and header]


def delimiter_of(line: str) -> str:
    """What separates the columns, judged by the first line: the more known headers, then the more columns."""

    def worth(delimiter: str) -> tuple[int, int]:
        headers = _parse(line, delimiter)
        return sum(_field_of(header) is not None for header in headers), len(headers)

    return max(DELIMITERS, key=worth)


def assign(line: str, delimiter: str, named: Mapping[str, str]) -> Columns:
    """The columns by their headers; `named` is header -> field, for what is not recognised.

    Raises ConfigError when a header that was named is missing, or when there is no column with a name or with a number.
    """
    headers = tuple(header.strip() for header in _parse(line, delimiter))
    if not any(headers):
        raise ConfigError("the first line is empty; it must name the columns, such as id,name,phone")
    for header in named:
        if header not in headers:
            raise ConfigError(f"no column is called `{header}`; there are {_list(headers)}")
    fields = tuple(named.get(header) or _field_of(header) for header in headers)
    found = set(fields)
    if not found & {"name", "first_name", "last_name", "company"}:
        raise ConfigError(
            f"no column with a name; there are {_list(headers)}. The first line must name the columns; "
            "if it does, say which one it is: --column name=HEADER"
        )
    if not found & LABELS.keys():
        raise ConfigError(
            f"no column with a number; there are {_list(headers)}. The first line must name the columns; "
            "if it does, say which one it is: --column number=HEADER"
        )
    return Columns(headers, fields)


def _parse(line: str, delimiter: str) -> Sequence[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _field_of(header: str) -> str | None:
    """`E-mail 1 - Value`, `E_MAIL` and `Email` are the same."""
    letters = "".join(character for character in "".join(words_of(header)) if not character.isdigit())
    return _KNOWN.get(letters)


def _list(headers: Iterable[str]) -> str:
    shown = [f"`{header[:40]}`" for header in headers if header.isprintable()][:20]
    return ", ".join(shown) or "none"
