"""Transfers through the API: every party hangs up, is busy, rejects or does not answer, at every stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.talk import (
    AGENT,
    COLLEAGUE,
    CUSTOMER,
    HELPS,
    RINGBACK,
    Talk,
    ended,
    hear_each_other,
    hears,
    hears_music,
    successor,
    talking,
)
from tests.integration.world import Exchange, email
from tests.store import databases


@pytest.fixture
async def talk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """The agent and the customer talk."""
    async with talking(pbx, server, f"move{transport}", transport) as made:
        yield made


async def test_blind_customer_hears_ringback_until_the_target_answers_and_then_talks_with_her(talk: Talk) -> None:
    transfer = await talk.transfer(HELPS, "blind")
    assert (transfer["state"], transfer["mode"], transfer["agent"]["email"]) == ("ringing", "blind", HELPS)
    await talk.colleague.wait_incoming()
    await hears(talk.customer, *RINGBACK)
    await talk.colleague.accept()
    call_id = await successor(talk)
    await ended(talk, "transferred")
    await talk.agent.wait_closed()
    await hear_each_other(talk.customer, talk.colleague)
    call = await talk.desk.call(call_id)
    assert call["agent"]["email"] == HELPS
    await talk.customer.hang_up()
    assert (await talk.desk.until(call_id, "ended"))["end_reason"] == "completed"
    await talk.colleague.wait_closed()
    await talk.desk.nothing_left()
    events = talk.events()
    assert events[-3:] == ["call.transfer_started", "call.transfer_completed", "call.ended"]


async def test_blind_to_a_busy_target_brings_the_customer_back_and_the_agent_is_told_why(talk: Talk) -> None:
    await talk.transfer(email("busy"), "blind")
    assert (await talk.transfer_is("failed"))["reason"] == "busy"
    await hear_each_other(talk.customer, talk.agent)
    assert (await talk.desk.call(talk.call_id))["state"] == "talking"


async def test_blind_to_a_target_who_rejects_brings_the_customer_back(talk: Talk) -> None:
    await talk.transfer(email("declines"), "blind")
    assert (await talk.transfer_is("failed"))["reason"] == "rejected"
    await hears(talk.customer, AGENT)


async def test_blind_to_a_target_who_does_not_answer_brings_the_customer_back(talk: Talk) -> None:
    await talk.transfer(email("rings"), "blind")
    assert (await talk.transfer_is("failed"))["reason"] == "no_answer"
    await hear_each_other(talk.customer, talk.agent)


async def test_blind_ends_as_transferred_only_once_the_target_answered_though_the_agent_has_gone(talk: Talk) -> None:
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    await talk.agent.hang_up()
    await talk.agent.wait_closed()
    await hears(talk.customer, *RINGBACK)
    assert (await talk.desk.call(talk.call_id))["state"] == "talking"
    await talk.colleague.accept()
    await successor(talk)
    await ended(talk, "transferred")
    await hears(talk.customer, COLLEAGUE)


async def test_blind_that_fails_after_the_agent_has_gone_rings_her_again_and_they_talk(talk: Talk) -> None:
    await talk.transfer(email("rings"), "blind")
    await talk.agent.hang_up()
    assert (await talk.transfer_is("failed"))["reason"] == "no_answer"
    await talk.agent.wait_established(2)
    await hear_each_other(talk.customer, talk.agent)
    await talk.agent.hang_up()
    await ended(talk, "completed")


async def test_blind_customer_who_hangs_up_while_the_target_rings_ends_all_of_it(talk: Talk) -> None:
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    await talk.customer.hang_up()
    await ended(talk, "completed")
    await talk.colleague.wait_closed()
    await talk.agent.wait_closed()


async def test_blind_cancelled_brings_the_customer_back(talk: Talk) -> None:
    transfer = await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    for _ in range(2):
        await talk.wish("DELETE", f"transfers/{transfer['id']}")
    await talk.colleague.wait_closed()
    await hear_each_other(talk.customer, talk.agent)
    assert (await talk.desk.call(talk.call_id))["transfer"]["state"] == "cancelled"


async def test_attended_customer_hears_music_while_the_agent_consults_and_is_then_connected(talk: Talk) -> None:
    transfer = await talk.transfer(HELPS, "attended")
    await talk.colleague.wait_incoming()
    await hears(talk.agent, *RINGBACK)
    assert (await talk.desk.call(talk.call_id))["held"] is True
    await talk.colleague.accept()
    await talk.transfer_is("talking")
    await hears(talk.agent, COLLEAGUE)
    await hears(talk.colleague, AGENT, but_not=CUSTOMER)
    await hears_music(talk.customer)
    await talk.wish("POST", f"transfers/{transfer['id']}/complete")
    await successor(talk)
    await ended(talk, "transferred")
    await talk.agent.wait_closed()
    await hear_each_other(talk.customer, talk.colleague)


async def test_attended_swap_goes_to_and_fro_between_the_two(talk: Talk) -> None:
    transfer = await talk.consult()
    await talk.wish("POST", f"transfers/{transfer}/swap")
    await hears(talk.agent, CUSTOMER)
    await hears(talk.customer, AGENT, but_not=COLLEAGUE)
    await talk.wish("POST", f"transfers/{transfer}/swap")
    await hears(talk.agent, COLLEAGUE)
    await hears(talk.colleague, AGENT, but_not=CUSTOMER)
    await talk.wish("POST", f"transfers/{transfer}/swap")
    await talk.wish("POST", f"transfers/{transfer}/complete")
    await hear_each_other(talk.customer, talk.colleague)


async def test_attended_cancelled_brings_the_customer_back(talk: Talk) -> None:
    transfer = await talk.consult()
    await talk.wish("DELETE", f"transfers/{transfer}")
    await talk.colleague.wait_closed()
    await hear_each_other(talk.customer, talk.agent)
    assert (await talk.desk.call(talk.call_id))["held"] is False


async def test_attended_cancelled_while_the_target_rings_brings_the_customer_back(talk: Talk) -> None:
    transfer = await talk.transfer(HELPS, "attended")
    await talk.colleague.wait_incoming()
    await talk.wish("DELETE", f"transfers/{transfer['id']}")
    await talk.colleague.wait_closed()
    await hear_each_other(talk.customer, talk.agent)


@pytest.mark.parametrize(("who", "reason"), [("busy", "busy"), ("declines", "rejected"), ("rings", "no_answer")])
async def test_attended_to_a_target_who_cannot_be_had_brings_the_customer_back(
    talk: Talk, who: str, reason: str
) -> None:
    await talk.transfer(email(who), "attended")
    assert (await talk.transfer_is("failed"))["reason"] == reason
    await hear_each_other(talk.customer, talk.agent)


async def test_attended_target_who_hangs_up_in_the_consultation_brings_the_customer_back(talk: Talk) -> None:
    await talk.consult()
    await talk.colleague.hang_up()
    assert (await talk.transfer_is("failed"))["reason"] == "hangup"
    await hear_each_other(talk.customer, talk.agent)


async def test_attended_agent_who_hangs_up_in_the_consultation_completes_it(talk: Talk) -> None:
    await talk.consult()
    await talk.agent.hang_up()
    await successor(talk)
    await ended(talk, "transferred")
    await hear_each_other(talk.customer, talk.colleague)


async def test_attended_agent_who_hangs_up_while_it_rings_leaves_the_customer_waiting_for_the_target(
    talk: Talk,
) -> None:
    await talk.transfer(HELPS, "attended")
    await talk.colleague.wait_incoming()
    await talk.agent.hang_up()
    await hears(talk.customer, *RINGBACK)
    await talk.colleague.accept()
    await successor(talk)
    await ended(talk, "transferred")
    await hears(talk.customer, COLLEAGUE)


async def test_attended_completed_while_it_rings_is_a_blind_one(talk: Talk) -> None:
    transfer = await talk.transfer(HELPS, "attended")
    await talk.colleague.wait_incoming()
    await talk.wish("POST", f"transfers/{transfer['id']}/complete")
    await hears(talk.customer, *RINGBACK)
    await talk.colleague.accept()
    await successor(talk)
    await hears(talk.customer, COLLEAGUE)


async def test_attended_customer_who_hangs_up_meanwhile_ends_all_of_it(talk: Talk) -> None:
    await talk.consult()
    await talk.customer.hang_up()
    await ended(talk, "completed")
    await talk.agent.wait_closed()
    await talk.colleague.wait_closed()


async def test_two_transfers_at_once_are_refused(talk: Talk) -> None:
    await talk.transfer(HELPS, "attended")
    for mode in ("blind", "attended"):
        problem = await talk.transfer(email("rings"), mode, 409)
        assert problem["code"] == "transfer_in_progress"


async def test_target_can_be_an_extension_or_a_number_and_the_policy_applies(talk: Talk) -> None:
    helper = (await talk.desk.call(talk.call_id))["agent"]
    problem = await talk.transfer(helper["extension"], "blind", 409)
    assert problem["code"] == "wrong_state", "her own"
    for number, code in (("999", "number_blocked"), ("+4490", "invalid_number"), ("+12025550123", "number_blocked")):
        assert (await talk.transfer(number, "blind", 422))["code"] == code
    assert (await talk.transfer("nobody@getdesk.example", "blind", 404))["code"] == "agent_not_found"
    assert (await talk.transfer("7799", "blind", 422))["code"] == "agent_offline"
    await hears(talk.customer, AGENT)
    extension = (await talk.desk.api("GET", "/api/v1/calls"))[1]["calls"][0]["agent"]["extension"]
    transfer = await talk.transfer(str(int(extension) + 1), "blind")
    assert transfer["agent"]["email"] == HELPS
    await talk.colleague.wait_incoming()


async def test_transfer_to_a_number_outside_connects_the_two(talk: Talk) -> None:
    await talk.transfer("020 7946 0055", "blind")
    # The customer's own phone takes that call, too: what counts is that it was dialled in E.164 and answered.
    call_id = await successor(talk)
    call = await talk.desk.call(call_id)
    assert call["agent"] == {"email": "", "name": "+442079460055", "extension": None}
    await ended(talk, "transferred")


async def test_held_customer_can_be_transferred_and_is_heard_again(talk: Talk) -> None:
    await talk.wish("PUT", "hold")
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    await talk.colleague.accept()
    await successor(talk)
    await hear_each_other(talk.customer, talk.colleague)


async def test_successor_can_be_muted_held_and_transferred_back(talk: Talk) -> None:
    await talk.transfer(HELPS, "blind")
    await talk.colleague.wait_incoming()
    await talk.colleague.accept()
    talk.call_id = await successor(talk)
    await talk.wish("PUT", "mute")
    await hears(talk.customer)
    await talk.wish("DELETE", "mute")
    await talk.agent.wait_closed()
    await talk.transfer(email("speaks"), "blind")
    await successor(talk)
    await hear_each_other(talk.customer, talk.agent)


async def test_recording_goes_on_through_a_consultation_and_ends_with_the_transfer(talk: Talk, tmp_path: Path) -> None:
    await talk.wish("PUT", "recording")
    transfer = await talk.consult()
    assert (await talk.desk.call(talk.call_id))["recording"] is True
    await talk.wish("POST", f"transfers/{transfer}/complete")
    await ended(talk, "transferred")
    call = await talk.desk.call(talk.call_id)
    assert call["recording"] is False
    assert (await talk.recorded(call["recordings"][0], tmp_path)).seconds > 0
