"""Asterisk's own records of calls, CEL and CDR, and the files it writes them to."""

from __future__ import annotations

import calendar
import csv
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

__all__ = [
    "CDR_FILE",
    "CEL_FILE",
    "CdrRow",
    "CelRow",
    "Refused",
    "cdr_of_line",
    "cel_of_line",
    "fields_of",
    "is_party",
    "kind_of",
    "records_of",
]

#: Below Asterisk's log folder.
CDR_FILE, CEL_FILE = "cdr-csv/Master.csv", "cel-custom/Master.csv"


class CelRow(msgspec.Struct, frozen=True):
    """One event of a channel; the columns of `asterisk-config/cel_custom.conf`, in its order. Unix seconds."""

    eventtype: str
    eventtime: float
    cid_name: str = ""
    cid_num: str = ""
    cid_dnid: str = ""
    exten: str = ""
    context: str = ""
    channame: str = ""
    appname: str = ""
    appdata: str = ""
    accountcode: str = ""
    uniqueid: str = ""
    linkedid: str = ""
    peer: str = ""
    userfield: str = ""
    extra: str = ""


class CdrRow(msgspec.Struct, frozen=True):
    """One record of a pair of channels, as `cdr_pgsql` writes it. Unix seconds; 0: it never came to that."""

    start: float
    answer: float
    end: float
    clid: str = ""
    src: str = ""
    dst: str = ""
    dcontext: str = ""
    channel: str = ""
    dstchannel: str = ""
    lastapp: str = ""
    lastdata: str = ""
    duration: float = 0.0
    billsec: float = 0.0
    disposition: str = ""
    amaflags: str = ""
    accountcode: str = ""
    peeraccount: str = ""
    userfield: str = ""
    uniqueid: str = ""
    linkedid: str = ""
    sequence: int = 0


class Refused(msgspec.Struct, frozen=True):
    """A line that is no record, and why."""

    line: int
    reason: str


#: Channels that Asterisk makes for its own purposes: whoever listens, records or announces.
_HELPERS = frozenset(
    {"Snoop", "Recorder", "Announcer", "CBAnn", "CBRec", "Message", "Surrogate", "UnicastRTP", "Local"}
)
#: The simulated carrier of the demo is on the same Asterisk, and is another world.
_OTHER_WORLD = ("PJSIP/carrier-",)


def is_party(channame: str) -> bool:
    """Whether somebody is at the other end of this channel."""
    return channame.partition("/")[0] not in _HELPERS and not channame.startswith(_OTHER_WORLD)


#: What the database holds: seconds until the year 9999, and `integer`.
_END_OF_TIME, _LARGEST = 253_370_764_800.0, 2**31 - 1
#: Asterisk's own are 149 at most (`AST_MAX_PUBLIC_UNIQUEID`), and an index holds no text of any length.
_LONGEST_ID = 500


def fields_of(line: bytes) -> list[str]:
    """The fields of one line; none: it is empty.

    Asterisk writes a record in one line, so that one which a crash cut off takes no other with it.
    """
    try:
        return next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
    except csv.Error:
        #: Longer than any field that Asterisk writes.
        return [""]


def kind_of(fields: Sequence[str]) -> str | None:
    """`cel` or `cdr`, by a line of the file; None: this one does not tell."""
    if len(fields) < _PLAIN:
        return None
    is_cel = len(fields) == len(CelRow.__struct_fields__) and re.fullmatch(r"[A-Z_]+", fields[0])
    return "cel" if is_cel else "cdr"


def cel_of_line(fields: Sequence[str]) -> CelRow:
    """A line of `cel-custom/Master.csv`. Raises ValueError with what is wrong."""
    if len(fields) != len(CelRow.__struct_fields__):
        raise ValueError(f"{len(fields)} columns instead of {len(CelRow.__struct_fields__)}")
    try:
        at = float(fields[1])
    except ValueError:
        at = -1.0
    if not 0.0 <= at < _END_OF_TIME:
        raise ValueError("the second column is not a time in Unix seconds")
    _check_ids(fields[11], fields[12])
    return CelRow(fields[0], at, *fields[2:])


#: accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration, billsec,
#: disposition, amaflags; then uniqueid and userfield (`loguniqueid`, `loguserfield`), and peeraccount, linkedid,
#: sequence (`newcdrcolumns`).
_PLAIN, _WITH_ID, _COMPLETE = 16, 18, 21
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)")


def cdr_of_line(fields: Sequence[str]) -> CdrRow:
    """A line of Asterisk's `cdr-csv/Master.csv`, times in UTC. Raises ValueError with what is wrong."""
    if len(fields) not in (_WITH_ID, _COMPLETE):
        hint = "; set loguniqueid and newcdrcolumns in cdr.conf" if len(fields) == _PLAIN else ""
        raise ValueError(f"{len(fields)} columns instead of {_WITH_ID} or {_COMPLETE}{hint}")
    more = fields[_WITH_ID:] if len(fields) == _COMPLETE else ("", "", "")
    try:
        sequence = int(more[2] or 0)
        duration, billsec = float(fields[12] or 0), float(fields[13] or 0)
    except ValueError:
        raise ValueError("duration, billsec and sequence must be numbers") from None
    #: Asterisk writes -1 for a channel that ended as it was answered.
    if not all(abs(number) <= _LARGEST for number in (duration, billsec, sequence)):
        raise ValueError(f"duration, billsec and sequence must be numbers up to {_LARGEST}")
    uniqueid = fields[16]
    if not uniqueid:
        raise ValueError("it has no uniqueid")
    _check_ids(uniqueid, more[1])
    return CdrRow(
        start=_seconds(fields[9]),
        answer=_seconds(fields[10]) if fields[10] else 0.0,
        end=_seconds(fields[11]),
        clid=fields[4],
        src=fields[1],
        dst=fields[2],
        dcontext=fields[3],
        channel=fields[5],
        dstchannel=fields[6],
        lastapp=fields[7],
        lastdata=fields[8],
        duration=duration,
        billsec=billsec,
        disposition=fields[14],
        amaflags=fields[15],
        accountcode=fields[0],
        peeraccount=more[0],
        userfield=fields[17],
        uniqueid=uniqueid,
        #: Before Asterisk 12, or without `newcdrcolumns`, a record stands for itself.
        linkedid=more[1] or uniqueid,
        sequence=sequence,
    )


def _seconds(text: str) -> float:
    if found := _TIME.fullmatch(text):
        year, month, day, hour, minute, second = moment = tuple(map(int, found.groups()))
        is_day = year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
        if is_day and hour < 24 and minute < 60 and second < 60 and (at := calendar.timegm(moment)) < _END_OF_TIME:
            return float(at)
    raise ValueError(f"`{text[:30]}` is not a time such as 2026-01-31 23:59:59")


def _check_ids(*ids: str) -> None:
    if any(len(each) > _LONGEST_ID for each in ids):
        raise ValueError(f"its uniqueid or linkedid has more than {_LONGEST_ID} characters")


def records_of(lines: Iterable[Sequence[str]], kind: str, first: int = 1) -> Iterator[CelRow | CdrRow | Refused]:
    """The records of a file's lines, `kind` being `cdr` or `cel`, and those that are none."""
    read = cel_of_line if kind == "cel" else cdr_of_line
    for number, fields in enumerate(lines, first):
        if not fields:
            continue
        try:
            yield read(fields)
        except ValueError as error:
            yield Refused(number, str(error))
