"""What CEL tells of each channel of a call."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ctc_ari.log.marks import Marks, marks_of
from ctc_ari.log.records import CelRow, is_party

__all__ = ["CLEARED", "ChannelStory", "Span", "overlap", "stories"]

#: Q.850 as Asterisk numbers it: no reason of the phone's own.
CLEARED = frozenset({None, 0, 16, 26, 31, 32, 127})

#: Seconds that it takes a busy Asterisk, at most, to remove the channel of a phone that hung up.
_REMOVAL = 0.3
#: From, until: Unix seconds.
Span = tuple[float, float]


class _Extra(msgspec.Struct, frozen=True):
    hangupcause: int | None = None
    hangupsource: str = ""
    bridge_id: str = ""
    #: Of music on hold; other streams are files.
    class_: str | None = msgspec.field(default=None, name="class")


_decode = msgspec.json.Decoder(_Extra, strict=False)


class ChannelStory(msgspec.Struct, kw_only=True):
    """One channel from its start to its end. Times are Unix seconds; None: it has not come to that."""

    id: str
    name: str
    started_at: float
    context: str = ""
    exten: str = ""
    number: str = ""
    #: The number it had in the end: what the service gives a channel comes after its own.
    identity: str = ""
    display: str = ""
    #: The number that was dialled, as the carrier told it.
    dialled: str = ""
    #: What the dialplan gave to Stasis(), after the application's name.
    stasis: tuple[str, ...] = ()
    #: As the dialplan dialled it, without `PJSIP/`.
    dialled_as: str = ""
    #: It came to the service.
    entered: bool = False
    answered_at: float | None = None
    ended_at: float | None = None
    #: Q.850, and the channel from which the end came; empty: from Asterisk itself.
    cause: int | None = None
    hung_up_by: str = ""
    userfield: str = ""
    bridged: dict[str, list[Span]] = msgspec.field(default_factory=dict)
    music: list[Span] = msgspec.field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """`1001` of `PJSIP/1001-0000002a`."""
        return self.name.partition("/")[2].rpartition("-")[0]

    @property
    def marks(self) -> Marks:
        """What the service left in its records."""
        return marks_of(self.userfield)

    @property
    def hung_up_itself(self) -> bool:
        """Whether whoever was there ended it."""
        return self.hung_up_by == self.name

    @property
    def left_at(self) -> float | None:
        """When it was over for whoever was there.

        Asterisk takes a phone that hung up out of its bridge at once, and removes its channel in its own time. For one
        that was led out to wait, music begins there.
        """
        left = max((until for _, until in self.in_bridges), default=0.0)
        waits = any(since >= left for since, _ in self.music)
        if self.ended_at is None or not self.hung_up_itself or waits or self.ended_at - left > _REMOVAL:
            return self.ended_at
        return left

    @property
    def in_bridges(self) -> list[Span]:
        """When it was in any bridge."""
        return sorted(span for spans in self.bridged.values() for span in spans)

    def together(self, other: ChannelStory) -> list[Span]:
        """When both were in the same bridge."""
        return sorted(
            span
            for bridge, spans in self.bridged.items()
            for here in spans
            for there in other.bridged.get(bridge, ())
            if (span := overlap(here, there)) is not None
        )


def overlap(one: Span, other: Span) -> Span | None:
    """What both have in common."""
    since, until = max(one[0], other[0]), min(one[1], other[1])
    return (since, until) if since < until else None


def stories(rows: Iterable[CelRow]) -> dict[str, ChannelStory]:
    """Each channel at whose other end somebody is, by its id, in the order in which they began."""
    found: dict[str, ChannelStory] = {}
    open_bridges: dict[str, tuple[str, float]] = {}
    open_music: dict[str, float] = {}
    #: What a Dial() names, and has no channel yet.
    awaited: list[str] = []
    last = 0.0
    for row in sorted(rows, key=lambda each: (each.eventtime, each.eventtype == "LINKEDID_END")):
        last = max(last, row.eventtime)
        if not row.channame or not is_party(row.channame):
            continue
        story = found.get(row.uniqueid)
        if story is None:
            story = found[row.uniqueid] = ChannelStory(id=row.uniqueid, name=row.channame, started_at=row.eventtime)
            story.dialled_as = next((one for one in awaited if one.partition("/")[0] == story.endpoint), "")
            awaited = [one for one in awaited if one != story.dialled_as]
        if row.eventtype == "APP_START" and row.appname == "Dial":
            awaited = [one.removeprefix("PJSIP/") for one in row.appdata.partition(",")[0].split("&")]
        _tell(story, row, open_bridges, open_music)
    #: What has no end went on to the last that is known.
    for channel, (bridge, since) in open_bridges.items():
        found[channel].bridged.setdefault(bridge, []).append((since, found[channel].ended_at or last))
    for channel, since in open_music.items():
        found[channel].music.append((since, found[channel].ended_at or last))
    return found


def _tell(story: ChannelStory, row: CelRow, bridges: dict[str, tuple[str, float]], music: dict[str, float]) -> None:
    story.context, story.exten = story.context or row.context, story.exten or row.exten
    story.number, story.display = story.number or row.cid_num, story.display or row.cid_name
    story.identity = row.cid_num or story.identity
    story.dialled, story.userfield = story.dialled or row.cid_dnid, row.userfield or story.userfield
    at = row.eventtime
    match row.eventtype:
        case "ANSWER":
            story.answered_at = story.answered_at or at
        case "APP_START" if row.appname == "Stasis":
            story.stasis = story.stasis or tuple(row.appdata.split(",")[1:])
            story.entered = True
        case "BRIDGE_ENTER":
            _leave(story, bridges, at)
            bridges[story.id] = _extra(row).bridge_id, at
        case "BRIDGE_EXIT":
            _leave(story, bridges, at)
        case "STREAM_BEGIN" if _extra(row).class_ is not None:
            music.setdefault(story.id, at)
        case "STREAM_END":
            _silence(story, music, at)
        case "HANGUP":
            extra = _extra(row)
            story.ended_at, story.cause, story.hung_up_by = at, extra.hangupcause, extra.hangupsource
            _leave(story, bridges, at)
            _silence(story, music, at)


def _leave(story: ChannelStory, bridges: dict[str, tuple[str, float]], at: float) -> None:
    if story.id in bridges:
        bridge, since = bridges.pop(story.id)
        story.bridged.setdefault(bridge, []).append((since, at))


def _silence(story: ChannelStory, music: dict[str, float], at: float) -> None:
    if story.id in music:
        story.music.append((music.pop(story.id), at))


def _extra(row: CelRow) -> _Extra:
    try:
        return _decode.decode(row.extra or "{}")
    except msgspec.MsgspecError:
        return _Extra()
