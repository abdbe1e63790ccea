"""How rows of the call log are found: statements that read an index newest first, and no further than a page.

Each filter has an index in the order of time, so that alone it is answered by the first rows of a range; so are a few
pairs. Everything else is found by `call_log.words`, a day at a time.
"""

# ruff: noqa: S608 -- made of constants and `$n`; no value stands in a statement
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from msgspec.structs import replace

from ctc_ari.call_log import LogFilter, LogPosition

__all__ = [
    "Lead",
    "Range",
    "Statement",
    "Way",
    "everything",
    "is_complete",
    "is_mixed",
    "is_simple",
    "lead_of",
    "page_of",
    "position_of",
    "range_of",
    "sample_of",
    "short_of",
    "ways_of",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Before and after every call.
_BEGINNING, _END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)

#: Lexemes of `call_log.words` for what is compared as a whole.
_LEXEMES = {"number": "n", "contact_id": "c", "direction": "x", "disposition": "d"}
#: The filters that are not a text.
_WHOLE = frozenset({*_LEXEMES, "agent", "visible"})
#: Rows of a day that are rather read one by one.
FEW_A_DAY = 50

#: When a call began, and its id: what the log is sorted by.
Moment = tuple[datetime, str]
#: SQL and what stands behind its `$1`, `$2`, …
Statement = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Range:
    """From the oldest, included, to the newest, not included."""

    oldest: Moment
    newest: Moment


@dataclass(slots=True)
class _Values:
    kept: list[Any] = field(default_factory=list)

    def add(self, value: Any, cast: str = "text") -> str:
        self.kept.append(value)
        return f"${len(self.kept)}::{cast}"

    def moment(self, moment: Moment) -> str:
        return f"{self.add(moment[0], 'timestamptz')}, {self.add(moment[1])}"


@dataclass(frozen=True, slots=True)
class Way:
    """An index to go by: columns that stand before the time in it, and what they are to be."""

    columns: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def covers(self) -> frozenset[str]:
        """The filters that it answers."""
        return frozenset(self.columns)

    def select(self, values: _Values, span: Range, what: str, conditions: Sequence[str], limit: str) -> str:
        """These columns of `call_log` for the newest rows on the way that meet the conditions.

        Compared as a row and sorted by all of it, so that no plan can take an index that has more to read.
        """
        row = f"({', '.join((*self.columns, 'started_at', 'id'))})"
        given = "".join(f"{values.add(value)}, " for value in self.given)
        bounds = [f"{row} < ({given}{values.moment(span.newest)})", f"{row} >= ({given}{values.moment(span.oldest)})"]
        order = ", ".join(f"{column} desc" for column in (*self.columns, "started_at", "id"))
        return (
            f"select {what} from call_log where {' and '.join([*bounds, *conditions])} order by {order} limit {limit}"
        )


@dataclass(frozen=True, slots=True)
class _Agents(Way):
    """By whoever had to do with the call, one of these, and by what is kept with that."""

    group: str = ""
    emails: tuple[str, ...] = ()

    @property
    def covers(self) -> frozenset[str]:
        return frozenset({self.group, *self.columns})

    def select(self, values: _Values, span: Range, what: str, conditions: Sequence[str], limit: str) -> str:
        newest, oldest = values.moment(span.newest), values.moment(span.oldest)
        kept = "".join(
            f" and {column} = {values.add(value)}" for column, value in zip(self.columns, self.given, strict=True)
        )
        #: Those of whom more is asked are so few that all of them are read.
        first = "order by started_at desc, id desc" + ("" if conditions else f" limit {limit}")
        each = [
            f"""(
                select started_at, id from call_log_agents where email = {values.add(email)}{kept}
                    and (started_at, id) < ({newest}) and (started_at, id) >= ({oldest}) {first}
            )"""
            for email in self.emails
        ]
        #: A call of two of them is found twice.
        way = each[0] if len(each) == 1 else f"({' union '.join(each)} {first})"
        where = f"where {' and '.join(conditions)}" if conditions else ""
        return f"""
            select {what} from {way} as way (way_at, way_id) join call_log on id = way_id {where}
            order by way_at desc, way_id desc limit {limit}
        """


class Lead(Enum):
    """What of a text and other filters the index is asked for, so that no more is read than the rarer of the two."""

    ALL = "all"
    #: The days without the text are passed over.
    DAYS_OF_TEXT = "days of text"
    #: The others are looked for row by row.
    TEXT = "text"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class _Words(Way):
    """By everything that is asked, one day after the other, and no more of them than it takes."""

    wanted: LogFilter = field(default_factory=LogFilter)
    lead: Lead = Lead.ALL

    @property
    def covers(self) -> frozenset[str]:
        return frozenset({"text"}) if self.lead is Lead.TEXT else _WHOLE | {"text"}

    def select(self, values: _Values, span: Range, what: str, conditions: Sequence[str], limit: str) -> str:
        newest, oldest = values.moment(span.newest), values.moment(span.oldest)
        last, first = newest.partition(",")[0], oldest.partition(",")[0]
        led = {Lead.WHOLE: _whole(self.wanted), Lead.TEXT: _text(self.wanted)}.get(self.lead, self.wanted)
        bounds = [
            _found_by(_query(values, led), "day"), f"(started_at, id) < ({newest})",
            f"(started_at, id) >= ({oldest})", *conditions,
        ]  # fmt: skip
        asked = ""
        if self.lead is Lead.WHOLE:
            #: Made once a day, and in words by which no index is looked for.
            asked = f", {_of_day(_query(values, _text(self.wanted)), 'day')} as asked"
            bounds.append("(words @@ asked) is not false")
        if self.lead is Lead.DAYS_OF_TEXT:
            bounds.append(f"{_count(_query(values, _text(self.wanted)), 1)} > 0")
        return f"""
            select * from (
                select day{asked} from generate_series(
                    call_log_day(least({last}, (select max(started_at) from call_log))),
                    call_log_day(greatest({first}, (select min(started_at) from call_log))), -1
                ) as day order by day desc
            ) as days cross join lateral (
                select {what} from call_log where {" and ".join(bounds)}
            ) as found
            order by day desc, started_at desc, id desc limit {limit}
        """


def ways_of(wanted: LogFilter) -> list[Way]:
    """The ways in order of time, those first that are mostly the shortest."""
    kinds = _of(wanted, ("direction", "disposition"))
    ways = [Way((name,), (value,)) for name, value in _of(wanted, ("number", "contact_id")).items()]
    #: With an agent's rows one of the two is kept in order.
    kind = dict(list(kinds.items())[-1:])
    for group, emails in _groups(wanted).items():
        ways.append(_Agents(tuple(kind), tuple(kind.values()), group, emails))
    if kinds or not (ways or wanted.text):
        ways.append(Way(tuple(kinds), tuple(kinds.values())))
    return ways


def everything(wanted: LogFilter, lead: Lead = Lead.ALL) -> Way:
    """The way that answers every filter."""
    return _Words(wanted=wanted, lead=lead)


def is_mixed(wanted: LogFilter) -> bool:
    """Whether a text is asked for, and something else with it."""
    return wanted.text is not None and (bool(_groups(wanted)) or bool(_of(wanted, tuple(_LEXEMES))))


def sample_of(wanted: LogFilter, span: Range) -> Statement:
    """How many rows of a usual day the text finds, and how many everything else; `FEW_A_DAY` and one at most."""
    values = _Values()
    oldest, newest = values.add(span.oldest[0], "timestamptz"), values.add(span.newest[0], "timestamptz")
    text, whole = (_count(_query(values, part), FEW_A_DAY + 1) for part in (_text(wanted), _whole(wanted)))
    middle = "percentile_disc(0.5) within group (order by {})"
    return (
        f"""
        select {middle.format("text")} as text, {middle.format("whole")} as whole from (
            select {text} as text, {whole} as whole from (
                select call_log_day(least({newest}, max(started_at))) as last,
                    call_log_day(greatest({oldest}, min(started_at))) as first
                from call_log
            ) as span, unnest(array[last, (last + first) / 2, first]) as day
        ) as counted
    """,
        values.kept,
    )


def lead_of(text: int, whole: int) -> Lead:
    """What `sample_of` means: a text with many words behind its beginning is dear, so it is looked for last."""
    if not text:
        return Lead.DAYS_OF_TEXT
    if whole <= FEW_A_DAY:
        return Lead.WHOLE
    return Lead.TEXT if text <= FEW_A_DAY else Lead.ALL


def _text(wanted: LogFilter) -> LogFilter:
    return LogFilter(text=wanted.text)


def _whole(wanted: LogFilter) -> LogFilter:
    return replace(wanted, text=None)


def _count(query: str, most: int) -> str:
    """Of the rows of that `day`."""
    return f"(select count(*) from (select from call_log where {_found_by(query, 'day')} limit {most}) as found)"


def _of(wanted: LogFilter, names: Sequence[str]) -> dict[str, str]:
    return {name: str(value) for name in names if (value := getattr(wanted, name)) is not None}


def _groups(wanted: LogFilter) -> dict[str, tuple[str, ...]]:
    """Of each of these one must have had to do with the call."""
    groups: dict[str, tuple[str, ...]] = {}
    if wanted.agent is not None:
        groups["agent"] = (wanted.agent,)
    if wanted.visible is not None and wanted.agent not in wanted.visible:
        groups["visible"] = tuple(sorted(wanted.visible))
    return groups


def _conditions(values: _Values, wanted: LogFilter, covered: frozenset[str]) -> list[str]:
    """What has to be asked of each row on a way that answers these."""
    asked = [
        f"{name} = {values.add(value)}" for name, value in _of(wanted, tuple(_LEXEMES)).items() if name not in covered
    ]
    asked += [
        f"agent_emails && {values.add(list(emails), 'text[]')}"
        for group, emails in _groups(wanted).items()
        if group not in covered
    ]
    if wanted.text is not None and "text" not in covered:
        asked.append(_found_by(_query(values, LogFilter(text=wanted.text)), "call_log_day(started_at)"))
    return asked


def _found_by(query: str, day: str) -> str:
    return f"words @@ {_of_day(query, day)}"


def _of_day(query: str, day: str) -> str:
    return rf"replace({query}, e'\n', call_log_mark({day}))::tsquery"


def _query(values: _Values, wanted: LogFilter) -> str:
    """Of what stands in `call_log.words`, as a `tsquery` with a line break for the day: no value holds one."""
    terms = [_lexeme(_LEXEMES[name], value) for name, value in _of(wanted, tuple(_LEXEMES)).items()]
    terms += [f"({' | '.join(_lexeme('a', email) for email in emails)})" for emails in _groups(wanted).values()]
    if wanted.text is None:
        return values.add(" & ".join(terms))
    text, part = wanted.text.text, wanted.text.part
    beginnings, ending = (list(part.beginnings), part.ending) if part else ([], None)
    given = f"{values.add(text)}, {values.add(beginnings, 'text[]')}, {values.add(ending)}"
    #: A text without any word is null here, and finds nothing.
    found = f"'(' || nullif(call_log_query({given}), '') || ')'"
    return f"({found} || {values.add(''.join(f' & {term}' for term in terms))})"


def _lexeme(kind: str, value: str) -> str:
    """Quoted as PostgreSQL's documentation, 8.11.2, has it."""
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"'\n{kind}{quoted}'"


def page_of(way: Way, wanted: LogFilter, span: Range, what: str, limit: int) -> Statement:
    """The newest rows of that range; `what` is selected beside the columns of a moment."""
    values = _Values()
    conditions = _conditions(values, wanted, way.covers)
    return way.select(values, span, f"started_at, id, {what}", conditions, values.add(limit, "bigint")), values.kept


def is_complete(way: Way, wanted: LogFilter) -> bool:
    """Whether every row on that way is wanted."""
    return not _conditions(_Values(), wanted, way.covers)


def is_simple(way: Way) -> bool:
    """Whether it is a part of one index, and not as many parts as there are agents."""
    return not isinstance(way, _Agents) or len(way.emails) == 1


def short_of(way: Way, span: Range, rows: int) -> Statement:
    """Whether there are fewer rows on that way, whatever else is asked of them."""
    values = _Values()
    found = way.select(values, span, "started_at, id", (), values.add(rows, "bigint"))
    return f"select count(*) < {values.add(rows, 'bigint')} from ({found}) as found", values.kept


def range_of(wanted: LogFilter, after: LogPosition | None) -> Range:
    """The part of the log that is left behind that position."""
    oldest = _BEGINNING if wanted.since is None else _at(wanted.since)
    newest = (_END if wanted.until is None else _at(wanted.until), "")
    if after is not None:
        newest = min(newest, (_EPOCH + timedelta(microseconds=after[0]), after[1]))
    return Range((oldest, ""), newest)


def _at(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(seconds * 1e6))


def position_of(moment: Moment) -> LogPosition:
    """As a cursor holds it."""
    return (moment[0] - _EPOCH) // timedelta(microseconds=1), moment[1]
