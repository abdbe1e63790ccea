"""The baresip phones do what they are told, and hear what is said."""

from __future__ import annotations

import asyncio

import pytest

from tests.phones import PhoneError, answer, baresip_phone, sipp_caller, sipp_phone


async def test_phone_rings_accepts_talks_and_hangs_up() -> None:
    async with (
        baresip_phone() as phone,
        sipp_caller(phone.uri, from_="447700900001", name="Jane Doe", tone=1000) as caller,
    ):
        ringing = await phone.wait_incoming()
        assert "447700900001" in ringing.peer
        assert ringing.peer_name == "Jane Doe"
        await phone.accept()
        await phone.wait_established()
        heard = await phone.listen(0.5)
        assert heard.frequency == 1000
        assert heard.has(1000)
        assert not heard.has(440)
        await phone.hang_up()
        await caller.wait_bye()
        assert (await phone.wait_closed()).call_id == ringing.call_id


async def test_phone_rejects_a_call_as_busy() -> None:
    async with baresip_phone() as phone, sipp_caller(phone.uri) as caller:
        await phone.wait_incoming()
        await phone.reject()
        await caller.wait_received(486)


async def test_caller_gives_up_and_the_phone_stops_ringing() -> None:
    async with baresip_phone() as phone, sipp_caller(phone.uri, cancel_after=0.2):
        await phone.wait_incoming()
        await phone.wait_closed()


async def test_hold_key_sends_sendonly_and_resume_takes_it_back() -> None:
    async with baresip_phone(answer=True) as phone, sipp_caller(phone.uri) as caller:
        await phone.wait_established()
        await phone.hold()
        held = await caller.wait_received("INVITE")
        assert "a=sendonly" in held.body
        await caller.wait_received("ACK")
        await phone.resume()
        resumed = await caller.wait_received("INVITE", 2)
        assert "a=sendrecv" in resumed.body
        await caller.wait_received("ACK", 2)
        await phone.hang_up()
        await caller.wait_bye()


async def test_phones_answer_by_themselves_only_where_they_are_told_to() -> None:
    async with baresip_phone(answer=True) as always, sipp_caller(always.uri, hang_up_after=0.1):
        await always.wait_established()
        await always.wait_closed()
    async with baresip_phone(auto_answer=True) as asked, sipp_caller(asked.uri, cancel_after=0.2):
        if "baresip v1.0" in (asked.folder / "output.log").read_text():
            pytest.skip("baresip 1.0 does not read Call-Info")
        await asked.wait_incoming()
        await asked.wait_closed()
        assert not [event for event in asked.events if event.type == "CALL_ESTABLISHED"]
    headers = ["Call-Info: <sip:127.0.0.1>;answer-after=0"]
    async with baresip_phone(auto_answer=True) as asked, sipp_caller(asked.uri, headers=headers):
        await asked.wait_established()


async def test_phone_calls_somebody_and_hears_early_media_before_the_answer() -> None:
    async with (
        baresip_phone() as phone,
        sipp_phone(answer(1.0, ring=False, early_media=True, tone=600)) as other,
    ):
        await phone.dial(other.uri)
        await phone.wait("CALL_PROGRESS")
        assert (await phone.listen(0.4)).frequency == 600
        assert not other.answered
        await phone.wait_established()
        await phone.hang_up()
        await other.wait_bye()


async def test_blind_transfer_key_sends_refer() -> None:
    async with baresip_phone(answer=True) as phone, sipp_caller(phone.uri) as caller:
        await phone.wait_established()
        await phone.transfer("sip:1002@127.0.0.1")
        refer = await caller.wait_received("REFER")
        assert "sip:1002@127.0.0.1" in refer.headers["Refer-To"]


async def test_a_refused_command_and_a_missing_event_say_what_happened() -> None:
    async with baresip_phone() as phone:
        with pytest.raises(PhoneError, match="`hold ` failed: command not found"):
            await phone.hold()
        with pytest.raises(PhoneError, match=r"1 CALL_INCOMING: not within 0\.1 s"):
            await phone.wait_incoming(timeout=0.1)


async def test_phone_is_gone_after_a_failing_test() -> None:
    with pytest.raises(RuntimeError):
        async with baresip_phone() as phone:
            raise RuntimeError
    await asyncio.sleep(0)
    assert phone.process.returncode is not None
    assert not phone.folder.exists()
