"""Asterisk's records of one call become one row of the log."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ctc_ari.log.cdr import is_complete, row_of_records
from ctc_ari.log.house import house_of, trunk_endpoint
from ctc_ari.log.records import CdrRow
from ctc_ari.log.row import LogRow
from tests.calls.builders import AGENTS, ALICE, BOB, CALL_ID, CALLER, CAROL, DID, NOW
from tests.log.tape import HOUSE, NUMBER, tape

TALK = """
0.0 agent starts
0.1 customer starts
2.0 agent answers
2.0 agent stasis ctc
2.0 agent in b
2.0 customer in b
5.0 customer answers
"""
MEET = "2.0 bob answers\n2.0 caller answers\n2.0 caller in b\n2.0 bob in b\n"
OFFER = f"""
0.0 caller starts
0.0 caller stasis ctc inbound {DID}
0.1 bob starts
"""


def row(text: str, linkedid: str = CALL_ID) -> LogRow:
    found = row_of_records(linkedid, tape(text, linkedid), [], HOUSE)
    assert found is not None
    return found


def story(found: LogRow) -> tuple[str | float, ...]:
    times = found.ring_seconds, found.talk_seconds, found.hold_seconds
    return found.direction, found.disposition, found.end_reason, *(round(time, 3) for time in times)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("9.0 customer gone 16 by customer\n9.0 agent gone 16 by customer", 0.0),
        ("6.0 customer music\n7.5 customer quiet\n9.0 agent gone 16\n9.0 customer gone 16", 1.5),
        ("6.0 customer out\n7.0 customer in b\n9.0 agent gone 16\n9.0 customer gone 16", 1.0),
    ],
)
def test_a_conversation(text: str, held: float) -> None:
    assert story(row(TALK + text)) == ("outbound", "answered", "completed", 3.0, 4.0, held)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.0 customer gone 17 by customer\n6.0 agent gone 16", ("busy", "customer_busy", 1.0)),
        ("3.0 customer gone 21 by customer\n6.0 agent gone 16", ("rejected", "customer_rejected", 1.0)),
        ("4.0 customer gone 19\n7.0 agent gone 16", ("no_answer", "customer_no_answer", 2.0)),
        ("3.0 customer gone 1 by customer\n6.0 agent gone 16", ("failed", "unreachable", 1.0)),
        ("4.0 agent gone 16 by agent\n4.0 customer gone 16 by agent", ("cancelled", "agent_hangup", 2.0)),
        ("4.0 agent gone 16\n4.0 customer gone 16", ("cancelled", "cancelled", 2.0)),
    ],
)
def test_a_customer_who_does_not_answer(text: str, expected: tuple[str, str, float]) -> None:
    before = TALK.rpartition("5.0")[0]
    assert story(row(before + text)) == ("outbound", *expected, 0.0, 0.0)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("17 by agent", ("cancelled", "agent_busy")),
        ("21 by agent", ("cancelled", "agent_rejected")),
        ("19", ("cancelled", "agent_no_answer")),
        ("16", ("cancelled", "cancelled")),
        ("20 by agent", ("failed", "unreachable")),
    ],
)
def test_an_agent_who_does_not_answer(cause: str, expected: tuple[str, str]) -> None:
    text = f"0.0 agent starts\n0.1 customer starts\n3.0 agent gone {cause}\n3.0 customer gone 16"
    assert story(row(text)) == ("outbound", *expected, 0.0, 0.0, 0.0)


def test_a_transfer_names_both_agents_and_counts_the_waiting() -> None:
    found = row(
        TALK
        + """
6.0 customer out
6.0 customer music
6.0 bob starts
6.0 bob in b
7.0 bob answers
8.0 customer quiet
8.0 customer in b
8.0 agent gone 16
11.0 customer gone 16 by customer
11.0 bob gone 16 by customer
"""
    )
    assert story(found) == ("outbound", "answered", "completed", 3.0, 6.0, 2.0)
    assert [(agent.email, agent.talked) for agent in found.agents] == [(ALICE.email, True), (BOB.email, True)]
    assert found.agent_email == BOB.email


@pytest.mark.parametrize(
    ("cause", "reason"),
    [("38", "failed"), ("17", "agent_busy"), ("16", "completed"), ("38 by customer", "completed")],
)
def test_why_the_service_hung_up_is_said_by_the_cause(cause: str, reason: str) -> None:
    assert story(row(f"{TALK}9.0 customer gone {cause}\n9.0 agent gone 16"))[1:3] == ("answered", reason)


def test_an_agent_who_does_not_take_the_customer_back_is_the_reason() -> None:
    left = "6.0 agent gone 16 by agent\n6.0 customer out\n6.5 again starts\n9.0 again gone 19\n9.1 customer gone 16"
    assert story(row(TALK + left)) == ("outbound", "answered", "agent_no_answer", 3.0, 4.1, 3.1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MEET}6.0 bob gone 16 by bob\n6.0 caller gone 16", ("answered", "completed", 2.0, 4.0)),
        ("2.0 caller gone 127 by caller\n2.0 bob gone 16", ("abandoned", "customer_hangup", 2.0, 0.0)),
        ("2.0 bob gone 19\n2.0 caller answers\n6.0 caller gone 16", ("missed", "agent_no_answer", 2.0, 0.0)),
        ("2.0 bob gone 17 by bob\n2.0 caller answers\n6.0 caller gone 16", ("missed", "agent_busy", 2.0, 0.0)),
    ],
)
def test_a_caller(text: str, expected: tuple[str, str, float, float]) -> None:
    found = row(OFFER + text, CALLER)
    assert story(found)[:5] == ("inbound", *expected)
    assert (found.number, found.did, found.agent_email) == (NUMBER, DID, BOB.email)


def test_whom_the_dialplan_rang_is_known_though_phones_share_an_endpoint() -> None:
    dave = replace(CAROL, email="d@example.com", contact="sip:dave@192.0.2.7", desk_endpoint="1002", extension="1004")
    house = house_of([dave, *AGENTS], "PJSIP/{number}@trunk", str)
    rung = "0.0 caller starts\n0.0 caller dial PJSIP/1002/sip:dave@192.0.2.7&PJSIP/web-1004 25\n0.1 bob starts\n"
    found = row_of_records(CALLER, tape(rung + MEET + "6.0 bob gone 16 by bob\n6.0 caller gone 16", CALLER), [], house)
    assert found is not None
    assert (found.agent_email, found.disposition) == (dave.email, "answered")


def test_a_call_dialled_on_a_phone_belongs_to_whose_phone_it_is() -> None:
    text = """
0.0 phone starts
0.5 far starts
2.0 far answers
2.0 phone in b
2.0 far in b
5.0 far gone 16 by far
5.0 phone gone 16 by far
"""
    found = row(text, "1750000000.9")
    assert story(found) == ("outbound", "answered", "completed", 1.5, 3.0, 0.0)
    assert (found.agent_email, found.source) == (CAROL.email, "asterisk")


def test_a_call_that_the_dialplan_refused_reached_nobody() -> None:
    found = row("0.0 phone starts\n0.1 phone gone 21", "1750000000.9")
    assert story(found)[:3] == ("internal", "failed", "failed")


def test_asterisk_listening_to_itself_is_no_call() -> None:
    assert row_of_records("1750000000.11", tape("0.0 spy starts\n1.0 spy gone 16", "1750000000.11"), [], HOUSE) is None


def test_records_are_complete_when_every_channel_has_ended() -> None:
    assert not is_complete([])
    assert not is_complete(tape(TALK + "9.0 agent gone 16"))
    assert is_complete(tape(TALK + "9.0 agent gone 16\n9.0 customer gone 16"))


def cdr(**fields: object) -> CdrRow:
    return CdrRow(**{"start": NOW, "answer": NOW + 2, "end": NOW + 8, "uniqueid": "u", "linkedid": "u"} | fields)  # type: ignore[arg-type]


def test_cdr_alone_tells_who_called_whom_and_for_how_long() -> None:
    rows = [cdr(src="1003", dst=NUMBER, channel="PJSIP/1003-1", dstchannel="PJSIP/trunk-2", disposition="ANSWERED")]
    found = row_of_records("u", [], rows, HOUSE)
    assert found is not None
    assert story(found) == ("outbound", "answered", "completed", 2.0, 6.0, 0.0)
    assert (found.agent_email, found.number) == (CAROL.email, NUMBER)


def test_an_answered_leg_without_a_second_one_is_no_conversation() -> None:
    rows = [cdr(src=NUMBER, dst=DID, channel="PJSIP/trunk-2", disposition="ANSWERED")]
    found = row_of_records("u", [], rows, HOUSE)
    assert found is not None
    assert story(found)[:3] == ("inbound", "missed", "agent_no_answer")


@pytest.mark.parametrize(
    ("trunk", "endpoint"),
    [("PJSIP/{number}@trunk", "trunk"), ("PJSIP/out/sip:{number}@192.0.2.1", "out"), ("PJSIP/{e164}@a-b", "a-b")],
)
def test_the_trunk_is_known_by_its_endpoint(trunk: str, endpoint: str) -> None:
    assert trunk_endpoint(trunk) == endpoint
    assert house_of(AGENTS, trunk, str).agent("web-1001") == ALICE
