"""Somebody calls: the phones of one agent after the other ring, and everything that can happen then."""

from __future__ import annotations

import pytest

from tests.calls.builders import an_inbound_call
from tests.calls.scenario import play, summary

OFFERED = """
    0.1 | stored         | find 0                                                   | offered
    0.2 | alice found    | originate offer:1, originate offer:2, ringback customer, |
        |                | create bridge, !offered                                  | offered
    0.3 | offer:1 dialed | -                                                        | offered
    0.4 | offer:1 rings  | !agent_ringing                                           | offered
"""

INBOUND: dict[str, tuple[str, str]] = {
    "the_desk_phone_answers_and_the_other_stops_ringing": (
        "completed by customer",
        f"""{OFFERED}
        0.5  | offer:2 rings     | -                                                                | offered
        5    | offer:1 answers   | answer customer, bridge, hang up former:.x002 26, keep customer, |
             |                   | !agent_answered, !answered                                       | talking
        5.1  | former:.x002 gone | -                                                                | talking
        60   | customer gone     | hang up agent, !ended                                            | ending
        60.1 | agent gone        | destroy bridge                                                   | ended
        """,
    ),
    "the_browser_answers_and_the_desk_phone_stops_ringing": (
        "talking",
        f"""{OFFERED}
        5   | offer:2 answers   | answer customer, bridge, hang up former:.x001 26, keep customer, |
            |                   | !agent_answered, !answered                                       | talking
        5.1 | former:.x001 gone | -                                                                | talking
        """,
    ),
    "both_answer_at_once_and_the_first_has_it": (
        "talking",
        f"""{OFFERED}
        5   | offer:1 answers      | answer customer, bridge, hang up former:.x002 26, |
            |                      | keep customer, !agent_answered, !answered         | talking
        5   | former:.x002 answers | -                                                 | talking
        5.1 | former:.x002 gone    | -                                                 | talking
        """,
    ),
    "only_one_device_is_registered": (
        "talking",
        f"""{OFFERED}
        0.5 | refused originate offer:2 500 | -                                       | offered
        5   | offer:1 answers               | answer customer, bridge, keep customer, |
            |                               | !agent_answered, !answered              | talking
        """,
    ),
    "the_caller_gives_up_while_it_rings": (
        "customer_hangup by customer",
        f"""{OFFERED}
        5   | customer gone | hang up offer:1, hang up offer:2, !ended | ending
        5.1 | offer:1 gone  | -                                        | ending
        5.2 | offer:2 gone  | destroy bridge                           | ended
        """,
    ),
    "the_caller_gives_up_before_the_row_is_there": (
        "customer_hangup by customer",
        """
        0.05 | customer gone | !ended | ended
        0.1  | stored        | -      | ended
        """,
    ),
    "the_caller_gives_up_before_we_asked_to_be_told": (
        "customer_hangup by customer",
        f"""{OFFERED}
        0.5 | refused watch customer 422 | hang up offer:1, hang up offer:2, !ended | ending
        0.6 | offer:1 gone               | -                                        | ending
        0.7 | offer:2 gone               | destroy bridge                           | ended
        """,
    ),
    "she_declines_on_one_phone_and_the_other_rings_on": (
        "talking",
        f"""{OFFERED}
        5 | offer:1 gone 603 21 | -                                                        | offered
        9 | offer:2 answers     | answer customer, bridge, keep customer, !agent_answered, |
          |                     | !answered                                                | talking
        """,
    ),
    "she_is_busy_on_all_and_the_next_answers": (
        "talking",
        f"""{OFFERED}
        5   | offer:1 gone 486 17 | -                                                        | offered
        5.1 | offer:2 gone 486 17 | !offer_ended to alice@example.com, find 1                | offered
        5.2 | bob found           | originate offer:3, !offered                              | offered
        9   | offer:3 answers     | answer customer, bridge, keep customer, !agent_answered, |
            |                     | !answered                                                | talking
        """,
    ),
    "she_declines_through_the_api_and_the_next_is_rung": (
        "talking",
        f"""{OFFERED}
        5   | cancel            | hang up former:.x001, hang up former:.x002,              |
            |                   | !offer_ended to alice@example.com, find 1                | offered
        5.1 | bob found         | originate offer:3, !offered                              | offered
        5.2 | former:.x001 gone | -                                                        | offered
        5.3 | former:.x002 gone | -                                                        | offered
        9   | offer:3 answers   | answer customer, bridge, keep customer, !agent_answered, |
            |                   | !answered                                                | talking
        """,
    ),
    "the_caller_is_blocked_and_nobody_else_is_rung": (
        "cancelled by system",
        f"""{OFFERED}
        1   | turn away     | hang up customer 17, hang up offer:1, hang up offer:2, !ended | ending
        1.1 | customer gone | -                                                        | ending
        1.2 | offer:1 gone  | -                                                        | ending
        1.3 | offer:2 gone  | destroy bridge                                           | ended
        """,
    ),
    "she_does_not_answer_and_the_next_is_rung": (
        "talking",
        f"""{OFFERED}
        25   | offer:1 gone 480 19 | -                                                        | offered
        25.1 | offer:2 gone 480 19 | !offer_ended to alice@example.com, find 1                | offered
        25.2 | bob found           | originate offer:3, !offered                              | offered
        30   | offer:3 answers     | answer customer, bridge, keep customer, !agent_answered, |
             |                     | !answered                                                | talking
        """,
    ),
    "nobody_answers_and_asterisk_forgets_to_say_so": (
        "agent_no_answer by agent",
        f"""{OFFERED}
        27.2 | deadline      | hang up former:.x001, hang up former:.x002,                   |
             |               | !offer_ended to alice@example.com, find 1                     | offered
        27.3 | bob found     | originate offer:3, !offered                                   | offered
        54.3 | deadline      | hang up former:.x003, !offer_ended to bob@example.com, find 2 | offered
        54.4 | nobody found  | keep customer, answer customer, play vm-nobodyavail customer  | announcing
        58.4 | deadline      | hang up customer, hang up former:.x001, hang up former:.x002, |
             |               | hang up former:.x003, !ended                                  | ending
        58.5 | customer gone | -                                                             | ending
        """,
    ),
    "nobody_answers_and_the_caller_is_told": (
        "agent_no_answer by agent",
        f"""{OFFERED}
        25   | offer:1 gone 480 19 | -                                                            | offered
        25.1 | offer:2 gone 480 19 | !offer_ended to alice@example.com, find 1                    | offered
        25.2 | nobody found        | keep customer, answer customer, play vm-nobodyavail customer | announcing
        29.2 | deadline            | hang up customer, !ended                                     | ending
        29.3 | customer gone       | destroy bridge                                               | ended
        """,
    ),
    "all_are_busy_and_the_caller_is_told": (
        "agent_busy by agent",
        """
        0.1 | stored                | find 0                                                       | offered
        0.2 | nobody found but busy | keep customer, answer customer, play vm-nobodyavail customer | announcing
        4.2 | deadline              | hang up customer, !ended                                     | ending
        4.3 | customer gone         | -                                                            | ended
        """,
    ),
    "nobody_is_registered_and_the_caller_is_told": (
        "unreachable by agent",
        """
        0.1 | stored                        | find 0                                               | offered
        0.2 | bob found                     | originate offer:1, ringback customer, create bridge, |
            |                               | !offered                                             | offered
        0.3 | refused originate offer:1 500 | !offer_ended to bob@example.com, find 2              | offered
        0.4 | nobody found                  | keep customer, answer customer,                      |
            |                               | play vm-nobodyavail customer                         | announcing
        4.4 | deadline                      | hang up customer, !ended                             | ending
        """,
    ),
    "who_was_busy_is_remembered_when_the_next_is_not_registered": (
        "agent_busy by agent",
        f"""{OFFERED}
        5   | offer:1 gone 486 17           | -                                         | offered
        5.1 | offer:2 gone 486 17           | !offer_ended to alice@example.com, find 1 | offered
        5.2 | bob found                     | originate offer:3, !offered               | offered
        5.3 | refused originate offer:3 500 | !offer_ended to bob@example.com, find 2   | offered
        5.4 | nobody found                  | keep customer, answer customer,           |
            |                               | play vm-nobodyavail customer              | announcing
        """,
    ),
    "the_caller_hangs_up_during_the_message": (
        "agent_rejected by agent",
        f"""{OFFERED}
        5   | cancel            | hang up former:.x001, hang up former:.x002,                  |
            |                   | !offer_ended to alice@example.com, find 1                    | offered
        5.1 | nobody found      | keep customer, answer customer, play vm-nobodyavail customer | announcing
        6   | customer gone     | hang up former:.x001, hang up former:.x002, !ended           | ending
        6.1 | former:.x001 gone | -                                                            | ending
        6.2 | former:.x002 gone | destroy bridge                                               | ended
        """,
    ),
    "the_message_cannot_be_played": (
        "agent_rejected by agent",
        f"""{OFFERED}
        5   | cancel                                   | hang up former:.x001, hang up former:.x002, |
            |                                          | !offer_ended to alice@example.com, find 1   | offered
        5.1 | nobody found                             | keep customer, answer customer,             |
            |                                          | play vm-nobodyavail customer                | announcing
        5.2 | refused play vm-nobodyavail customer 500 | hang up customer, hang up former:.x001,     |
            |                                          | hang up former:.x002, !ended                | ending
        """,
    ),
    "hung_up_through_the_api_during_the_message": (
        "agent_rejected by agent",
        f"""{OFFERED}
        5   | cancel       | hang up former:.x001, hang up former:.x002,                          |
            |              | !offer_ended to alice@example.com, find 1                            | offered
        5.1 | nobody found | keep customer, answer customer, play vm-nobodyavail customer         | announcing
        5.2 | cancel       | hang up customer, hang up former:.x001, hang up former:.x002, !ended | ending
        """,
    ),
    "the_row_cannot_be_stored_and_the_dialplan_goes_on": (
        "failed by system",
        """
        2 | store failed | leave customer, !ended | ended
        """,
    ),
    "the_row_comes_too_late_and_the_dialplan_goes_on": (
        "failed by system",
        """
        5.0 | deadline | leave customer, !ended | ended
        5.1 | stored   | -                      | ended
        """,
    ),
    "a_request_to_ring_that_may_have_been_sent_is_waited_for": (
        "talking",
        f"""{OFFERED}
        2 | lost originate offer:1 | -                                                 | offered
        5 | offer:1 answers        | answer customer, bridge, hang up former:.x002 26, |
          |                        | keep customer, !agent_answered, !answered         | talking
        """,
    ),
    "the_winner_is_hung_up_by_the_caller_at_once": (
        "completed by customer",
        f"""{OFFERED}
        5    | offer:1 answers             | answer customer, bridge, hang up former:.x002 26, |
             |                             | keep customer, !agent_answered, !answered         | talking
        5.05 | refused answer customer 404 | -                                                 | talking
        5.1  | customer gone               | hang up agent, hang up former:.x002, !ended       | ending
        5.2  | agent gone                  | -                                                 | ending
        5.3  | former:.x002 gone           | destroy bridge                                    | ended
        """,
    ),
}


@pytest.mark.parametrize("name", INBOUND)
def test_inbound(name: str) -> None:
    outcome, table = INBOUND[name]
    assert summary(play(table, an_inbound_call())) == outcome
