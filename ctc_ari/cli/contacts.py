"""`ctc-ari contact …`."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from ctc_ari.cli.options import config_option, configuration

if TYPE_CHECKING:
    from ctc_ari.config import Config
    from ctc_ari.contact_file import ContactFile, RefusedLine
    from ctc_ari.contacts import ContactDetails
    from ctc_ari.erasure import Erased
    from ctc_ari.store.contact_import import Imported
    from ctc_ari.store.pool import Connection, Pool

__all__ = ["contact"]

#: Contacts in one transaction.
BATCH = 1000
#: Refused lines that are told one by one.
TOLD = 10


@click.group()
@config_option
def contact() -> None:
    """The people and companies that are called. A running service finds every change at once."""


@contact.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--refused", type=click.Path(path_type=Path, dir_okay=False), help="Write the refused lines here, with the reasons."
)
@click.option("--region", help="Whose numbers those without a country code are.  [default: numbers.default_region]")
@click.option("--column", "columns", metavar="FIELD=HEADER", multiple=True, help="Which column holds what; repeat.")
@click.option("--delimiter", help="What separates the columns; `tab` is one.  [default: judged by the first line]")
@config_option
def import_(
    file: Path, refused: Path | None, region: str | None, columns: tuple[str, ...], delimiter: str | None
) -> None:
    """Import contacts from a CSV file in UTF-8, as CRMs and address books export them.

    The first line names the columns: id, name (or first name and last name), company, email, url, and any number of
    phone, mobile, work and home numbers, in any spelling. A contact of the same id, or without ids of the same name and
    first number, is not added again but becomes as the file has it. A line that cannot be read is refused and told.

    \b
    Examples:
      ctc-ari contact import customers.csv --refused refused.csv
      ctc-ari contact import kunden.csv --region DE --column number=Durchwahl
    """
    from ctc_ari.calls.numbers import Spelling
    from ctc_ari.cli.database import with_database
    from ctc_ari.contact_file import ContactFile

    config = configuration()
    spelling = Spelling(_region(region or config.numbers.default_region))
    source = ContactFile(file, spelling.spell, _named(columns), _delimiter(delimiter))
    if source.columns.ignored:
        click.echo(f"ignored columns: {', '.join(source.columns.ignored)}", err=True)
    with _Report(source, refused) as report:
        imported = with_database(config, lambda connection: _import(connection, source, report))
    report.summarise(imported)


@contact.command()
@click.argument("contact_id", required=False)
@click.option("--number", help="Instead of the contact's id: a number in any spelling.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def erase(contact_id: str | None, number: str | None, yes: bool) -> None:
    """Remove all that is known of a customer: the contact, numbers and names in all calls, recordings.

    That there were calls, when, by whom and how they went stays. It cannot be undone. Asterisk's own files of records
    (cdr-csv, cel-custom) and backups are not touched.

    \b
    Examples:
      ctc-ari contact erase 4711
      ctc-ari contact erase --number "020 7946 0001"
    """
    from ctc_ari.calls.numbers import Spelling

    if bool(contact_id) == bool(number):
        raise click.UsageError("Give a contact's id or --number")
    config = configuration()
    spelled = Spelling(config.numbers.default_region).spell(number) if number else None
    if not yes:
        click.confirm("All that is known of this customer is removed, for good. Go on?", abort=True)
    erased = _erase(config, contact_id, spelled)
    click.echo(
        f"{erased.contacts:,} contacts, {erased.recordings:,} recordings and {erased.deliveries:,} webhook messages "
        f"deleted; {erased.calls:,} calls and {erased.records:,} of Asterisk's records no longer say with whom"
    )


def _erase(config: Config, contact_id: str | None, number: str | None) -> Erased:
    from ctc_ari.ari.recordings import AriRecordings
    from ctc_ari.cli.database import with_pool
    from ctc_ari.store.erasure import PostgresErasure

    async def work(pool: Pool) -> Erased:
        spool = Path(config.database.data_dir) / "spool"
        erasures = PostgresErasure(pool, AriRecordings(config.asterisk.nodes), spool)
        return await (erasures.erase_number(number) if number else erasures.erase_contact(contact_id or ""))

    return with_pool(config, work)


async def _import(connection: Connection, source: ContactFile, report: _Report) -> Imported:
    from ctc_ari.contacts import ContactDetails
    from ctc_ari.store.contact_import import Imported, import_contacts

    total = Imported()
    #: Their ids' hashes, which are small: a line may repeat one of long before.
    seen: set[int] = set()
    given = 0
    lines = iter(source)
    while batch := list(islice(lines, BATCH)):
        contacts: list[ContactDetails] = []
        for line in batch:
            if isinstance(line, ContactDetails):
                contacts.append(line)
                seen.add(hash(line.id))
            else:
                report.refuse(line)
        total += await import_contacts(connection, contacts, source.says)
        given += len(contacts)
        report.progress(len(batch))
    report.repeated = given - len(seen)
    return total


class _Report:
    """What is told during an import and after it, and the file of refused lines, if one was asked for."""

    def __init__(self, source: ContactFile, refused: Path | None) -> None:
        self._source = source
        self._path = refused
        self._file: TextIO | None = None
        self._reasons: Counter[str] = Counter()
        self._told: list[str] = []
        self._read = 0
        self._tenths = 0
        #: Lines of which a later one is the same contact.
        self.repeated = 0

    def __enter__(self) -> _Report:
        if self._path is not None:
            if self._path.exists() and self._path.samefile(self._source.path):
                raise click.UsageError("--refused: that is the file that is imported; name another one")
            try:
                self._file = self._path.open("w", newline="", encoding="utf-8")
            except OSError as error:
                raise click.UsageError(f"--refused: cannot write {self._path}: {error.strerror}") from None
            self._write("line", "reason", *self._source.columns.headers)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if kind is not None and self._read:
            click.echo(f"\nstopped: {self._read:,} lines are done; import the file again for the rest", err=True)

    def _write(self, *fields: str) -> None:
        if self._file is not None:
            csv.writer(self._file, delimiter=self._source.delimiter).writerow(fields)

    def refuse(self, line: RefusedLine) -> None:
        """Kept for the summary, and written with its fields, so that it can be mended and imported."""
        where = str(line.first) if line.first == line.last else f"{line.first}-{line.last}"
        self._reasons[line.reason] += 1
        if len(self._told) < TOLD:
            self._told.append(f"  line {where}: {line.reason}")
        self._write(where, line.reason, *line.fields)

    def progress(self, read: int) -> None:
        """On a terminal one line that changes, otherwise one for each tenth."""
        self._read += read
        share = self._source.done / (self._source.size or 1)
        text = f"{self._read:,} lines, {share:.0%}"
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            click.echo(text, err=True)

    def summarise(self, imported: Imported) -> None:
        """How many became what, and why the others did not."""
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)
        refused = self._reasons.total()
        click.echo(
            f"{imported.added:,} added, {imported.changed:,} changed, {imported.unchanged:,} as they were, "
            f"{refused:,} refused"
        )
        if self.repeated:
            click.echo(
                f"  repeated lines: {self.repeated:,} (the same id, or without ids the same name and first number); "
                "the last of each counts"
            )
        for told in self._told:
            click.echo(told)
        if refused > len(self._told):
            for reason, times in self._reasons.most_common(TOLD):
                click.echo(f"  {times:,} times: {reason}")
        if refused and self._path is None:
            click.echo("  --refused FILE writes all of them to a file", err=True)


def _region(region: str) -> str:
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise click.UsageError(f"--region: `{region}` is not a region; write two capital letters such as GB")
    return region


def _named(columns: tuple[str, ...]) -> dict[str, str]:
    """Header -> field."""
    from ctc_ari.contact_columns import FIELDS

    named = {}
    for given in columns:
        field, _, header = given.partition("=")
        if field not in FIELDS or not header:
            raise click.UsageError(f"--column: must be FIELD=HEADER, and FIELD one of {', '.join(FIELDS)}")
        named[header] = field
    return named


def _delimiter(given: str | None) -> str | None:
    if given is None:
        return None
    delimiter = "\t" if given in ("tab", "\\t") else given
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise click.UsageError("--delimiter: must be one character, or `tab`")
    return delimiter
