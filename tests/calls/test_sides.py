"""Beside a conversation: the agent's other device and supervisors; the two who talk hear nothing of it."""

from __future__ import annotations

import pytest

from tests.calls.scenario import play, summary
from tests.calls.stories import talking

MOVING = """
    10   | move to web   | originate device | talking
    10.1 | device dialed | -                | talking
    10.2 | device rings  | -                | talking
"""
LISTENING = """
    10   | listen                | originate supervisor:s1, !supervisor_invited       | talking
    10.1 | supervisor:s1 rings   | -                                                  | talking
    12   | supervisor:s1 answers | create bridge 2, listen spy:s1, !supervisor_joined | talking
    12.1 | spy:s1 answers        | bridge supervisor:s1 spy:s1 in 2                   | talking
"""
BARGED_IN = """
    10 | barge                 | originate supervisor:s1, !supervisor_invited | talking
    12 | supervisor:s1 answers | bridge supervisor:s1, !supervisor_joined     | talking
"""

DEVICE: dict[str, tuple[str, str]] = {
    "answered_and_the_old_one_is_released": (
        "completed by agent",
        f"""{MOVING}
        12   | device answers    | bridge agent, hang up former:first, !device_changed | talking
        12.1 | former:first gone | -                                                   | talking
        20   | agent gone        | hang up customer, !ended                            | ending
        """,
    ),
    "answered_while_muted": (
        "talking",
        f"""{MOVING}
        11 | mute           | mute agent, !muted                                              | talking
        12 | device answers | mute agent, bridge agent, hang up former:first, !device_changed | talking
        """,
    ),
    "answered_while_held": (
        "talking",
        f"""{MOVING}
        11 | hold           | mute customer, music customer, !held                | talking
        12 | device answers | bridge agent, hang up former:first, !device_changed | talking
        """,
    ),
    "answered_while_the_old_phone_holds": (
        "talking",
        f"""{MOVING}
        11 | agent holds    | !held                                                            | talking
        12 | device answers | no music customer, !resumed, bridge agent, hang up former:first, |
           |                | !device_changed                                                  | talking
        """,
    ),
    "answered_while_recorded": (
        "talking",
        f"""{MOVING}
        11 | record         | start recording 1, !recording_started               | talking
        12 | device answers | bridge agent, hang up former:first, !device_changed | talking
        """,
    ),
    "busy": (
        "talking",
        f"""{MOVING}
        12 | device gone 486 17 | !device_failed | talking
        """,
    ),
    "not_registered": (
        "talking",
        """
        10   | move to web                  | originate device | talking
        10.1 | refused originate device 500 | !device_failed   | talking
        """,
    ),
    "a_ring_that_may_have_been_sent_is_waited_for": (
        "talking",
        """
        10 | move to web           | originate device                                    | talking
        12 | lost originate device | -                                                   | talking
        13 | device answers        | bridge agent, hang up former:first, !device_changed | talking
        """,
    ),
    "the_device_that_has_the_call_is_named": (
        "talking",
        """
        10 | move to desk | - | talking
        """,
    ),
    "asked_twice": (
        "talking",
        f"""{MOVING}
        11 | move to web | - | talking
        """,
    ),
    "another_one_is_asked_for_meanwhile": (
        "talking",
        f"""{MOVING}
        11 | move to desk | - | talking
        """,
    ),
    "the_agent_hangs_up_meanwhile": (
        "completed by agent",
        f"""{MOVING}
        11   | agent gone    | hang up customer, hang up device, !ended | ending
        11.1 | device gone   | -                                        | ending
        11.2 | customer gone | destroy bridge                           | ended
        """,
    ),
    "a_consultation_overtakes_it": (
        "talking, attended cancelled",
        f"""{MOVING}
        11   | attended          | create target, !transfer_started                    | consulting
        12   | device answers    | bridge agent, hang up former:first, !device_changed | consulting
        12.1 | former:first gone | -                                                   | consulting
        13   | cancel transfer   | hang up former:.x002, !transfer_cancelled           | talking
        """,
    ),
    "a_blind_transfer_overtakes_it": (
        "talking, blind cancelled",
        f"""{MOVING}
        11   | blind             | create target, !transfer_started          | transferring
        12   | device answers    | hang up former:.x001, !device_failed      | transferring
        12.1 | former:.x001 gone | -                                         | transferring
        13   | cancel transfer   | hang up former:.x002, !transfer_cancelled | talking
        20   | move to web       | originate device                          | talking
        """,
    ),
    "moved_and_moved_back": (
        "talking",
        f"""{MOVING}
        12   | device answers    | bridge agent, hang up former:first, !device_changed | talking
        12.1 | former:first gone | -                                                   | talking
        20   | move to desk      | originate device                                    | talking
        22   | device answers    | bridge agent, hang up former:.x001, !device_changed | talking
        """,
    ),
}


@pytest.mark.parametrize("name", DEVICE)
def test_the_other_device(name: str) -> None:
    outcome, table = DEVICE[name]
    assert summary(play(table, talking())) == outcome


SUPERVISOR: dict[str, tuple[str, str]] = {
    "listens_and_leaves": (
        "talking",
        f"""{LISTENING}
        20   | leave             | hang up former:.x002, hang up former:.x001, destroy bridge 2, |
             |                   | !supervisor_left                                              | talking
        20.1 | former:.x001 gone | -                                                             | talking
        """,
    ),
    "hangs_up": (
        "talking",
        f"""{LISTENING}
        20 | supervisor:s1 gone | hang up former:.x002, destroy bridge 2, !supervisor_left | talking
        """,
    ),
    "does_not_answer": (
        "talking",
        """
        10 | listen                    | originate supervisor:s1, !supervisor_invited | talking
        35 | supervisor:s1 gone 480 19 | destroy bridge 1, !supervisor_left           | talking
        """,
    ),
    "is_not_registered": (
        "talking",
        """
        10   | listen                              | originate supervisor:s1, !supervisor_invited | talking
        10.1 | refused originate supervisor:s1 500 | destroy bridge 1, !supervisor_left           | talking
        """,
    ),
    "whispers": (
        "talking",
        """
        10   | whisper               | originate supervisor:s1, !supervisor_invited        | talking
        12   | supervisor:s1 answers | create bridge 2, whisper spy:s1, !supervisor_joined | talking
        12.1 | spy:s1 answers        | bridge supervisor:s1 spy:s1 in 2                    | talking
        """,
    ),
    "whispers_after_listening": (
        "talking",
        f"""{LISTENING}
        20   | whisper        | hang up former:.x002, whisper spy:s1, !supervisor_changed | talking
        20.1 | spy:s1 answers | bridge supervisor:s1 spy:s1 in 2                          | talking
        """,
    ),
    "barges_in_after_listening": (
        "talking",
        f"""{LISTENING}
        20 | barge | hang up former:.x002, bridge supervisor:s1, destroy bridge 2, |
           |       | !supervisor_changed                                           | talking
        30 | leave | hang up former:.x001, !supervisor_left                        | talking
        """,
    ),
    "barges_in_and_listens_again": (
        "talking",
        f"""{BARGED_IN}
        20   | listen         | create bridge 2, listen spy:s1, !supervisor_changed | talking
        20.1 | spy:s1 answers | bridge supervisor:s1 spy:s1 in 2                    | talking
        """,
    ),
    "changes_her_mind_before_she_answers": (
        "talking",
        """
        10 | listen                | originate supervisor:s1, !supervisor_invited | talking
        11 | barge                 | !supervisor_changed                          | talking
        12 | supervisor:s1 answers | bridge supervisor:s1, !supervisor_joined     | talking
        """,
    ),
    "asks_for_what_she_has": (
        "talking",
        f"""{LISTENING}
        20 | listen | - | talking
        """,
    ),
    "cannot_be_made_to_hear": (
        "talking",
        """
        10   | listen                    | originate supervisor:s1, !supervisor_invited             | talking
        12   | supervisor:s1 answers     | create bridge 2, listen spy:s1, !supervisor_joined       | talking
        12.1 | refused listen spy:s1 500 | hang up former:.x001, destroy bridge 2, !supervisor_left | talking
        """,
    ),
    "has_no_bridge": (
        "talking",
        """
        10   | listen                      | originate supervisor:s1, !supervisor_invited       | talking
        12   | supervisor:s1 answers       | create bridge 2, listen spy:s1, !supervisor_joined | talking
        12.1 | refused create bridge 2 500 | hang up former:.x002, hang up former:.x001,        |
             |                             | destroy bridge 2, !supervisor_left                 | talking
        """,
    ),
    "cannot_come_in": (
        "talking",
        f"""{BARGED_IN}
        12.1 | refused bridge supervisor:s1 500 | hang up former:.x001, !supervisor_left | talking
        """,
    ),
    "answers_twice": (
        "talking",
        f"""{LISTENING}
        13 | supervisor:s1 answers | - | talking
        """,
    ),
    "nobody_of_that_name_leaves": (
        "talking",
        """
        10 | leave | refuse supervisor_not_found | talking
        """,
    ),
    "the_call_ends": (
        "completed by customer",
        f"""{LISTENING}
        20   | customer gone      | hang up former:.x002, hang up agent, hang up supervisor:s1, |
             |                    | !ended                                                      | ending
        20.1 | agent gone         | -                                                           | ending
        20.2 | supervisor:s1 gone | destroy bridge, destroy bridge 2                            | ended
        """,
    ),
    "the_agent_goes_to_another_device_and_is_heard_there": (
        "talking",
        f"""{LISTENING}
        20   | move to web       | originate device                                          | talking
        22   | device answers    | bridge agent, hang up former:first, hang up former:.x002, |
             |                   | listen spy:s1, !device_changed                            | talking
        22.1 | spy:s1 answers    | bridge supervisor:s1 spy:s1 in 2                          | talking
        22.2 | former:first gone | -                                                         | talking
        """,
    ),
    "the_agent_consults_and_is_heard": (
        "talking, attended cancelled",
        f"""{LISTENING}
        20   | attended        | create target, !transfer_started                              | consulting
        20.1 | target ready    | unbridge customer, music customer, dial target, bridge target | consulting
        22   | target answers  | !transfer_answered, hang up former:.x002, listen spy:s1       | consulting
        25   | cancel transfer | hang up former:.x003, no music customer, bridge customer,     |
             |                 | !transfer_cancelled, hang up former:.x004, listen spy:s1             | talking
        """,
    ),
    "who_barged_in_is_out_while_the_target_rings_and_back_with_the_customer": (
        "talking, blind failed (busy)",
        f"""{BARGED_IN}
        20   | blind              | create target, !transfer_started                                 | transferring
        20.1 | target ready       | unbridge agent, unbridge customer, unbridge supervisor:s1,       |
             |                    | ringback customer, ringback, dial target                         | transferring
        25   | target gone 486 17 | no ringback customer, no ringback, bridge, bridge supervisor:s1, |
             |                    | play beeperr, !transfer_cancelled                                | talking
        """,
    ),
    "answers_while_the_target_rings": (
        "talking, blind failed (busy)",
        """
        10   | barge                 | originate supervisor:s1, !supervisor_invited            | talking
        11   | blind                 | create target, !transfer_started                        | transferring
        11.1 | target ready          | unbridge agent, unbridge customer, ringback customer,   |
             |                       | ringback, dial target                                   | transferring
        12   | supervisor:s1 answers | !supervisor_joined                                      | transferring
        15   | target gone 486 17    | no ringback customer, no ringback, bridge,              |
             |                       | bridge supervisor:s1, play beeperr, !transfer_cancelled | talking
        """,
    ),
    "is_released_when_the_customer_is_handed_over": (
        "transferred by agent, blind completed",
        f"""{LISTENING}
        20   | blind             | create target, !transfer_started                                | transferring
        20.1 | target ready      | unbridge agent, unbridge customer, ringback customer, ringback, |
             |                   | dial target                                                     | transferring
        25   | target answers    | hand over: no ringback customer + bridge, hang up former:.x002, |
             |                   | hang up former:.x001, destroy bridge 2, !supervisor_left,       |
             |                   | !transfer_completed, hang up agent, !ended                      | ending
        25.1 | former:.x001 gone | -                                                               | ending
        25.2 | agent gone        | -                                                               | ended
        """,
    ),
    "is_released_when_the_agent_hangs_up_before_the_target_answers": (
        "transferred by agent, blind completed",
        f"""{LISTENING}
        20   | blind          | create target, !transfer_started                                | transferring
        20.1 | target ready   | unbridge agent, unbridge customer, ringback customer, ringback, |
             |                | dial target                                                     | transferring
        22   | agent gone     | hang up former:.x002, hang up former:.x001, destroy bridge 2,   |
             |                | !supervisor_left                                                | transferring
        25   | target answers | hand over: no ringback customer + bridge, !transfer_completed,  |
             |                | hang up former:.x001, !ended                                    | ending
        """,
    ),
    "is_released_when_the_agent_s_phone_gives_up": (
        "recalling, blind failed (unreachable)",
        f"""{BARGED_IN}
        20   | agent refers nowhere | tell declined, !transfer_cancelled                         | talking
        20.1 | agent gone           | hang up former:.x001, !supervisor_left, unbridge customer, |
             |                      | no music customer, ringback customer, originate            | recalling
        """,
    ),
}


@pytest.mark.parametrize("name", SUPERVISOR)
def test_a_supervisor(name: str) -> None:
    outcome, table = SUPERVISOR[name]
    assert summary(play(table, talking())) == outcome
