"""What comes early, late, twice or not at all while an agent's call is being set up."""

from __future__ import annotations

import pytest

from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import DeadlinePassed, HangUp, Input, LegAnswered, StoreFailed
from ctc_ari.calls.model import Contact, EndReason, Phase
from tests.calls.builders import NOW, a_call, a_call_in
from tests.calls.scenario import play
from tests.calls.stories import AGENT_RINGS, CUSTOMER_RINGS, TALKING


def test_agent_answers_before_the_customers_channel_is_ready() -> None:
    play("""
    0.1 | stored           | originate                      | ringing_agent
    0.2 | agent dialed     | create bridge, create customer | ringing_agent
    0.3 | agent answers    | !agent_answered                | ringing_customer
    0.4 | customer ready   | dial customer, bridge          | ringing_customer
    0.5 | customer ready   | -                              | ringing_customer
    0.6 | customer answers | !answered                      | talking
    """)


def test_agent_rings_before_asterisk_says_that_it_took_the_request() -> None:
    play("""
    0.1 | stored       | originate                                      | ringing_agent
    0.2 | agent rings  | create bridge, create customer, !agent_ringing | ringing_agent
    0.3 | agent dialed | -                                              | ringing_agent
    """)


def test_agent_answers_before_asterisk_says_that_it_took_the_request() -> None:
    play("""
    0.1 | stored         | originate                                       | ringing_agent
    0.2 | agent answers  | create bridge, create customer, !agent_answered | ringing_customer
    0.3 | agent dialed   | -                                               | ringing_customer
    0.4 | agent rings    | -                                               | ringing_customer
    0.5 | customer ready | dial customer, bridge                           | ringing_customer
    """)


def test_answers_of_asterisk_that_get_lost_are_made_up_for_by_events() -> None:
    play("""
    0.1 | stored                      | originate                                      | ringing_agent
    2.1 | lost originate              | -                                              | ringing_agent
    2.2 | agent rings                 | create bridge, create customer, !agent_ringing | ringing_agent
    2.3 | customer ready              | -                                              | ringing_agent
    4.2 | lost create bridge          | -                                              | ringing_agent
    4.2 | lost create customer        | -                                              | ringing_agent
    4.5 | agent answers               | dial customer, bridge, !agent_answered         | ringing_customer
    4.6 | refused create customer 409 | -                                              | ringing_customer
    6.5 | lost dial customer          | -                                              | ringing_customer
    6.8 | customer answers            | !answered                                      | talking
    6.9 | lost bridge                 | -                                              | talking
    """)


def test_what_is_there_already_is_no_failure() -> None:
    play("""
    0.1 | stored                      | originate                      | ringing_agent
    0.2 | refused originate 409       | -                              | ringing_agent
    0.3 | agent dialed                | create bridge, create customer | ringing_agent
    0.4 | refused create bridge 409   | -                              | ringing_agent
    0.4 | refused create customer 409 | -                              | ringing_agent
    """)


def test_ringing_after_the_answer_says_nothing_new() -> None:
    play(f"""{AGENT_RINGS}
    3.0 | agent answers    | dial customer, bridge, !agent_answered | ringing_customer
    3.1 | agent rings      | -                                      | ringing_customer
    3.2 | customer answers | !answered                              | talking
    3.3 | customer rings   | -                                      | talking
    """)


def test_everything_told_twice_is_done_once() -> None:
    play("""
    0.1  | stored           | originate                              | ringing_agent
    0.1  | stored           | -                                      | ringing_agent
    0.2  | agent dialed     | create bridge, create customer         | ringing_agent
    0.2  | agent dialed     | -                                      | ringing_agent
    0.3  | customer ready   | -                                      | ringing_agent
    0.3  | customer ready   | -                                      | ringing_agent
    0.4  | agent rings      | !agent_ringing                         | ringing_agent
    0.4  | agent rings      | -                                      | ringing_agent
    3.0  | agent answers    | dial customer, bridge, !agent_answered | ringing_customer
    3.0  | agent answers    | -                                      | ringing_customer
    4.0  | customer rings   | ringback, !customer_ringing            | ringing_customer
    4.0  | customer rings   | -                                      | ringing_customer
    9.0  | customer answers | no ringback, !answered                 | talking
    9.0  | customer answers | -                                      | talking
    60.0 | customer gone    | hang up agent, !ended                  | ending
    60.0 | customer gone    | -                                      | ending
    60.1 | agent gone       | destroy bridge                         | ended
    60.1 | agent gone       | -                                      | ended
    """)


def test_a_channel_that_is_just_ending_lets_its_own_event_say_why() -> None:
    """Asterisk answers 400 when the customer was busy before both could be bridged, 404 when a dial comes too late."""
    call = play(f"""{AGENT_RINGS}
    3.0 | agent answers             | dial customer, bridge, !agent_answered | ringing_customer
    3.1 | refused dial customer 404 | -                                      | ringing_customer
    3.1 | refused bridge 400        | -                                      | ringing_customer
    3.2 | customer gone 486 17      | play busy                              | announcing
    """)
    assert call.end_reason is EndReason.CUSTOMER_BUSY


def test_the_customers_channel_comes_about_while_the_agent_hears_that_it_did_not() -> None:
    play("""
    0.1  | stored                       | originate                                  | ringing_agent
    0.2  | agent dialed                 | create bridge, create customer             | ringing_agent
    3.0  | agent answers                | !agent_answered                            | ringing_customer
    50.0 | deadline                     | hang up customer, play congestion          | announcing
    50.1 | refused hang up customer 404 | -                                          | announcing
    51.0 | customer ready               | hang up customer                           | announcing
    51.1 | agent ready                  | -                                          | announcing
    53.0 | deadline                     | hang up agent, hang up customer, !ended    | ending
    53.1 | customer gone                | -                                          | ending
    53.2 | agent gone                   | destroy bridge                             | ended
    """)


def test_a_tone_that_cannot_be_played_releases_the_agent_at_once() -> None:
    call = play(f"""{CUSTOMER_RINGS}
    9.0 | customer gone 486 17  | no ringback, play busy             | announcing
    9.1 | refused play busy 500 | hang up agent, !ended | ending
    """)
    assert call.end_reason is EndReason.CUSTOMER_BUSY


def test_both_who_talk_without_a_bridge_are_released() -> None:
    call = play(f"""{TALKING}
    9.1 | refused bridge 404 | hang up agent, hang up customer, !ended | ending
    """)
    assert call.end_reason is EndReason.FAILED


def test_the_contact_found_with_the_row_is_the_calls() -> None:
    assert play("0.1 | stored with contact | originate | ringing_agent").contact == Contact("c1", "Carla")


def test_more_of_the_record_the_call_was_started_from_comes_with_the_row() -> None:
    call = play("0.1 | stored with contact | originate | ringing_agent", a_call(contact=Contact("c1", "")))
    assert call.contact == Contact("c1", "Carla")


def test_the_contact_the_call_was_started_from_stays() -> None:
    cleo = Contact("c2", "Cleo")
    assert play("0.1 | stored with contact | originate | ringing_agent", a_call(contact=cleo)).contact == cleo


@pytest.mark.parametrize("happened", [DeadlinePassed(), HangUp(), StoreFailed(), LegAnswered("customer")])
def test_nothing_happens_to_a_call_that_has_ended(happened: Input) -> None:
    call = a_call_in(Phase.ENDED)
    assert step(call, happened, NOW) == (call, ())
