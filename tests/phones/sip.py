"""SIP messages as a phone saw them, read back from the logs that SIPp and baresip write."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from multidict import CIMultiDict

__all__ = ["Message", "MessageLog", "parse_message", "parse_short_log"]

# A tag belongs to the dialog, not to the address: RFC 3261, 20.39.
_TAG = re.compile(r";\s*tag=([^;\s]+)", re.IGNORECASE)
_ADDRESS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]*)>')
_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "c": "Content-Type",
    "l": "Content-Length",
}
# Seen in SIPp 3.8 ("2026-11-22T17:41:38.761031Z") and in 3.6 ("2026-11-22T17:41:38.761031+0000", "… 17:41:38.761031").
_ENTRY = re.compile(
    rb"^-{20,} (\d{4}-\d\d-\d\d[T\t ]\d\d:\d\d:\d\d\.\d+)(?:\S*)[^\n]*\n"
    rb"UDP message (sent|received) (?:\[(\d+)\]|\((\d+) bytes\))[^\n]*\n\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Message:
    """One request or response, sent or received by a phone."""

    #: Epoch seconds, taken by the phone's process when it read or wrote the message.
    time: float
    sent: bool
    start_line: str
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict, repr=False)
    body: str = field(default="", repr=False)

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        return int(self.start_line.split(" ", 2)[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request; for a response that of the request it answers."""
        return self.cseq.partition(" ")[2] if self.status else self.start_line.partition(" ")[0]

    @property
    def request_uri(self) -> str:
        """The address a request was sent to, without angle brackets; empty for a response."""
        return "" if self.status else self.start_line.split(" ")[1]

    @property
    def called(self) -> str:
        """The user part of the request URI: the number that was dialled."""
        return _user(self.request_uri)

    @property
    def call_id(self) -> str:
        """The Call-ID header: the same in every message of a leg."""
        return self.headers.get("Call-ID", "")

    @property
    def cseq(self) -> str:
        """Number and method, as in `102 INVITE`."""
        return self.headers.get("CSeq", "")

    @property
    def from_name(self) -> str:
        """The caller's display name, unquoted; empty if there is none."""
        return self._from[0]

    @property
    def from_number(self) -> str:
        """The user part of the From header: who calls, as the phone shows it."""
        return _user(self._from[1])

    @property
    def to_tag(self) -> str:
        """Empty in the first request of a dialog."""
        found = _TAG.search(self.headers.get("To", ""))
        return found[1] if found else ""

    @cached_property
    def _from(self) -> tuple[str, str]:
        header = self.headers.get("From", "")
        found = _ADDRESS.match(header)
        if not found:
            return "", header.partition(";")[0].strip()
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2], found[3]


def _user(uri: str) -> str:
    return re.sub(r"^sips?:", "", uri).partition("@")[0].partition(";")[0] if "@" in uri else ""


def parse_message(text: str, time: float, *, sent: bool) -> Message:
    """A message from the wire; header names are case-insensitive and their compact forms spelled out."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    start_line, *lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.add(_COMPACT.get(name.strip().lower(), name.strip()), value.strip())
    return Message(time, sent, start_line, headers, body)


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(f"{stamp.replace(chr(9), ' ')}+00:00").timestamp()


class MessageLog:
    """SIPp's `-trace_msg` file, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.messages: list[Message] = []
        self._path = path
        self._offset = 0

    def read(self) -> list[Message]:
        """All messages so far, in the order in which they were seen."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return self.messages
        end = 0
        for entry in _ENTRY.finditer(data):
            start, length = entry.end(), int(entry[3] or entry[4])
            if entry.start() < end:
                continue  # a message body that looks like an entry of the log
            if start + length > len(data):
                break
            end = start + length
            text = data[start:end].decode("utf-8", "replace")
            self.messages.append(parse_message(text, _epoch(entry[1].decode()), sent=entry[2] == b"sent"))
        self._offset += end
        return self.messages


def parse_short_log(path: Path) -> list[Message]:
    """SIPp's `-trace_shortmsg` file: time, start line, Call-ID and CSeq of every message, no other headers."""
    messages: list[Message] = []
    if not path.exists():
        return messages
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) != 7 or not line.endswith("\n"):
                continue  # the last line is still being written
            headers = CIMultiDict({"Call-ID": fields[4], "CSeq": fields[5].removeprefix("CSeq:").strip()})
            messages.append(Message(float(fields[2]), fields[3] == "S", fields[6], headers))
    return messages
