"""SIPp's logs become messages, whichever version wrote them and however far they are written."""

from __future__ import annotations

from pathlib import Path

from tests.phones.sip import MessageLog, parse_message, parse_short_log

INVITE = (
    "INVITE sip:+442079460001@127.0.0.1:5070 SIP/2.0\r\n"
    "v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    'f: "O\'Neil \\"Bob\\"" <sip:1001@127.0.0.1>;tag=a1\r\n'
    "To: <sip:+442079460001@127.0.0.1>\r\n"
    "i: abc\r\nCSeq: 7 INVITE\r\nAlert-Info: <x>;\r\n info=alert-autoanswer\r\n\r\nv=0\r\n"
)


def test_headers_names_and_numbers_are_read() -> None:
    invite = parse_message(INVITE, 1.0, sent=False)
    assert (invite.method, invite.status, invite.called) == ("INVITE", 0, "+442079460001")
    assert (invite.from_name, invite.from_number, invite.to_tag) == ('O\'Neil "Bob"', "1001", "")
    assert (invite.call_id, invite.cseq, invite.body) == ("abc", "7 INVITE", "v=0\n")
    assert invite.headers["alert-info"] == "<x>; info=alert-autoanswer"
    assert invite.headers["Via"].startswith("SIP/2.0/UDP")


def test_a_response_has_a_status_and_the_method_it_answers() -> None:
    ringing = parse_message("SIP/2.0 180 Ringing\r\nTo: <sip:1@h>;TAG=9\r\nCSeq: 1 INVITE\r\n\r\n", 1.0, sent=True)
    assert (ringing.status, ringing.method, ringing.request_uri, ringing.to_tag) == (180, "INVITE", "", "9")


def test_a_message_half_written_is_read_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    log = MessageLog(path)
    assert log.read() == []
    entry = (
        "----------------------------------------------- 2026-11-22T17:41:38.761031Z\n"
        f"UDP message received [{len(INVITE)}] bytes:\n\n{INVITE}\n"
    ).encode()
    path.write_bytes(entry + entry[:300])
    assert [message.time for message in log.read()] == [1795369298.761031]
    with path.open("ab") as file:
        file.write(entry[300:])
    assert [message.called for message in log.read()] == ["+442079460001"] * 2


def test_the_short_log_has_times_and_start_lines(tmp_path: Path) -> None:
    path = tmp_path / "short.log"
    assert parse_short_log(path) == []
    line = "2026-11-22\t17:41:38.761031\t1795369298.761031\tR\tabc\tCSeq:1 INVITE\tINVITE sip:1@h SIP/2.0\n"
    path.write_text(line + line[:70])
    (message,) = parse_short_log(path)
    assert (message.time, message.sent, message.method, message.call_id) == (1795369298.761031, False, "INVITE", "abc")
