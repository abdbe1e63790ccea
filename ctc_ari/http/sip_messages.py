"""What a browser may say to Asterisk: only in its own name, and only what a phone that is called needs. No I/O.

Asterisk may know its other phones by their name or address alone, and to it every browser has the service's address.
"""

from __future__ import annotations

import re

__all__ = ["objection"]

#: A phone registers, and takes part in calls that were made to it; the service makes them.
_METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "INFO", "UPDATE", "OPTIONS", "PRACK"})
#: RFC 3261, 25.1: Method SP Request-URI SP SIP-Version.
_REQUEST_LINE = re.compile(r"([A-Z]{3,10}) sips?:[^\s<>]{1,512} SIP/2\.0")
_HEADER = re.compile(r"([A-Za-z-]{1,64})[ \t]*:[ \t]*(.*)")
_USER = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"[ \t]*|[^<\"]*)<sips?:([^@:;>]+)@[^>]*>[^<]*|sips?:([^@:;<>]+)@[^<>]*")
_TAG = re.compile(r">.*;[ \t]*tag=[^;]+")


def objection(message: str, account: str) -> str | None:
    """Why this message must not reach Asterisk, in a few words; None: it may.

    Spellings that a parser might read in two ways (folded lines, a header twice) are refused: no browser writes them.
    """
    if not message.strip("\r\n") or message.startswith("SIP/2.0 "):
        #: A keep-alive (RFC 5626, 3.5.1), or an answer to what Asterisk asked.
        return None
    head = message.partition("\r\n\r\n")[0]
    first, *lines = head.split("\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None or request[1] not in _METHODS:
        return "not a request a phone makes"
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            return "a header that cannot be read"
        name = _COMPACT.get(found[1].lower(), found[1].lower())
        if name in _ONCE and name in headers:
            return f"two {name} headers"
        headers[name] = found[2]
    sender = _USER.fullmatch(headers.get("from", "").strip())
    if sender is None or (sender[1] or sender[2]) != account:
        return "somebody else's name"
    if request[1] == "INVITE" and not _TAG.search(headers.get("to", "")):
        return "a call of its own; the service places calls"
    return None


#: RFC 3261, 7.3.3.
_COMPACT = {"f": "from", "t": "to"}
_ONCE = frozenset({"from", "to"})
