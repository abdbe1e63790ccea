"""Transfers as Asterisk's records tell them."""

from __future__ import annotations

import pytest

from ctc_ari.log.cdr import row_of_records
from ctc_ari.log.row import LogRow
from tests.calls.builders import ALICE, BOB, CALL_ID, NOW
from tests.log.tape import HOUSE, tape
from tests.log.test_cdr import TALK

BLIND = "part=target;id=t1;mode=blind;by=api;to=1002;"
ATTENDED = BLIND.replace("blind", "attended")
#: The target rings, and the customer hears that.
RINGS = "6.0 bob starts\n6.0 agent out\n6.0 customer out\n"
#: The target rings, and the agent hears that.
CONSULTS = "6.0 bob starts\n6.0 customer out\n6.0 customer music\n6.0 bob in b\n"
END = "\n12.0 customer gone 16\n12.0 agent gone 16"
BACK = "\n9.0 customer quiet\n9.0 customer in b"


def row(text: str, mark: str) -> LogRow:
    found = row_of_records(CALL_ID, tape(TALK + text, marks={"bob": mark}), [], HOUSE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "mark", "told"),
    [
        (f"{RINGS}8.0 bob answers\n8.0 bob in b\n8.0 customer in b\n8.0 agent gone 16", BLIND, ("blind", "completed")),
        (
            f"{RINGS}8.0 bob answers\n8.0 bob in b\n8.0 customer in b\n8.02 customer gone 16",
            BLIND,
            ("blind", "completed"),
        ),
        (f"{RINGS}9.0 bob gone 17 by bob{BACK}\n9.0 agent in b", BLIND, ("blind", "failed", "busy")),
        (f"{RINGS}9.0 bob gone 19{BACK}\n9.0 agent in b", BLIND, ("blind", "failed", "no_answer")),
        (f"{RINGS}9.0 bob gone 16{BACK}\n9.0 agent in b", BLIND, ("blind", "cancelled")),
        (f"{CONSULTS}8.0 bob answers{BACK}", ATTENDED, ("attended", "completed")),
        (f"{CONSULTS}8.0 bob answers{BACK}\n9.01 bob gone 16", ATTENDED, ("attended", "cancelled")),
        (
            f"{CONSULTS}8.0 bob answers{BACK}\n9.01 agent gone 16\n9.04 customer gone 16",
            ATTENDED,
            ("attended", "completed"),
        ),
        (
            f"{CONSULTS}8.0 bob answers\n9.0 agent gone 16{BACK}\n9.04 customer gone 16",
            ATTENDED,
            ("attended", "completed"),
        ),
        (f"{CONSULTS}8.0 bob answers\n9.0 bob gone 16 by bob{BACK}", ATTENDED, ("attended", "failed", "hangup")),
        (f"{CONSULTS}9.0 bob gone 21 by bob{BACK}", ATTENDED, ("attended", "failed", "rejected")),
        (f"{CONSULTS}6.01 bob gone 17 by bob{BACK}", ATTENDED, ("attended", "failed", "busy")),
        (
            f"{CONSULTS}7.0 agent gone 16 by agent\n7.02 customer gone 16 by customer\n7.03 bob gone 16",
            ATTENDED,
            ("blind", "cancelled"),
        ),
        (
            f"{CONSULTS}7.0 agent out\n7.0 bob out\n8.0 bob answers\n8.0 bob in b{BACK}",
            ATTENDED,
            ("blind", "completed"),
        ),
    ],
)
def test_what_came_of_a_transfer(text: str, mark: str, told: tuple[str, ...]) -> None:
    later = END if "bob gone" in text else f"{END}\n12.0 bob gone 16"
    (transfer,) = row(text if "by agent" in text else text + later, mark).transfers
    assert (transfer.mode, transfer.state, transfer.reason) == (*told, None)[:3]
    assert (transfer.id, transfer.to, transfer.by, transfer.started_at) == ("t1", "1002", "api", NOW + 6)
    assert transfer.agent is not None
    assert transfer.agent.email == BOB.email


def test_a_target_who_only_passed_the_customer_did_not_talk_with_him() -> None:
    found = row(f"{CONSULTS}8.0 bob answers{BACK}\n9.01 bob gone 16{END}", ATTENDED)
    assert [(agent.email, agent.talked) for agent in found.agents] == [(ALICE.email, True), (BOB.email, False)]
    assert found.agent_email == ALICE.email


def test_a_supervisor_has_no_part_in_the_call() -> None:
    found = row(f"6.0 bob starts\n7.0 bob answers\n7.0 bob in b\n8.0 bob gone 16{END}", "part=supervisor;")
    assert [agent.email for agent in found.agents] == [ALICE.email]
    assert found.transfers == ()


@pytest.mark.parametrize(("text", "mark"), [(RINGS, BLIND), (CONSULTS, ATTENDED)])
def test_a_customer_who_hangs_up_soon_after_being_led_out_had_waited_until_then(text: str, mark: str) -> None:
    found = row(f"{text}6.2 customer gone 16 by customer\n6.2 agent gone 16\n6.2 bob gone 16", mark)
    assert (round(found.talk_seconds, 3), round(found.hold_seconds, 3)) == (1.2, 0.2)
