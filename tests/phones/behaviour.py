"""What a SIPp phone does when it is called, as plain data and as the scenario that SIPp runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

__all__ = ["Behaviour", "answer", "busy", "declined", "reject", "ring_forever", "scenario", "sdp", "silent"]

REASONS = {
    180: "Ringing", 183: "Session Progress", 200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    408: "Request Timeout", 410: "Gone", 480: "Temporarily Unavailable", 484: "Address Incomplete", 486: "Busy Here",
    488: "Not Acceptable Here", 500: "Server Internal Error", 503: "Service Unavailable", 600: "Busy Everywhere",
    603: "Decline", 604: "Does Not Exist Anywhere",
}  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """How one called number reacts; times are seconds after the INVITE, except `hang_up_after`, after the answer."""

    #: The final status; None rings until the caller gives up.
    code: int | None = 200
    after: float = 0.0
    #: Sends 180.
    ring: bool = True
    #: Sends 183 with SDP, so that audio flows before the answer.
    early_media: bool = False
    #: The frequency in Hz that the caller hears, during early media too.
    tone: float | None = None
    hang_up_after: float | None = None
    #: Does not react to anything, like a host that is switched off.
    quiet: bool = False


def answer(
    after: float = 0.0,
    *,
    ring: bool = True,
    early_media: bool = False,
    tone: float | None = None,
    hang_up_after: float | None = None,
) -> Behaviour:
    """Answers; `hang_up_after` seconds later it sends BYE, or waits for the other side's."""
    return Behaviour(200, after, ring, early_media, tone, hang_up_after)


def reject(code: int, after: float = 0.0, *, ring: bool = False, early_media: bool = False) -> Behaviour:
    """Refuses with any status from 300 up."""
    if not 300 <= code <= 699:
        raise ValueError(f"{code} does not refuse a call")
    return Behaviour(code, after, ring, early_media)


def ring_forever(*, early_media: bool = False, tone: float | None = None) -> Behaviour:
    """Nobody is there: 180 until the CANCEL."""
    return Behaviour(None, ring=True, early_media=early_media, tone=tone)


busy = reject(486)
declined = reject(603, ring=True)
silent = Behaviour(None, ring=False, quiet=True)


def scenario(rules: Mapping[str, Behaviour], *, user: str, media_port: int, tones: Mapping[float, str]) -> str:
    """The SIPp scenario that treats each called number by its rule.

    Keys are numbers, with or without `+`, prefixes that end in `*`, and `*` for every other; without it those get
    404. `tones` names the µ-law file of each frequency. Everything here works in SIPp 3.6 as well as in 3.8.
    """
    rules = {"*": reject(404), **rules}
    order = sorted(rules, key=lambda key: (key.endswith("*"), -len(key)))
    tests = "".join(
        f'<ereg regexp={quoteattr(_pattern(key))} search_in="msg" assign_to="is{index}"/>\n'
        for index, key in enumerate(order[:-1])
    )
    # A step costs SIPp a millisecond, so the last rule, and so the only one, is reached without a jump.
    jumps = "".join(f'<nop next="b{index}" test="is{index}"/>\n' for index in range(len(order) - 1))
    last = len(order) - 1
    parts = "".join(_part(f"b{index}", rules[order[index]], user, media_port, tones) for index in (last, *range(last)))
    steps = f"{_invite(tests)}{jumps}{parts}{_unexpected(user, media_port)}"
    # SIPp wants each variable named twice at least, and no name that is not there at all.
    names = [name for name in _VARIABLES if f'="{name}"' in steps]
    reference = f'<Reference variables="{",".join(names)}"/>\n'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="phone">\n'
        f'{steps}{reference}<label id="finish"/>\n</scenario>\n'
    )


_VARIABLES = (
    "via",
    "from",
    "to",
    "cseq",
    "caller",
    "callee",
    "quiet",
    "answered",
    "back",
    "_unexp.retaddr",
    "_unexp.pausedaddr",
)


def _pattern(key: str) -> str:
    number = key.removesuffix("*").removeprefix("+")
    return f"^INVITE sips?:[+]?{number}" + ("" if key.endswith("*") else "[;@]")


def _invite(tests: str) -> str:
    return f"""<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/>
{tests}</action></recv>
"""


#: What a response repeats from its request, which is the last message received.
_SAME = "[last_Via:]\n[last_From:]\n[last_To:]\nCall-ID: [call_id]\n[last_CSeq:]"
_SAME_WITH_TAG = _SAME.replace("[last_To:]", "[last_To:];tag=[pid]T[call_number]")
#: The same from the INVITE, which an UPDATE or a CANCEL may have followed: kept by `_KEEP`.
_KEPT = "[$via]\n[$from]\n[$to];tag=[pid]T[call_number]\nCall-ID: [call_id]\n[$cseq]"
_KEEP = """<nop><action>
<assignstr assign_to="via" value="[last_Via:]"/>
<assignstr assign_to="from" value="[last_From:]"/>
<assignstr assign_to="to" value="[last_To:]"/>
<assignstr assign_to="cseq" value="[last_CSeq:]"/>
</action></nop>
"""


def _response(
    code: int,
    user: str,
    media_port: str | int | None,
    *,
    kept: bool,
    attributes: str = "",
    action: str = "",
) -> str:
    """A response to the first INVITE, with SDP if there is a media port."""
    head = f"""SIP/2.0 {code} {REASONS.get(code, "Refused")}
{_KEPT if kept else _SAME_WITH_TAG}
[last_Record-Route:]
Contact: <sip:{user}@[local_ip]:[local_port]>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"""
    return _send(head, media_port, attributes, action)


def _send(head: str, media_port: str | int | None = None, attributes: str = "", action: str = "") -> str:
    body = "Content-Length: 0\n\n" if media_port is None else sdp(media_port)
    return f"<send{attributes}><![CDATA[\n{head}\n{body}]]>{action}</send>\n"


def sdp(port: str | int) -> str:
    """Type, length and body of an offer or answer of PCMU at this port."""
    return f"""Content-Type: application/sdp
Content-Length: [len]

v=0
o=phone 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
"""


def _part(label: str, rule: Behaviour, user: str, media_port: int, tones: Mapping[float, str]) -> str:
    port: str | int = media_port if rule.tone is None else "[rtpstream_audio_port]"
    play = f'<nop><action><exec rtp_stream="{tones[rule.tone]},-1,0,PCMU/8000"/></action></nop>\n' if rule.tone else ""
    lines = [f'<label id="{label}"/>\n']
    if rule.ring:
        lines.append(_response(180, user, None, kept=False))
    if rule.early_media:
        lines += [_response(183, user, port, kept=False), play]
    if kept := rule.code is None or rule.after > 0:
        lines.append(
            _KEEP.replace(
                "</action>", '<assignstr assign_to="quiet" value="1"/></action>' if rule.quiet else "</action>"
            )
        )
        lines.append(f'<pause milliseconds="{3600000 if rule.code is None else round(rule.after * 1000)}"/>\n')
    if rule.code is None:
        return "".join([*lines, '<nop next="finish"/>\n'])
    if rule.code >= 300:
        lines.append(_response(rule.code, user, None, kept=kept, attributes=' retrans="500"'))
        return "".join([*lines, '<recv request="ACK" next="finish"/>\n'])
    answered = '<action><assignstr assign_to="answered" value="1"/></action>'
    lines.append(_response(rule.code, user, port, kept=kept, attributes=' retrans="500"', action=answered))
    lines.append('<recv request="ACK"/>\n')
    lines.append("" if rule.early_media else play)
    if rule.hang_up_after is None:
        lines.append('<recv request="BYE" next="bye"/>\n')
    else:
        lines.append(f'<pause milliseconds="{round(rule.hang_up_after * 1000)}" next="hang_up"/>\n')
    return "".join(lines)


def _unexpected(user: str, media_port: int) -> str:
    """Whatever may come at any moment; the wait that was interrupted goes on where it was."""
    ok = f"SIP/2.0 200 OK\n{_SAME}\nContact: <sip:{user}@[local_ip]:[local_port]>"
    # A CANCEL has the Via, From, To and number of its INVITE: RFC 3261, 9.1.
    terminated = "SIP/2.0 487 Request Terminated\n" + _SAME_WITH_TAG.replace(
        "[last_CSeq:]", "CSeq: [last_cseq_number] INVITE"
    )
    return f"""<label id="_unexp.main"/>
<recv request="CANCEL" optional="true" next="cancel"/>
<recv request="BYE" optional="true" next="bye"/>
<recv request="ACK" optional="true" next="resume"/>
<recv request="INVITE" optional="true" next="reinvite"/>
<recv request=".*" regexp_match="true"/>
<nop next="resume" test="quiet"/>
{_send(ok)}
<label id="resume"/>
<nop next="back" test="caller"/>
<nop next="finish"/>
<label id="back"/>
<nop><action>
<pauserestore variable="_unexp.pausedaddr"/>
<assign assign_to="back" value="0"/>
<add assign_to="back" variable="_unexp.retaddr"/>
<assign assign_to="_unexp.retaddr" value="0"/>
<jump variable="back"/>
</action></nop>

<label id="reinvite"/>
{_send(ok, media_port)}
<nop next="resume"/>

<label id="cancel"/>
<nop next="resume" test="quiet"/>
<nop next="too_late" test="answered"/>
{_send(f"SIP/2.0 200 OK{chr(10)}{_SAME_WITH_TAG}")}
{_send(terminated, attributes=' retrans="500"')}
<recv request="ACK" next="finish"/>

<label id="too_late"/>
{_send(f"SIP/2.0 200 OK{chr(10)}{_SAME_WITH_TAG}")}
<nop next="resume"/>

<label id="bye"/>
{_send(ok, attributes=' next="finish"')}

<label id="hang_up"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$callee];tag=[pid]T[call_number]
To:[$caller]
Call-ID: [call_id]
CSeq: 1 BYE
[routes]
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="481" optional="true" next="finish"/>
<recv request="BYE" optional="true" next="bye"/>
<recv response="200"/>
"""
