"""Contacts from a CSV file, line by line: what becomes a contact, and why the rest does not."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from ctc_ari.contact_columns import LABELS, Columns, assign, delimiter_of
from ctc_ari.contacts import ContactDetails, ContactNumber, check_contact, spell_numbers
from ctc_ari.errors import BadRequest, ConfigError, InvalidNumber
from ctc_ari.words import fold

__all__ = ["ContactFile", "RefusedLine"]

#: Characters of one field; one quotation mark too many must not swallow the rest of the file.
LONGEST_FIELD = 8192
_CHUNK = 1 << 20
#: What Google's exports have between several values of one kind.
_GOOGLES = ":::"
#: What stands between several numbers in one field; never within a number. RFC 3966 writes extensions as `;ext=`.
_BETWEEN_NUMBERS = re.compile(rf"[,|\n]|;(?!ext=)|\s/\s|{_GOOGLES}")
#: How exports say that there is nothing.
_NOTHING = frozenset({"", "-", "--", "n/a", "none", "null"})
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class RefusedLine(msgspec.Struct, frozen=True):
    """A line that is no contact, or several that belong to one record."""

    first: int
    last: int
    reason: str
    fields: Sequence[str]


class ContactFile:
    """A file that is read once, in constant memory; iterate over it.

    `spell` turns any spelling of a number into E.164, `named` is header -> field for what is not recognised. Raises
    ConfigError for a file that is no UTF-8, or whose header does not say what is what.
    """

    def __init__(
        self, path: Path, spell: Callable[[str], str], named: Mapping[str, str], delimiter: str | None = None
    ) -> None:
        self.path = path
        self._spell = spell
        #: Bytes read so far, of how many.
        self.done, self.size = 0, path.stat().st_size
        _check_encoding(path)
        with self._open() as file:
            header = file.readline()
        self.delimiter = delimiter or delimiter_of(header)
        try:
            self.columns: Columns = assign(header, self.delimiter, named)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.message}") from None

    @property
    def says(self) -> frozenset[str]:
        """The fields of a contact on which this file has a say."""
        fields = {"numbers" if field in LABELS else field for field in self.columns.fields if field}
        return frozenset(fields & {"numbers", "email", "company", "url"}) | {"name"}

    def __iter__(self) -> Iterator[ContactDetails | RefusedLine]:
        csv.field_size_limit(LONGEST_FIELD)
        with self._open() as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            next(reader)
            while True:
                first = reader.line_num + 1
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    yield RefusedLine(first, reader.line_num, "a quotation mark is missing, or a field is too long", [])
                    continue
                self.done = file.buffer.tell()
                if not any(field.strip() for field in fields):
                    continue
                try:
                    contact = self._contact(fields)
                except (BadRequest, InvalidNumber) as error:
                    yield RefusedLine(first, reader.line_num, error.message.rstrip("."), fields)
                else:
                    yield contact

    def _open(self) -> TextIO:
        return self.path.open(encoding="utf-8-sig", newline="")

    def _contact(self, fields: Sequence[str]) -> ContactDetails:
        """Raises BadRequest, InvalidNumber."""
        if any(field.strip() for field in fields[len(self.columns.headers) :]):
            raise BadRequest("there are more fields than columns")
        texts: dict[str, str] = {}
        numbers: list[ContactNumber] = []
        for field, header, text in zip(self.columns.fields, self.columns.headers, fields, strict=False):
            if field is None or fold(text) in _NOTHING:
                continue
            if field in LABELS:
                numbers += self._numbers(header, text, LABELS[field])
            else:
                texts.setdefault(field, text)
        company = texts.get("company")
        name = texts.get("name") or " ".join(filter(None, (texts.get("first_name"), texts.get("last_name")))) or company
        contact = ContactDetails(
            texts.get("id", "-").strip(),
            name or "",
            spell_numbers(numbers, str),
            email=texts.get("email", "").partition(_GOOGLES)[0],
            company=company,
            url=texts.get("url"),
        )
        contact = check_contact(contact)
        return contact if "id" in texts else msgspec.structs.replace(contact, id=_own_id(contact))

    def _numbers(self, header: str, text: str, label: str | None) -> Iterator[ContactNumber]:
        for spelling in _BETWEEN_NUMBERS.split(text):
            #: Spreadsheets put an apostrophe before what they must not take for a sum.
            number = spelling.strip().removeprefix("'")
            if number:
                try:
                    yield ContactNumber(self._spell(number), label)
                except InvalidNumber as error:
                    raise InvalidNumber(f"{header}: {error.message}") from None


def _own_id(contact: ContactDetails) -> str:
    """The same for the same person in the same file, so that importing it again adds nobody."""
    known_by = contact.numbers[0].number if contact.numbers else contact.email or contact.company or ""
    digest = hashlib.sha256(f"{fold(contact.name)}\n{known_by.lower()}".encode())
    return f"csv-{digest.hexdigest()[:16]}"


def _check_encoding(path: Path) -> None:
    """Read through first: nothing is imported from a file that turns out to be something else in its middle.

    Raises ConfigError.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            if lines == 1 and chunk.startswith(_UTF16):
                raise ConfigError(f"{path}: is UTF-16; save it as `CSV UTF-8`")
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                hint = "save it as `CSV UTF-8`, or convert it with `iconv -f WINDOWS-1252 -t UTF-8`"
                raise ConfigError(f"{path}: line {line} is not UTF-8; {hint}") from None
            if not chunk:
                return
            lines += chunk.count(b"\n")
