"""Every pair of the table once, and every ending of a call as it happens."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from ctc_ari.calls import inputs
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    Effect,
    HangUpLeg,
    Music,
    Mute,
    Originate,
    PlayTone,
    PressKeys,
    RecordBridge,
    Request,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.engine import TABLE, begin, ignore, refuse, step
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegReady,
    LegRinging,
    Observed,
    RequestFailed,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    Stored,
    StoreFailed,
)
from ctc_ari.calls.model import Call, Contact, EndReason, LegStage, Phase, Role
from tests.calls.builders import NOW, a_call, a_call_in
from tests.calls.scenario import REQUESTS, play

ROLES: tuple[Role, Role] = ("agent", "customer")

#: The effects that may come with the arrival, or the stay, in each phase.
LEGAL: dict[Phase, set[type[Effect]]] = {
    Phase.PLACING: set(),
    Phase.RINGING_AGENT: {Originate, CreateBridge, CreateLeg, Announce},
    Phase.RINGING_CUSTOMER: {CreateBridge, CreateLeg, DialLeg, BridgeLegs, StartRingback, Announce},
    Phase.TALKING: {StopRingback, CreateBridge, BridgeLegs, Mute, Music, RecordBridge, PressKeys, Announce},
    Phase.ANNOUNCING: {HangUpLeg, StopRingback, PlayTone},
    Phase.ENDING: {HangUpLeg, Announce},
    Phase.ENDED: {DestroyBridge, Announce},
}
#: Which phases may follow which; a call goes forward only.
NEXT: dict[Phase, set[Phase]] = {
    Phase.PLACING: {Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER, Phase.TALKING, Phase.ANNOUNCING, Phase.ENDING},
    Phase.RINGING_AGENT: {Phase.RINGING_CUSTOMER, Phase.TALKING, Phase.ANNOUNCING, Phase.ENDING},
    Phase.RINGING_CUSTOMER: {Phase.TALKING, Phase.ANNOUNCING, Phase.ENDING},
    Phase.TALKING: {Phase.ENDING},
    Phase.ANNOUNCING: {Phase.ENDING},
    Phase.ENDING: {Phase.ENDED},
    Phase.ENDED: set(),
}
#: What is asked for while both talk, and refused at any other time.
WISHES: dict[type[Input], list[Input]] = {
    SetMuted: [SetMuted(True), SetMuted(False)],
    SetHeld: [SetHeld(True), SetHeld(False)],
    SetRecording: [SetRecording("on"), SetRecording("paused"), SetRecording("off")],
    SendDtmf: [SendDtmf("1#")],
}
LISTED = (None, LegStage.READY, LegStage.DIALING, LegStage.RINGING, LegStage.UP)


def inputs_of(kind: type[Input]) -> Iterator[Input]:
    if kind is Stored:
        yield from (Stored(), Stored(Contact("c1", "Carla")))
    elif kind in (LegReady, LegDialed, LegRinging, LegAnswered):
        yield from (kind(role) for role in ROLES)
    elif kind is LegGone:
        for role, ending in itertools.product(ROLES, [(None, None), (16, None), (17, 486), (19, 480), (999, 999)]):
            yield LegGone(role, *ending)
    elif kind is RequestFailed:
        statuses = (None, 400, 404, 409, 412, 422, 500, 503)
        yield from (RequestFailed(request, status) for request in REQUESTS.values() for status in statuses)
    elif kind is Observed:
        bridges: tuple[frozenset[Role], ...] = (frozenset(), frozenset({"agent"}), frozenset(ROLES))
        for agent, customer, bridged, started in itertools.product(LISTED, LISTED, bridges, ("once", "again")):
            yield Observed(agent, customer, bridge=True, bridged=bridged, asterisk_started=started)
        yield Observed(None, None, bridge=False, bridged=frozenset(), asterisk_started="once")
    elif kind in WISHES:
        yield from WISHES[kind]
    else:
        yield kind()


def calls_in(phase: Phase) -> Iterator[Call]:
    """Every stage of both channels that this phase can have."""
    made = (LegStage.CREATING, LegStage.READY)
    rung = (*made, LegStage.DIALING, LegStage.RINGING)
    possible: dict[Phase, tuple[tuple[LegStage, ...], tuple[LegStage, ...]]] = {
        Phase.PLACING: ((LegStage.ABSENT,), (LegStage.ABSENT,)),
        Phase.RINGING_AGENT: ((LegStage.DIALING, LegStage.RINGING), (LegStage.ABSENT, *made)),
        Phase.RINGING_CUSTOMER: ((LegStage.UP,), rung),
        Phase.TALKING: ((LegStage.UP,), (LegStage.UP,)),
        Phase.ANNOUNCING: ((LegStage.UP,), (*rung, LegStage.UP, LegStage.GONE)),
        Phase.ENDING: (tuple(LegStage)[1:], tuple(LegStage)),
        Phase.ENDED: ((LegStage.GONE,), (LegStage.GONE, LegStage.ABSENT)),
    }
    for agent, customer in itertools.product(*possible[phase]):
        yield a_call_in(phase, agent, customer)


def test_the_table_has_every_phase_and_every_input() -> None:
    kinds = {getattr(inputs, name) for name in inputs.__all__} - {Input}
    assert set(TABLE) == set(itertools.product(Phase, kinds))
    heard = {phase for phase, kind in TABLE if TABLE[phase, kind] not in (ignore, refuse)}
    assert heard == set(Phase) - {Phase.ENDED}
    for kind in WISHES:
        assert {phase for phase in Phase if TABLE[phase, kind] is refuse} == set(Phase) - {Phase.TALKING}


@pytest.mark.parametrize(("phase", "kind"), TABLE, ids=lambda key: key if isinstance(key, str) else key.__name__)
def test_every_input_in_every_phase_leads_to_a_whole_call_and_legal_effects(phase: Phase, kind: type[Input]) -> None:
    for call, happened in itertools.product(calls_in(phase), inputs_of(kind)):
        after, effects = step(call, happened, NOW + 5)
        told = f"{call.agent_leg.stage}/{call.customer_leg.stage} {happened} -> {after.phase} {effects}"
        assert after.phase is phase or after.phase in NEXT[phase] | _through_ending(phase), told
        assert_whole(call, after, told)
        assert_legal(call, after, effects, told)
        if TABLE[phase, kind] in (ignore, refuse):
            assert (after, effects) == (call, ()), told


def _through_ending(phase: Phase) -> set[Phase]:
    """With no channel left, the end is reached at once."""
    return {Phase.ENDED} if Phase.ENDING in NEXT[phase] else set()


def assert_whole(before: Call, after: Call, told: str) -> None:
    """What holds for every call after every step."""
    assert (after.deadline is None) == (after.phase is Phase.ENDED), told
    assert (after.ended_at is not None) == (after.end_reason is not None and not after.live), told
    if after.phase in (Phase.ANNOUNCING, Phase.ENDING, Phase.ENDED):
        assert after.end_reason is not None, told
        assert after.ended_by is not None, told
    else:
        assert after.end_reason is None, told
    if before.end_reason is not None:
        assert (after.end_reason, after.ended_by) == (before.end_reason, before.ended_by), told
    if after.phase is Phase.TALKING:
        assert after.agent_leg.stage is after.customer_leg.stage is LegStage.UP, told
        assert after.answered_at is not None, told
        assert after.agent_answered_at is not None, told
    if after.phase is Phase.ENDED:
        assert not after.agent_leg.exists, told
        assert not after.customer_leg.exists, told
    for name in ("created_at", "agent_answered_at", "answered_at", "ended_at"):
        known = getattr(before, name)
        assert known is None or getattr(after, name) == known, told


def assert_legal(before: Call, after: Call, effects: tuple[Effect, ...], told: str) -> None:
    """Nothing is asked for that this moment does not allow."""
    ended = Announce("call.ended") in effects
    assert ended == (before.live and not after.live), told
    allowed = LEGAL[after.phase] | ({HangUpLeg} if before.phase is Phase.ENDING else set())
    assert {type(effect) for effect in effects} <= allowed, told
    if not before.stored:
        dialled = [effect for effect in effects if isinstance(effect, Originate | DialLeg)]
        assert not dialled or after.stored, told
    for effect in effects:
        match effect:
            case Originate():
                assert before.agent_leg.stage is LegStage.ABSENT, told
                assert after.agent_leg.stage is LegStage.DIALING, told
            case DialLeg("agent") | CreateLeg("agent"):
                raise AssertionError(told)
            case DialLeg("customer"):
                assert after.agent_leg.stage is LegStage.UP, told
                assert before.customer_leg.stage in (LegStage.ABSENT, LegStage.CREATING, LegStage.READY), told
            case CreateLeg("customer"):
                assert before.customer_leg.stage in (LegStage.ABSENT, LegStage.CREATING), told
                assert after.customer_leg.stage is LegStage.CREATING, told
            case HangUpLeg(role):
                assert after.phase in (Phase.ANNOUNCING, Phase.ENDING), told
                assert after.leg(role).exists, told
            case DestroyBridge():
                assert after.phase is Phase.ENDED, told
    if after.phase is Phase.ENDING and before.phase is not Phase.ENDING:
        left = {role for role in ROLES if after.leg(role).exists}
        assert left == {effect.role for effect in effects if isinstance(effect, HangUpLeg)}, told
    requests = [effect for effect in effects if isinstance(effect, Request)]
    assert len(set(requests)) == len(requests), told


def test_beginning_asks_nothing_of_asterisk() -> None:
    call, effects = begin(a_call(), NOW)
    assert effects == (Announce("call.created"),)
    assert call.phase is Phase.PLACING
    assert call.deadline == NOW + 5


# --- the endings ---

AGENT_RINGS = """
    0.1 | stored         | originate                      | ringing_agent
    0.2 | agent dialed   | create bridge, create customer | ringing_agent
    0.3 | customer ready | -                              | ringing_agent
    0.4 | agent rings    | !agent_ringing                 | ringing_agent
"""
CUSTOMER_RINGS = f"""{AGENT_RINGS}
    3.0 | agent answers  | dial customer, bridge, !agent_answered | ringing_customer
    4.0 | customer rings | ringback, !customer_ringing            | ringing_customer
"""
TALKING = f"""{CUSTOMER_RINGS}
    9.0 | customer answers | no ringback, !answered | talking
"""
RELEASED = """
    40.0 | deadline   | hang up agent, !ended | ending
    40.1 | agent gone | destroy bridge        | ended
"""

ENDINGS: dict[str, tuple[EndReason, str, str]] = {
    "both_talk_and_the_customer_hangs_up": (
        EndReason.COMPLETED,
        "customer",
        f"""{TALKING}
        60.0 | customer gone | hang up agent, !ended | ending
        60.1 | agent gone    | destroy bridge        | ended
        """,
    ),
    "both_talk_and_the_agent_hangs_up": (
        EndReason.COMPLETED,
        "agent",
        f"""{TALKING}
        60.0 | agent gone    | hang up customer, !ended | ending
        60.1 | customer gone | destroy bridge           | ended
        """,
    ),
    "both_hang_up_at_once": (
        EndReason.COMPLETED,
        "customer",
        f"""{TALKING}
        60.0 | customer gone             | hang up agent, !ended | ending
        60.0 | agent gone                | destroy bridge        | ended
        60.1 | refused hang up agent 404 | -                     | ended
        """,
    ),
    "agent_busy": (
        EndReason.AGENT_BUSY,
        "agent",
        f"""{AGENT_RINGS}
        1.0 | agent gone 486 17 | hang up customer, !ended | ending
        1.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_rejects": (
        EndReason.AGENT_REJECTED,
        "agent",
        f"""{AGENT_RINGS}
        1.0 | agent gone 603 21 | hang up customer, !ended | ending
        1.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_does_not_answer": (
        EndReason.AGENT_NO_ANSWER,
        "agent",
        f"""{AGENT_RINGS}
        25.0 | agent gone 480 19 | hang up customer, !ended | ending
        25.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_does_not_answer_and_asterisk_forgets_to_say_so": (
        EndReason.AGENT_NO_ANSWER,
        "system",
        f"""{AGENT_RINGS}
        27.1 | deadline      | hang up agent, hang up customer, !ended | ending
        27.3 | agent gone    | -                                       | ending
        27.4 | customer gone | destroy bridge                          | ended
        """,
    ),
    "agent_is_offline": (
        EndReason.UNREACHABLE,
        "system",
        """
        0.1 | stored                | originate | ringing_agent
        0.2 | refused originate 500 | !ended    | ended
        0.3 | agent dialed          | -         | ended
        """,
    ),
    "agent_hangs_up_while_the_customer_rings": (
        EndReason.AGENT_HANGUP,
        "agent",
        f"""{CUSTOMER_RINGS}
        9.0 | agent gone    | hang up customer, !ended | ending
        9.1 | customer gone | destroy bridge           | ended
        """,
    ),
    "agent_hangs_up_and_the_customer_answers_at_once": (
        EndReason.AGENT_HANGUP,
        "agent",
        f"""{CUSTOMER_RINGS}
        9.0 | agent gone       | hang up customer, !ended | ending
        9.0 | customer answers | -                        | ending
        9.1 | customer gone    | destroy bridge           | ended
        """,
    ),
    "customer_busy_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 486 17 | no ringback, play busy | announcing
        {RELEASED}""",
    ),
    "customer_rejects_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_REJECTED,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 603 21 | no ringback, play congestion | announcing
        {RELEASED}""",
    ),
    "customer_does_not_answer_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_NO_ANSWER,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 480 19 | no ringback, play congestion | announcing
        {RELEASED}""",
    ),
    "customer_is_unreachable_then_agent_hears_it_and_is_released": (
        EndReason.UNREACHABLE,
        "customer",
        f"""{AGENT_RINGS}
        3.0  | agent answers       | dial customer, bridge, !agent_answered | ringing_customer
        37.0 | customer gone 404 1 | play congestion                        | announcing
        {RELEASED}""",
    ),
    "customer_does_not_answer_and_asterisk_forgets_to_say_so": (
        EndReason.CUSTOMER_NO_ANSWER,
        "customer",
        f"""{CUSTOMER_RINGS}
        50.0 | deadline      | hang up customer, no ringback, play congestion | announcing
        50.1 | customer gone | -                                              | announcing
        53.0 | deadline      | hang up agent, !ended                          | ending
        53.1 | agent gone    | destroy bridge                                 | ended
        """,
    ),
    "customer_busy_and_the_agent_hangs_up_while_hearing_it": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        9.0 | customer gone 486 17 | no ringback, play busy              | announcing
        9.5 | agent gone           | destroy bridge, !ended | ended
        """,
    ),
    "carrier_refuses_the_dial_then_agent_hears_it_and_is_released": (
        EndReason.UNREACHABLE,
        "customer",
        f"""{AGENT_RINGS}
        3.0  | agent answers             | dial customer, bridge, !agent_answered | ringing_customer
        37.0 | refused dial customer 500 | hang up customer, play congestion      | announcing
        37.1 | customer gone             | -                                      | announcing
        {RELEASED}""",
    ),
    "customers_channel_cannot_be_made": (
        EndReason.UNREACHABLE,
        "system",
        """
        0.1 | stored                      | originate                      | ringing_agent
        0.2 | agent dialed                | create bridge, create customer | ringing_agent
        0.3 | refused create customer 500 | hang up agent, !ended          | ending
        0.4 | agent gone                  | destroy bridge                 | ended
        """,
    ),
    "customers_channel_cannot_be_made_and_the_agent_answers_before_that_is_known": (
        EndReason.UNREACHABLE,
        "customer",
        """
        0.1  | stored                      | originate                                       | ringing_agent
        0.3  | agent answers               | create bridge, create customer, !agent_answered | ringing_customer
        37.0 | refused create customer 500 | play congestion                                 | announcing
        """
        + RELEASED,
    ),
    "customers_channel_never_comes_about": (
        EndReason.FAILED,
        "system",
        """
        0.1  | stored                      | originate                                  | ringing_agent
        0.2  | agent dialed                | create bridge, create customer             | ringing_agent
        0.3  | lost create customer        | -                                          | ringing_agent
        3.0  | agent answers               | !agent_answered                            | ringing_customer
        50.0 | deadline                    | hang up customer, play congestion          | announcing
        50.1 | refused hang up customer 404 | -                                         | announcing
        53.0 | deadline                    | hang up agent, !ended                      | ending
        53.1 | agent gone                  | destroy bridge                             | ended
        """,
    ),
    "bridge_is_missing": (
        EndReason.FAILED,
        "system",
        f"""{AGENT_RINGS}
        3.0 | agent answers      | dial customer, bridge, !agent_answered  | ringing_customer
        3.1 | refused bridge 404 | hang up agent, hang up customer, !ended | ending
        3.2 | agent gone         | -                                       | ending
        3.3 | customer gone      | destroy bridge                          | ended
        """,
    ),
    "cancelled_before_anything_rings": (
        EndReason.CANCELLED,
        "api",
        """
        0.1 | cancel | !ended | ended
        0.2 | stored | -      | ended
        """,
    ),
    "cancelled_while_the_agent_rings": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel        | hang up agent, hang up customer, !ended | ending
        1.1 | customer gone | -                                       | ending
        1.2 | agent gone    | destroy bridge                          | ended
        """,
    ),
    "cancelled_while_the_customer_rings": (
        EndReason.CANCELLED,
        "api",
        f"""{CUSTOMER_RINGS}
        9.0 | cancel        | hang up agent, hang up customer, !ended | ending
        9.1 | agent gone    | -                                       | ending
        9.2 | customer gone | destroy bridge                          | ended
        """,
    ),
    "hung_up_through_the_api_while_both_talk": (
        EndReason.COMPLETED,
        "api",
        f"""{TALKING}
        60.0 | cancel        | hang up agent, hang up customer, !ended | ending
        60.1 | cancel        | -                                       | ending
        60.2 | agent gone    | -                                       | ending
        60.3 | customer gone | destroy bridge                          | ended
        """,
    ),
    "cancelled_while_the_agent_hears_the_busy_tone": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        9.0 | customer gone 486 17 | no ringback, play busy             | announcing
        9.5 | cancel               | hang up agent, !ended | ending
        9.6 | agent gone           | destroy bridge        | ended
        """,
    ),
    "longer_than_the_maximum": (
        EndReason.COMPLETED,
        "limit",
        f"""{TALKING}
        14409.0 | deadline      | hang up agent, hang up customer, !ended | ending
        14409.1 | agent gone    | -                                       | ending
        14409.2 | customer gone | destroy bridge                          | ended
        """,
    ),
    "row_cannot_be_stored": (
        EndReason.FAILED,
        "system",
        """
        2.0 | store failed | !ended | ended
        """,
    ),
    "row_is_stored_too_late": (
        EndReason.FAILED,
        "system",
        """
        5.0 | deadline | !ended | ended
        5.1 | stored   | -      | ended
        """,
    ),
    "hanging_up_is_tried_again_until_the_channels_are_gone": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel                 | hang up agent, hang up customer, !ended | ending
        1.1 | lost hang up agent     | -                                       | ending
        1.2 | customer gone          | -                                       | ending
        3.0 | deadline               | hang up agent                           | ending
        5.0 | deadline               | hang up agent                           | ending
        5.1 | agent gone             | destroy bridge                          | ended
        """,
    ),
    "customers_channel_vanishes_while_the_agent_rings": (
        EndReason.UNREACHABLE,
        "system",
        f"""{AGENT_RINGS}
        1.0 | customer gone 0 34 | hang up agent, !ended | ending
        1.1 | agent gone         | destroy bridge        | ended
        """,
    ),
    "the_request_to_ring_is_lost": (
        EndReason.AGENT_NO_ANSWER,
        "system",
        """
        0.1  | stored                    | originate             | ringing_agent
        2.1  | lost originate            | -                     | ringing_agent
        27.1 | deadline                  | hang up agent, !ended | ending
        27.2 | refused hang up agent 404 | -                     | ended
        """,
    ),
    "the_request_to_ring_never_left": (
        EndReason.FAILED,
        "system",
        """
        0.1 | stored                | originate | ringing_agent
        0.1 | refused originate 503 | !ended    | ended
        """,
    ),
    "the_request_to_ring_is_carried_out_after_the_call_was_given_up": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel                    | hang up agent, hang up customer, !ended | ending
        1.1 | refused hang up agent 404 | -                                       | ending
        1.2 | agent rings               | hang up agent                           | ending
        1.3 | customer gone             | -                                       | ending
        1.4 | agent answers             | -                                       | ending
        1.5 | agent gone                | destroy bridge                          | ended
        """,
    ),
    "the_bridge_cannot_be_made": (
        EndReason.FAILED,
        "system",
        """
        0.1 | stored                    | originate                               | ringing_agent
        0.2 | agent dialed              | create bridge, create customer          | ringing_agent
        0.3 | refused create bridge 500 | hang up agent, hang up customer, !ended | ending
        0.4 | customer gone             | -                                       | ending
        0.5 | agent gone                | destroy bridge                          | ended
        """,
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_ending(name: str) -> None:
    reason, by, table = ENDINGS[name]
    call = play(table)
    assert call.phase is Phase.ENDED
    assert (call.end_reason, call.ended_by) == (reason, by)
    assert call.ended_at is not None


# --- early, late, twice ---


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


def test_the_contact_the_call_was_started_from_stays() -> None:
    cleo = Contact("c2", "Cleo")
    assert play("0.1 | stored with contact | originate | ringing_agent", a_call(contact=cleo)).contact == cleo


@pytest.mark.parametrize("happened", [DeadlinePassed(), HangUp(), StoreFailed(), LegAnswered("customer")])
def test_nothing_happens_to_a_call_that_has_ended(happened: Input) -> None:
    call = a_call_in(Phase.ENDED)
    assert step(call, happened, NOW) == (call, ())
