"""The scenario of a SIPp phone that calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .behaviour import sdp

__all__ = ["calling_scenario"]

#: SIPp has no "any other status"; these are the ones that Asterisk sends.
REFUSALS = (
    *(300, 301, 302, 400, 401, 403, 404, 405, 406, 407, 408, 410, 413, 415, 420, 421, 422, 423, 480, 481, 482, 483),
    *(484, 485, 486, 487, 488, 489, 491, 493, 500, 501, 502, 503, 504, 505, 513, 580, 600, 603, 604, 606),
)


def calling_scenario(
    to: str,
    *,
    from_: str,
    name: str,
    media_port: int,
    hang_up_after: float | None,
    cancel_after: float | None,
    play: Path | None,
    headers: Sequence[str] = (),
) -> str:
    """The SIPp scenario of one call: see `sipp_caller`."""
    port = media_port if play is None else "[rtpstream_audio_port]"
    quoted = re.sub(r'(["\\])', r"\\\1", name)
    display = f'"{quoted}" ' if name else ""
    shared = f"""Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {display}<sip:{from_}@[local_ip]:[local_port]>;tag=[pid]F[call_number]"""
    timeout = "" if cancel_after is None else f' timeout="{round(cancel_after * 1000)}" ontimeout="cancel"'
    refused = "".join(f'<recv response="{code}" optional="true" next="refused"/>\n' for code in REFUSALS)
    progress = "".join(f'<recv response="{code}" optional="true" next="wait"{timeout}/>\n' for code in (180, 181, 183))
    stream = f'<nop><action><exec rtp_stream="{play},-1,0,PCMU/8000"/></action></nop>' if play else ""
    talk = (
        '<recv request="BYE" next="bye"/>'
        if hang_up_after is None
        else f'<pause milliseconds="{round(hang_up_after * 1000)}" next="hang_up"/>'
    )
    same = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]"
    contact = f"Contact: <sip:{from_}@[local_ip]:[local_port]>"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE {to} SIP/2.0
{shared}
To: <{to}>
Call-ID: [call_id]
CSeq: 1 INVITE
{contact}
Max-Forwards: 70
{"".join(f"{header}{chr(10)}" for header in headers)}{sdp(port)}]]></send>
<label id="wait"/>
<recv response="100" optional="true" next="wait"{timeout}/>
{progress}{refused}<recv response="200" rrs="true"{timeout}><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/>
</action></recv>
<send><![CDATA[
ACK [next_url] SIP/2.0
{shared}
To:[$callee]
Call-ID: [call_id]
CSeq: 1 ACK
[routes]
Max-Forwards: 70
Content-Length: 0

]]></send>
{stream}
{talk}

<label id="refused"/>
<send next="finish"><![CDATA[
ACK {to} SIP/2.0
[last_Via:]
{shared.partition(chr(10))[2]}
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>

<label id="cancel"/>
<send retrans="500"><![CDATA[
CANCEL {to} SIP/2.0
[last_Via:]
{shared.partition(chr(10))[2]}
To: <{to}>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0

]]></send>
<label id="cancelled"/>
<recv response="487" optional="true" next="refused"/>
<recv response="200" next="cancelled"/>

<label id="_unexp.main"/>
<recv request="BYE" optional="true" next="bye"/>
<recv request="ACK" optional="true" next="back"/>
<recv request="INVITE" optional="true" next="reinvite"/>
<recv request=".*" regexp_match="true"/>
<send next="back"><![CDATA[
SIP/2.0 200 OK
{same}
{contact}
Content-Length: 0

]]></send>
<label id="reinvite"/>
<send><![CDATA[
SIP/2.0 200 OK
{same}
{contact}
{sdp(media_port)}]]></send>
<label id="back"/>
<nop><action>
<pauserestore variable="_unexp.pausedaddr"/>
<assign assign_to="back" value="0"/>
<add assign_to="back" variable="_unexp.retaddr"/>
<assign assign_to="_unexp.retaddr" value="0"/>
<jump variable="back"/>
</action></nop>

<label id="bye"/>
<send next="finish"><![CDATA[
SIP/2.0 200 OK
{same}
Content-Length: 0

]]></send>

<label id="hang_up"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
{shared}
To:[$callee]
Call-ID: [call_id]
CSeq: 2 BYE
[routes]
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="481" optional="true" next="finish"/>
<recv request="BYE" optional="true" next="bye"/>
<recv response="200"/>
<Reference variables="_unexp.retaddr,_unexp.pausedaddr,back,callee"/>
<label id="finish"/>
</scenario>
"""
