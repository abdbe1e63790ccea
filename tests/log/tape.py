"""CEL written down as it happens: `second event channel [what]`, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ctc_ari.log.house import house_of
from ctc_ari.log.records import CelRow
from tests.calls.builders import AGENTS, CALL_ID, CALLER, DID, NOW

__all__ = ["HOUSE", "NUMBER", "tape"]

NUMBER = "+442079460001"
HOUSE = house_of(AGENTS, "PJSIP/{number}@trunk", lambda number: f"+{number.removeprefix('+')}")

#: Short name -> channel id, its name, the number it shows, and its context.
CHANNELS = {
    "agent": (CALL_ID, "PJSIP/1001-01", "1001", "from-phones"),
    "customer": (f"{CALL_ID}.c", "PJSIP/trunk-02", NUMBER, "from-trunk"),
    "bob": (f"{CALL_ID}.x001", "PJSIP/1002-03", "1002", "from-phones"),
    "again": (f"{CALL_ID}.x002", "PJSIP/1001-04", "1001", "from-phones"),
    "caller": (CALLER, "PJSIP/trunk-05", NUMBER, "from-trunk"),
    "phone": ("1750000000.9", "PJSIP/1003-06", "1003", "from-phones"),
    "far": ("1750000000.10", "PJSIP/trunk-07", NUMBER, "from-trunk"),
    "spy": ("1750000000.11", "Snoop/x-08", "", ""),
}


def tape(text: str, linkedid: str = CALL_ID, marks: Mapping[str, str] = MappingProxyType({})) -> list[CelRow]:
    """The rows. `in X`/`out` are bridges, `gone CAUSE [by CHANNEL]` a hang-up, `music`/`quiet` music on hold.

    `last` is Asterisk's last word on all of them; `marks` by channel are what the service left with it.
    """
    rows: list[CelRow] = []
    for line in filter(None, text.splitlines()):
        second, channel, event, *more = line.split()
        uniqueid, name, number, context = CHANNELS[channel]
        kind, extra, data = _read(event, more)
        rows.append(
            CelRow(
                kind,
                NOW + float(second),
                cid_num=number,
                exten=DID if channel == "caller" else "1002" if channel == "phone" else "s",
                context=context,
                channame=name,
                appname={"stasis": "Stasis", "dial": "Dial"}.get(event, ""),
                appdata=data,
                uniqueid=uniqueid,
                linkedid=linkedid,
                userfield=marks.get(channel, "") if kind == "HANGUP" else "",
                extra=extra,
            )
        )
    return rows


def _read(event: str, more: list[str]) -> tuple[str, str, str]:
    match event:
        case "starts":
            return "CHAN_START", "", ""
        case "answers":
            return "ANSWER", "", ""
        case "in":
            return "BRIDGE_ENTER", f'{{"bridge_id":"{more[0]}"}}', ""
        case "out":
            return "BRIDGE_EXIT", "", ""
        case "music":
            return "STREAM_BEGIN", '{"class":"default"}', ""
        case "quiet":
            return "STREAM_END", "", ""
        case "stasis" | "dial":
            return "APP_START", "", ",".join(more)
        case "last":
            return "LINKEDID_END", "", ""
        case "gone":
            by = CHANNELS[more[2]][1] if len(more) > 2 else ""
            return "HANGUP", f'{{"hangupcause":{more[0]},"hangupsource":"{by}"}}', ""
    raise AssertionError(event)
