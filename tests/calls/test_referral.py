"""Attended transfers by the keys of the agent's phone: hold, a second call, and REFER with Replaces."""

from __future__ import annotations

import pytest

from tests.calls.scenario import play, summary
from tests.calls.stories import SECOND_RINGS, SECOND_TALKS, talking

SECOND: dict[str, tuple[str, str]] = {
    "joined_on_the_first_call": (
        "transferred by agent, attended completed",
        f"""{SECOND_TALKS}
        30   | agent joins | tell answered, hand over: no music customer + bridge customer, |
             |             | !transfer_completed, hang up agent, hang up second, !ended     | ending
        30.1 | agent gone  | -                                                              | ending
        30.2 | second gone | -                                                              | ended
        """,
    ),
    "joined_on_the_second_call": (
        "transferred by agent, attended completed",
        f"""{SECOND_TALKS}
        30   | second joins | tell answered second, hand over: no music customer + bridge customer, |
             |              | !transfer_completed, hang up agent, hang up second, !ended            | ending
        30.1 | second gone  | -                                                                     | ending
        30.2 | agent gone   | -                                                                     | ended
        """,
    ),
    "joined_before_the_target_answered": (
        "consulting, attended ringing",
        f"""{SECOND_RINGS}
        12 | agent joins | tell declined | consulting
        """,
    ),
    "the_target_is_busy_then_the_agent_takes_the_customer_back": (
        "talking, attended failed (busy)",
        f"""{SECOND_RINGS}
        12   | target gone 486 17       | no music customer, bridge, hang up former:1750000000.9 17, |
             |                          | music customer, play beeperr, !transfer_cancelled          | talking
        12.1 | former:1750000000.9 gone | -                                                          | talking
        13   | agent resumes            | no music customer, !resumed                                | talking
        """,
    ),
    "the_agent_ends_the_second_call_then_takes_the_customer_back": (
        "talking, attended cancelled",
        f"""{SECOND_TALKS}
        30   | second gone       | no music customer, bridge, hang up former:.x002, music customer, |
             |                   | !transfer_cancelled                                              | talking
        30.1 | former:.x002 gone | -                                                                | talking
        31   | agent resumes     | no music customer, !resumed                                      | talking
        """,
    ),
    "the_agent_gives_up_while_it_rings": (
        "talking, attended cancelled",
        f"""{SECOND_RINGS}
        12 | second gone   | no music customer, bridge, hang up former:.x002, music customer, |
           |               | !transfer_cancelled                                              | talking
        31 | agent resumes | no music customer, !resumed                                      | talking
        """,
    ),
    "the_target_hangs_up": (
        "talking, attended failed (hangup)",
        f"""{SECOND_TALKS}
        30 | target gone   | no music customer, bridge, hang up former:1750000000.9, music customer, |
           |               | play beeperr, !transfer_cancelled                                       | talking
        31 | agent resumes | no music customer, !resumed                                             | talking
        """,
    ),
    "the_agent_hangs_up_the_first_call_and_the_other_two_talk": (
        "transferred by agent, attended completed",
        f"""{SECOND_TALKS}
        30   | agent gone  | hand over: no music customer + bridge customer, !transfer_completed, |
             |             | hang up second, !ended                                               | ending
        30.1 | second gone | -                                                                    | ended
        """,
    ),
    "the_agent_hangs_up_the_first_call_while_it_rings": (
        "transferred by agent, blind completed",
        f"""{SECOND_RINGS}
        12   | agent gone               | hang up former:1750000000.9, unbridge target,            |
             |                          | no music customer, ringback customer                     | transferring
        15   | target answers           | hand over: no ringback customer + bridge,                |
             |                          | !transfer_completed, hang up former:1750000000.9, !ended | ending
        15.1 | former:1750000000.9 gone | -                                                        | ended
        """,
    ),
    "the_customer_hangs_up": (
        "completed by customer, attended cancelled",
        f"""{SECOND_TALKS}
        30   | customer gone | !transfer_cancelled, hang up agent, hang up second, hang up target, |
             |               | !ended                                                              | ending
        30.1 | second gone   | -                                                                   | ending
        30.2 | target gone   | -                                                                   | ending
        30.3 | agent gone    | destroy bridge                                                      | ended
        """,
    ),
    "completed_through_the_api": (
        "transferred by agent, attended completed",
        f"""{SECOND_TALKS}
        30 | complete | hand over: no music customer + bridge customer, !transfer_completed, |
           |          | hang up agent, hang up second, !ended                                | ending
        """,
    ),
    "cancelled_through_the_api": (
        "talking, attended cancelled",
        f"""{SECOND_TALKS}
        30 | cancel transfer | no music customer, bridge, hang up former:.x002,                 |
           |                 | hang up former:1750000000.9, music customer, !transfer_cancelled | talking
        """,
    ),
    "swapping_is_the_phone_s_business": (
        "consulting, attended talking",
        f"""{SECOND_TALKS}
        30 | swap | refuse wrong_state | consulting
        """,
    ),
    "a_third_call_is_refused": (
        "consulting, attended talking",
        f"""{SECOND_TALKS}
        20   | second call              | watch former:1750000000.9, hang up former:1750000000.9 21 | consulting
        20.1 | former:1750000000.9 gone | -                                                         | consulting
        """,
    ),
    "a_recording_goes_on": (
        "talking, attended cancelled",
        f"""{SECOND_TALKS}
        20 | record      | start recording 1, !recording_started                            | consulting
        30 | second gone | no music customer, bridge, hang up former:.x002, music customer, |
           |             | !transfer_cancelled                                              | talking
        """,
    ),
}


@pytest.mark.parametrize("name", SECOND)
def test_attended_transfer_by_phone(name: str) -> None:
    outcome, table = SECOND[name]
    assert summary(play(table, talking())) == outcome
