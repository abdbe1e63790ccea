"""Asterisk's own records in the database: read by call, and written from its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from ctc_ari.log.records import CdrRow, CelRow
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["add_cdr", "add_cel", "read_cdr", "read_cel"]


def _quoted(row: type[msgspec.Struct]) -> str:
    return ", ".join(f'"{name}"' for name in row.__struct_fields__)


_CEL, _CDR = _quoted(CelRow), _quoted(CdrRow)
_TYPES = {"eventtime": "float8", "start": "float8", "answer": "float8", "end": "float8"}
_TYPES |= {"duration": "float8", "billsec": "float8", "sequence": "int"}


def _insert(table: str, row: type[msgspec.Struct]) -> str:
    arrays = ", ".join(f"${n}::{_TYPES.get(name, 'text')}[]" for n, name in enumerate(row.__struct_fields__, 1))
    names = _quoted(row)
    return f"insert into {table} ({names}) select {names} from unnest({arrays}) as t ({names}) on conflict do nothing"  # noqa: S608 -- made of constants


_ADD_CEL, _ADD_CDR = _insert("cel", CelRow), _insert("cdr", CdrRow)
_READ_CEL = f"select {_CEL} from cel where linkedid = $1 order by eventtime"  # noqa: S608 -- made of constants
#: A call that was dialled on a phone has a `linkedid` of its own until it meets the one that it becomes part of.
_READ_CEL_OF = f"select {_CEL} from cel where uniqueid = any($1) and linkedid <> $2"  # noqa: S608 -- made of constants
_READ_CDR = f"select {_CDR} from cdr where linkedid = $1 order by start, sequence"  # noqa: S608 -- made of constants


_DUE = """
    insert into log_due (linkedid) select unnest($1::text[])
    on conflict (linkedid) do update set due_at = least(log_due.due_at, now())
"""


async def add_cel(connection: Connection, rows: Sequence[CelRow]) -> int:
    """How many of them were not there yet. Raises DatabaseUnreachable."""
    return await _add(connection, _ADD_CEL, CelRow, rows)


async def add_cdr(connection: Connection, rows: Sequence[CdrRow]) -> int:
    """How many of them were not there yet. Raises DatabaseUnreachable."""
    return await _add(connection, _ADD_CDR, CdrRow, rows)


async def _add(
    connection: Connection, statement: str, kind: type[msgspec.Struct], rows: Sequence[CelRow] | Sequence[CdrRow]
) -> int:
    if not rows:
        return 0
    columns = [[_storable(getattr(row, name)) for row in rows] for name in kind.__struct_fields__]
    with database_errors():
        done: str = await connection.execute(statement, *columns)
        added = int(done.rpartition(" ")[2])
        if added:
            #: What was missing in the middle of a call changes what is known of it.
            await connection.execute(_DUE, sorted({str(row.linkedid) for row in rows} - {""}))
    return added


def _storable(value: Any) -> Any:
    """PostgreSQL keeps no NUL."""
    return value.replace("\0", "") if isinstance(value, str) else value


async def read_cel(connection: Connection, linkedid: str, channels: Sequence[str] = ()) -> list[CelRow]:
    """The events of a call's channels, the oldest first; of these channels all events. Raises DatabaseUnreachable."""
    rows = [CelRow(*row) for row in await _read(connection, _READ_CEL, linkedid)]
    if channels:
        with database_errors():
            rows += [CelRow(*row) for row in await connection.fetch(_READ_CEL_OF, list(channels), linkedid)]
    return sorted(rows, key=lambda row: row.eventtime)


async def read_cdr(connection: Connection, linkedid: str) -> list[CdrRow]:
    """The records of a call's pairs of channels, the oldest first. Raises DatabaseUnreachable."""
    return [CdrRow(*row) for row in await _read(connection, _READ_CDR, linkedid)]


async def _read(connection: Connection, statement: str, linkedid: str) -> list[asyncpg.Record]:
    with database_errors():
        return await connection.fetch(statement, linkedid)
