"""What passes from a browser to Asterisk, and what does not."""

from __future__ import annotations

import pytest

from ctc_ari.http.sip_messages import objection

ME = "web-1001"
FROM = "From: <sip:web-1001@ctc.invalid>;tag=a"
TO = "To: <sip:web-1001@ctc.invalid>"


def message(first: str, *lines: str, body: str = "") -> str:
    return "\r\n".join((first, *lines, "Content-Length: 0", "", body))


REGISTER = "REGISTER sip:ctc.invalid SIP/2.0"


@pytest.mark.parametrize(
    "text",
    [
        message(REGISTER, FROM, TO),
        message(REGISTER, 'From: "Anna <Berg> \\"x\\"" <sip:web-1001@ctc.invalid>;tag=a', TO),
        message(REGISTER, "f: sip:web-1001@ctc.invalid;tag=a", "t: <sip:web-1001@ctc.invalid>"),
        message("BYE sip:x@192.0.2.1 SIP/2.0", FROM, "To: <sip:x@y>;tag=b", "Route: <sip:a>", "Route: <sip:b>"),
        message("INVITE sip:x@192.0.2.1 SIP/2.0", FROM, "To: <sip:x@y>;tag=b", body="v=0\r\nFrom: nobody\r\n"),
        "SIP/2.0 200 OK\r\nFrom: <sip:442079460123@carrier>\r\n\r\n",
        "\r\n\r\n",
    ],
)
def test_what_a_phone_says_in_its_own_name_passes(text: str) -> None:
    assert objection(text, ME) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (message(REGISTER, "From: <sip:1001@ctc.invalid>;tag=a", TO), "somebody else's name"),
        (message(REGISTER, "From: <sip:web-1002@ctc.invalid>;tag=a", TO), "somebody else's name"),
        (message(REGISTER, 'From: "<sip:web-1001@a>" <sip:1001@ctc.invalid>', TO), "somebody else's name"),
        (message(REGISTER, "From: <sip:web-1001:secret@ctc.invalid>", TO), "somebody else's name"),
        (message(REGISTER, "From: <sip:1001@ctc.invalid>, <sip:web-1001@ctc.invalid>", TO), "somebody else's name"),
        (message(REGISTER, TO), "somebody else's name"),
        (message(REGISTER, FROM, "f: <sip:1001@ctc.invalid>", TO), "two from headers"),
        (message(REGISTER, "from : <sip:1001@ctc.invalid>", FROM, TO), "two from headers"),
        (message(REGISTER, "From:", " <sip:1001@ctc.invalid>", TO), "a header that cannot be read"),
        (message(REGISTER, f"{FROM}\nFrom: <sip:1001@x>", TO), "a header that cannot be read"),
        (message("INVITE sip:900@asterisk SIP/2.0", FROM, "To: <sip:900@asterisk>"), "a call of its own"),
        (message("INVITE sip:900@asterisk SIP/2.0", FROM, "To: <sip:900@asterisk;tag=x>"), "a call of its own"),
        (message("REFER sip:x@y SIP/2.0", FROM, TO), "not a request"),
        (message("MESSAGE sip:x@y SIP/2.0", FROM, TO), "not a request"),
        ("GET / HTTP/1.1\r\n\r\n", "not a request"),
        (f"{REGISTER}\n{FROM}\n\n", "not a request"),
        ("\x00", "not a request"),
    ],
)
def test_everything_else_does_not(text: str, why: str) -> None:
    assert (objection(text, ME) or "").startswith(why)
