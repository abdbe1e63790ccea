"""After we were away: every combination of what Asterisk has and what was last written."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from ctc_ari.calls.effects import BridgeLegs, CreateBridge, CreateLeg, DialLeg, Effect, StartRingback, StopRingback
from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import LegAnswered, LegReady, Observed
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.resume import resume
from tests.calls.builders import NOW, a_call_in
from tests.calls.scenario import effect_words

A, C, B = frozenset[Role]({"agent"}), frozenset[Role]({"customer"}), frozenset[Role]({"agent", "customer"})
NOBODY = frozenset[Role]()
LISTED = (None, LegStage.READY, LegStage.DIALING, LegStage.RINGING, LegStage.UP)
#: Those in which the two sides alone tell where a call stands; the others are in `test_resume_others.py`.
OPEN = [Phase.PLACING, Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER, Phase.TALKING, Phase.ANNOUNCING]
DIALLED = (LegStage.DIALING, LegStage.RINGING, LegStage.UP)


def seen(
    agent: LegStage | None,
    customer: LegStage | None,
    bridged: frozenset[Role] = NOBODY,
    *,
    bridge: bool = True,
    started: str = "once",
) -> Observed:
    return Observed(agent, customer, bridge=bridge or bool(bridged), bridged=bridged, asterisk_started=started)


def rows() -> list[Call]:
    """Every open row, with every stage its customer's channel may have been written in."""
    customers = {
        Phase.PLACING: [LegStage.ABSENT],
        Phase.RINGING_AGENT: [LegStage.ABSENT, LegStage.CREATING, LegStage.READY],
        Phase.RINGING_CUSTOMER: [LegStage.CREATING, LegStage.READY, LegStage.DIALING, LegStage.RINGING],
        Phase.TALKING: [LegStage.UP],
        Phase.ANNOUNCING: [LegStage.GONE, LegStage.RINGING],
    }
    return [a_call_in(phase, customer=customer) for phase in OPEN for customer in customers[phase]]


EVERYTHING = list(itertools.product(rows(), LISTED, LISTED, (NOBODY, A, C, B), (True, False), ("once", "again")))


def possible(agent: LegStage | None, customer: LegStage | None, bridged: frozenset[Role], bridge: bool) -> bool:
    """Nobody is in a bridge that is not there, or without a channel."""
    return (
        (bridge or not bridged)
        and (agent is not None or "agent" not in bridged)
        and (customer is not None or "customer" not in bridged)
    )


def test_every_combination_has_one_sensible_outcome() -> None:
    for row, agent, customer, bridged, bridge, started in EVERYTHING:
        if not possible(agent, customer, bridged, bridge):
            continue
        observed = seen(agent, customer, bridged, bridge=bridge, started=started)
        call, effects = step(row, observed, NOW + 60)
        told = f"{row.phase} {row.customer_leg.stage} {observed} -> {call.phase} {effect_words(effects)}"
        if agent is None:
            assert not call.live, told
        elif row.phase is Phase.ANNOUNCING:
            assert call.phase is Phase.ANNOUNCING, told
        elif agent is LegStage.UP:
            assert call.phase is not Phase.RINGING_AGENT, told
            talked = row.phase is Phase.TALKING and customer is not None
            assert (call.phase is Phase.TALKING) == (customer is LegStage.UP or talked), told
        assert not (call.end_reason is None and call.deadline is None), told
        check_dials(row, observed, call, effects, told)


def check_dials(row: Call, observed: Observed, call: Call, effects: tuple[Effect, ...], told: str) -> None:
    """One who may have been dialled is not dialled again, and one who was not is, in time."""
    may_have_been = row.customer_leg.stage in DIALLED or observed.customer in DIALLED or "agent" in observed.bridged
    dials = sum(isinstance(effect, DialLeg) for effect in effects)
    creates = effects.count(CreateLeg("customer"))
    assert dials + creates <= 1, told
    if may_have_been:
        #: A channel in place of one that is gone would be dialled next.
        assert dials == 0, told
        assert creates == 0 or row.phase in (Phase.PLACING, Phase.RINGING_AGENT), told
    if call.phase is Phase.RINGING_CUSTOMER and not may_have_been:
        assert dials + creates == 1, told
    if BridgeLegs() in effects and not observed.bridge:
        assert CreateBridge() in effects, told
        assert effects.index(CreateBridge()) < effects.index(BridgeLegs()), told


def test_a_customer_not_dialled_yet_is_dialled_exactly_once() -> None:
    for customer, bridge in itertools.product((None, LegStage.READY), (True, False)):
        row = a_call_in(Phase.RINGING_AGENT, customer=LegStage.CREATING)
        call, effects = step(row, seen(LegStage.UP, customer, bridge=bridge), NOW)
        for happened in (LegReady("customer"), LegReady("customer"), LegAnswered("agent"), LegReady("agent")):
            call, more = step(call, happened, NOW)
            effects += more
        assert [effect for effect in effects if isinstance(effect, DialLeg)] == [DialLeg("customer", 45)]
        assert effects.count(BridgeLegs()) == 1
        assert (CreateBridge() in effects) == (not bridge)


#: What was wished is said again to those who talk.
STANDING = ", no mute agent, no mute customer, no music customer"
#: Row (phase, customer), what is listed (agent, customer, bridged), then what comes of it.
RESUMED = {
    "both_still_talk": ("talking up | up up both", "no ringback + standing | talking"),
    "both_talk_and_were_not_bridged_yet": ("talking up | up up -", "no ringback, bridge + standing | talking"),
    "the_agent_still_rings": ("ringing_agent ready | ringing ready -", "- | ringing_agent"),
    "the_agent_rings_and_nothing_was_prepared": (
        "ringing_agent absent | ringing none -",
        "create customer | ringing_agent",
    ),
    "the_agents_phone_has_not_rung_yet": ("ringing_agent ready | ready ready -", "- | ringing_agent"),
    "the_agent_answered_meanwhile": (
        "ringing_agent ready | up ready -",
        "dial customer, bridge, !agent_answered | ringing_customer",
    ),
    "the_agent_answered_and_the_customer_was_dialled_unwritten": (
        "ringing_agent ready | up ready both",
        "!agent_answered | ringing_customer",
    ),
    "the_customer_rings_unwritten": (
        "ringing_agent ready | up ringing both",
        "ringback, !agent_answered | ringing_customer",
    ),
    "the_customer_still_rings": ("ringing_customer ringing | up ringing both", "- | ringing_customer"),
    "the_customer_rings_and_is_not_bridged": ("ringing_customer ringing | up ringing -", "bridge | ringing_customer"),
    "the_customer_was_dialled_and_not_bridged": ("ringing_customer dialing | up ready -", "bridge | ringing_customer"),
    "the_customer_answered_meanwhile": (
        "ringing_customer ringing | up up both",
        "no ringback, !answered + standing | talking",
    ),
    "both_answered_meanwhile": (
        "ringing_agent ready | up up both",
        "no ringback, !agent_answered, !answered + standing | talking",
    ),
    "nothing_was_written_but_the_agent_rings": ("placing absent | ringing none -", "create customer | ringing_agent"),
    "nothing_was_written_but_both_talk": (
        "placing absent | up up both",
        "no ringback, !agent_answered, !answered + standing | talking",
    ),
    "the_agent_hears_the_tone": ("announcing gone | up none agent", "- | announcing"),
    "the_customer_hung_up_meanwhile": ("talking up | up none agent", "hang up agent, !ended | completed customer"),
    "the_agent_hung_up_meanwhile": ("talking up | none up customer", "hang up customer, !ended | completed agent"),
    "both_hung_up_meanwhile": ("talking up | none none -", "destroy bridge, !ended | completed system"),
    "the_agent_hung_up_while_the_customer_rang": (
        "ringing_customer ringing | none ringing customer",
        "hang up customer, !ended | agent_hangup agent",
    ),
    "both_are_gone_and_nobody_knows_why": (
        "ringing_customer ringing | none none -",
        "destroy bridge, !ended | lost system",
    ),
    "the_agent_is_gone_and_nobody_knows_why": (
        "ringing_agent ready | none ready -",
        "hang up customer, !ended | lost system",
    ),
    "nothing_was_written_and_nothing_is_there": (
        "placing absent | none none -",
        "destroy bridge, !ended | lost system",
    ),
    "the_customer_is_gone_and_nobody_knows_why": (
        "ringing_customer ringing | up none agent",
        "no ringback, play congestion | lost system",
    ),
    "the_customer_is_gone_and_nothing_was_written": (
        "placing absent | up none agent",
        "play congestion | lost system",
    ),
    "the_customers_channel_is_gone_undialled": (
        "ringing_agent ready | up none -",
        "play congestion | unreachable customer",
    ),
    "the_customers_channel_is_gone_while_the_agent_rings": (
        "ringing_agent ready | ringing none -",
        "hang up agent, !ended | unreachable system",
    ),
    "the_agent_left_the_tone": ("announcing gone | none none -", "destroy bridge, !ended | customer_busy customer"),
}


@pytest.mark.parametrize("name", RESUMED)
def test_resumed(name: str) -> None:
    given, wanted = RESUMED[name]
    row, listed = ([*half.split()] for half in given.split("|"))
    agent, customer = (None if word == "none" else LegStage(word) for word in listed[:2])
    bridged: dict[str, frozenset[Role]] = {"-": NOBODY, "agent": A, "customer": C, "both": B}
    call = a_call_in(Phase(row[0]), customer=LegStage(row[1]))
    call, effects = step(call, seen(agent, customer, bridged[listed[2]]), NOW + 60)
    words, outcome = (half.strip() for half in wanted.replace(" + standing", STANDING).split("|"))
    assert effect_words(effects) == [word.strip() for word in words.split(",") if word != "-"]
    if call.end_reason is None or (call.phase is Phase.ANNOUNCING and outcome == "announcing"):
        assert call.phase == outcome
    else:
        assert f"{call.end_reason} {call.ended_by}" == outcome


def test_after_a_restart_of_asterisk_what_is_gone_is_lost() -> None:
    for row in rows():
        call, _ = step(row, seen(None, None, bridge=False, started="again"), NOW + 60)
        known = row.phase is Phase.ANNOUNCING
        assert call.phase is Phase.ENDED
        assert (call.end_reason, call.ended_by) == (
            (EndReason.CUSTOMER_BUSY, "customer") if known else (EndReason.LOST, "system")
        )


def test_a_bridge_that_vanished_is_made_again() -> None:
    talking = a_call_in(Phase.TALKING)
    _, effects = step(talking, seen(LegStage.UP, LegStage.UP, bridge=False), NOW)
    assert effects[:3] == (StopRingback(), CreateBridge(), BridgeLegs())
    ringing = a_call_in(Phase.RINGING_AGENT)
    _, effects = step(ringing, seen(LegStage.RINGING, LegStage.READY, bridge=False), NOW)
    assert effects == (CreateBridge(),)


def test_each_stage_reached_meanwhile_has_its_full_time() -> None:
    now = NOW + 1000
    ringing, _ = step(a_call_in(Phase.PLACING), seen(LegStage.RINGING, None), now)
    assert ringing.deadline == now + 25 + 2
    assert ringing.stored
    waiting, _ = step(a_call_in(Phase.RINGING_AGENT), seen(LegStage.UP, LegStage.READY), now)
    assert waiting.deadline == now + 45 + 2
    assert waiting.agent_answered_at == now
    talking, _ = step(a_call_in(Phase.RINGING_CUSTOMER), seen(LegStage.UP, LegStage.UP, B), now)
    assert talking.deadline == now + 14400
    assert (talking.agent_answered_at, talking.answered_at) == (NOW + 1, now)


def test_what_goes_on_keeps_its_deadline() -> None:
    for phase, agent, customer in [
        (Phase.RINGING_AGENT, LegStage.RINGING, LegStage.READY),
        (Phase.RINGING_CUSTOMER, LegStage.UP, LegStage.RINGING),
        (Phase.TALKING, LegStage.UP, LegStage.UP),
        (Phase.ANNOUNCING, LegStage.UP, None),
    ]:
        row = a_call_in(phase)
        call, _ = step(row, seen(agent, customer, B if customer else A), NOW + 5)
        assert (call.phase, call.deadline) == (phase, row.deadline)


def test_a_leg_never_goes_back() -> None:
    """Asterisk lists a dialled channel as Down until its phone rings."""
    row = a_call_in(Phase.RINGING_CUSTOMER, customer=LegStage.DIALING)
    assert resume(row, seen(LegStage.UP, LegStage.READY, B)).call.customer_leg.stage is LegStage.DIALING
    row = a_call_in(Phase.RINGING_AGENT, LegStage.RINGING)
    assert resume(row, seen(LegStage.READY, LegStage.READY)).call.agent_leg.stage is LegStage.RINGING


def test_ringback_is_started_only_if_it_was_not() -> None:
    _, effects = step(
        a_call_in(Phase.RINGING_CUSTOMER, customer=LegStage.DIALING), seen(LegStage.UP, LegStage.RINGING, B), NOW
    )
    assert effects == (StartRingback(),)


def test_what_is_left_of_an_ending_call_is_hung_up_even_if_it_was_thought_gone() -> None:
    row = a_call_in(Phase.ENDING, LegStage.GONE, LegStage.GONE, bridge=False)
    call, effects = step(row, seen(LegStage.READY, None), NOW)
    assert (call.phase, effect_words(effects)) == (Phase.ENDING, ["hang up agent"])
    call, effects = step(row, seen(None, None, bridge=True), NOW)
    assert (call.phase, effect_words(effects)) == (Phase.ENDED, ["destroy bridge"])


def test_a_channel_thought_gone_is_hung_up_after_the_tone() -> None:
    row = a_call_in(Phase.ANNOUNCING, customer=LegStage.GONE)
    call = resume(row, seen(LegStage.UP, LegStage.READY, A)).call
    assert call.customer_leg.exists


def test_a_row_says_nothing_about_the_time_it_was_written() -> None:
    row = replace(a_call_in(Phase.TALKING), deadline=NOW - 5)
    call, _ = step(row, seen(LegStage.UP, LegStage.UP, B), NOW)
    assert call.deadline == NOW - 5
