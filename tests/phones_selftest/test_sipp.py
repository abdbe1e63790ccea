"""The SIPp phones do what their behaviour says, and report what they saw."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.phones import (
    Behaviour,
    Message,
    PhoneError,
    answer,
    busy,
    carrier,
    declined,
    reject,
    ring_forever,
    silent,
    sipp_caller,
    sipp_phone,
)


async def test_phone_rings_and_answers_then_caller_hangs_up() -> None:
    async with (
        sipp_phone(answer(0.2)) as phone,
        sipp_caller(phone.uri, name='Jane "JD" Doe', from_="447700900001", hang_up_after=0.2) as caller,
    ):
        before = time.time()
        invite = await phone.wait_invite()
        await phone.wait_answered()
        await phone.wait_bye()
        assert abs(invite.time - before) < 1
        assert invite.request_uri == phone.uri
        assert invite.called == "1001"
        assert invite.from_number == "447700900001"
        assert invite.from_name == 'Jane "JD" Doe'
        assert invite.headers["content-type"] == "application/sdp"
        assert "m=audio" in invite.body
        ringing, answered = caller.received(180)[0], caller.received(200)[0]
        assert 0.2 <= answered.time - ringing.time < 0.3
        assert (len(phone.invites), len(phone.byes), len(phone.cancels), len(phone.answered)) == (1, 1, 0, 1)


@pytest.mark.parametrize(
    ("behaviour", "status", "rings"),
    [
        (busy, 486, 0),
        (declined, 603, 1),
        (reject(404), 404, 0),
        (reject(480, 0.2, ring=True), 480, 1),
        (reject(503), 503, 0),
    ],
)
async def test_phone_refuses_and_caller_acknowledges(behaviour: Behaviour, status: int, rings: int) -> None:
    async with sipp_phone(behaviour) as phone, sipp_caller(phone.uri) as caller:
        await caller.wait_received(status)
        await phone.wait_received("ACK")
        assert len(caller.received(180)) == rings
        assert not phone.answered


async def test_phone_with_early_media_sends_183_with_sdp_before_the_answer() -> None:
    async with sipp_phone(answer(0.2, ring=False, early_media=True)) as phone, sipp_caller(phone.uri) as caller:
        await phone.wait_answered()
        assert not caller.received(180)
        assert "m=audio" in caller.received(183)[0].body


async def test_nobody_answers_until_caller_cancels() -> None:
    async with sipp_phone(ring_forever()) as phone, sipp_caller(phone.uri, cancel_after=0.3) as caller:
        await caller.wait_received(487)
        assert await asyncio.wait_for(caller.process.wait(), 3) == 0
        assert len(phone.cancels) == 1
        assert len(phone.sent(487)) == 1
        assert not phone.sent(200)


async def test_silent_phone_sends_nothing_at_all() -> None:
    async with sipp_phone(silent) as phone, sipp_caller(phone.uri):
        await phone.wait_invite()
        await asyncio.sleep(0.8)  # long enough for a retransmission
        assert len(phone.invites) == 1
        assert len([message for message in phone.messages if message.method == "INVITE"]) == 2
        assert not [message for message in phone.messages if message.sent]


async def test_phone_hangs_up_first() -> None:
    async with sipp_phone(answer(ring=False, hang_up_after=0.3)) as phone, sipp_caller(phone.uri) as caller:
        bye = await caller.wait_bye()
        await phone.wait_received(200)
        assert 0.3 <= bye.time - phone.answered[0].time < 0.4
        assert len(phone.sent("BYE")) == 1


async def test_carrier_treats_each_number_by_its_own_rule() -> None:
    rules = {"442079460002": busy, "+442079460003": reject(480), "4479*": declined, "*": answer(ring=False)}
    async with carrier(rules) as phone:
        for number, status in (
            ("442079460002", 486),
            ("+442079460002", 486),
            ("442079460003", 480),
            ("447900123456", 603),
            ("4420794600021", 200),
        ):
            async with sipp_caller(f"sip:{number}@127.0.0.1:{phone.port}", hang_up_after=0.0) as caller:
                await caller.wait_received(status)
        assert [invite.called for invite in phone.invites][:2] == ["442079460002", "+442079460002"]


async def test_carrier_without_a_rule_for_everything_knows_no_other_number() -> None:
    async with carrier({"442079460002": busy}) as phone, sipp_caller(f"sip:1@127.0.0.1:{phone.port}") as caller:
        await caller.wait_received(404)


async def test_hundreds_of_calls_at_once_on_one_phone() -> None:
    async with (
        sipp_phone(answer(ring=False), light=True) as phone,
        sipp_caller(phone.uri, calls=300, rate=300, hang_up_after=1.0, light=True) as caller,
    ):
        await phone.wait_bye(300, timeout=10)
        assert await asyncio.wait_for(caller.process.wait(), 3) == 0
        assert len(phone.invites) == len(phone.answered) == 300
        assert max(_concurrent(phone.invites, phone.byes)) > 200


def _concurrent(starts: list[Message], ends: list[Message]) -> list[int]:
    times = [(message.time, 1) for message in starts] + [(message.time, -1) for message in ends]
    level = 0
    return [level := level + step for _, step in sorted(times)]


@pytest.mark.parametrize("method", ["OPTIONS", "BYE", "ACK", "CANCEL", "INFO", "NONSENSE"])
async def test_a_message_out_of_the_blue_does_not_end_the_phone(method: str) -> None:
    async with sipp_phone(answer(ring=False)) as phone:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(_request(method, phone.uri, "blue"), ("127.0.0.1", phone.port))
            stranger.sendto(b"hello", ("127.0.0.1", phone.port))
            async with sipp_caller(phone.uri, hang_up_after=0.0):
                await phone.wait_bye(2 if method == "BYE" else 1)


async def test_options_and_update_during_ringing_are_answered_and_the_call_goes_on() -> None:
    async with sipp_phone(answer(0.5)) as phone, sipp_caller(phone.uri, hang_up_after=0.1):
        invite = await phone.wait_invite()
        methods = {10: "OPTIONS", 11: "UPDATE", 12: "INFO"}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            for number, method in methods.items():
                await asyncio.sleep(0.05)
                other.sendto(_request(method, phone.uri, invite.call_id, number), ("127.0.0.1", phone.port))
        await phone.wait_bye()
        (answered,) = phone.sent(200)
        assert 0.5 <= answered.time - invite.time < 0.6
        accepted = [message.cseq for message in phone.messages if message.sent and message.status == 200]
        assert accepted == [*(f"{number} {method}" for number, method in methods.items()), "1 INVITE", "2 BYE"]


async def test_a_wait_that_fails_tells_what_the_phone_saw() -> None:
    async with sipp_phone(busy) as phone, sipp_caller(phone.uri):
        await phone.wait_received("ACK")
        with pytest.raises(
            PhoneError, match=r"1 BYE: not within 0.1 s(.|\n)*<- INVITE sip:1001@(.|\n)*-> SIP/2.0 486 Busy"
        ):
            await phone.wait_bye(timeout=0.1)


async def test_phone_is_gone_after_a_failing_test() -> None:
    with pytest.raises(RuntimeError):
        async with sipp_phone() as phone:
            raise RuntimeError
    assert phone.process.returncode is not None
    assert not phone.folder.exists()


def _request(method: str, uri: str, call_id: str, number: int = 1) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{method}{number}",
        "From: <sip:stranger@127.0.0.1>;tag=1",
        f"To: <{uri}>",
        f"Call-ID: {call_id}",
        f"CSeq: {number} {method}",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
