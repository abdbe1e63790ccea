"""After we were away in the middle of a transfer, while a caller is offered, or with wishes that stand."""

from __future__ import annotations

import pytest

from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import Observed
from ctc_ari.calls.model import Call, LegStage, Phase, Role
from tests.calls.builders import NOW, a_call_in, a_leg, a_transfer
from tests.calls.scenario import effect_words, summary


def row(words: str) -> Call:
    """The call as it was last written: its phase, and the stage of a transfer's target."""
    phase, *target = words.split()
    if not target:
        return a_call_in(Phase(phase))
    stage = LegStage(target[0])
    transfer = a_transfer(
        "blind" if phase == "transferring" else "attended",
        parked=stage is not LegStage.CREATING,
        state="talking" if stage is LegStage.UP else "ringing",
        with_="customer" if "swapped" in target else "target",
    )
    return a_call_in(Phase(phase), others=(a_leg("target", stage),), transfers=(transfer,))


def listed(words: str) -> Observed:
    """`agent customer target | who is in the bridge`: `-` for a channel that is not there."""
    channels, _, inside = words.partition("|")
    stages = [None if word == "-" else LegStage(word) for word in channels.split()]
    others: dict[Role, LegStage] = {"target": stages[2]} if len(stages) > 2 and stages[2] else {}
    return Observed(stages[0], stages[1], True, frozenset(inside.split()), "once", others)


TALKING = "no mute agent, no mute customer"
#: What was written, what is listed, what is to be done, what comes of it.
RESUMED: dict[str, tuple[str, str, str, str]] = {
    "the_target_still_rings": (
        "transferring ringing",
        "up up ringing |",
        "ringback customer",
        "transferring, blind ringing",
    ),
    "the_target_answered_meanwhile": (
        "transferring ringing",
        "up up up |",
        "hand over: no ringback customer + bridge, !transfer_completed, hang up agent, !ended",
        "transferred by agent, blind completed",
    ),
    "the_target_is_gone": (
        "transferring ringing",
        "up up - |",
        f"no ringback customer, no ringback, bridge, play beeperr, !transfer_cancelled, {TALKING}, no music customer",
        "talking, blind failed (failed)",
    ),
    "the_agent_is_gone_and_the_target_still_rings": (
        "transferring ringing",
        "- up ringing |",
        "ringback customer",
        "transferring, blind ringing",
    ),
    "the_agent_and_the_target_are_gone": (
        "transferring ringing",
        "- up - |",
        "!transfer_cancelled, originate, ringback customer",
        "recalling, blind failed (failed)",
    ),
    "the_customer_is_gone": (
        "transferring ringing",
        "up - ringing |",
        "!transfer_cancelled, hang up agent, hang up target, !ended",
        "completed by customer, blind cancelled",
    ),
    "the_target_was_dialled_unwritten": (
        "transferring creating",
        "up up ready |",
        "unbridge agent, unbridge customer, ringback customer, ringback",
        "transferring, blind ringing",
    ),
    "the_target_was_not_dialled_yet": (
        "transferring creating",
        "up up ready | agent customer",
        "unbridge agent, unbridge customer, ringback customer, ringback, dial target",
        "transferring, blind ringing",
    ),
    "she_waits_for_the_target": (
        "consulting ringing",
        "up up ringing | agent target",
        "no mute agent, music customer",
        "consulting, attended ringing",
    ),
    "the_target_answered_and_they_consult": (
        "consulting ringing",
        "up up up | agent target",
        "no ringback, !transfer_answered, no mute agent, music customer",
        "consulting, attended talking",
    ),
    "they_consult_on": (
        "consulting up",
        "up up up | agent target",
        "no ringback, no mute agent, music customer",
        "consulting, attended talking",
    ),
    "they_consult_and_were_not_brought_together_yet": (
        "consulting up",
        "up up up | agent customer",
        "unbridge customer, bridge target, no ringback, no mute agent, music customer",
        "consulting, attended talking",
    ),
    "she_talks_with_the_customer_between": (
        "consulting up swapped",
        "up up up | agent customer",
        "no ringback, no mute agent, music target",
        "consulting, attended talking",
    ),
    "the_target_has_left_the_consultation": (
        "consulting up",
        "up up - | agent",
        "no music customer, bridge customer, play beeperr, !transfer_cancelled, "
        f"no ringback customer, no ringback, bridge, {TALKING}",
        "talking, attended failed (hangup)",
    ),
    "the_agent_has_left_the_consultation": (
        "consulting up",
        "- up up | target",
        "hand over: no music customer + bridge customer, !transfer_completed, !ended",
        "transferred by agent, attended completed",
    ),
    "both_have_left_the_consultation": (
        "consulting up",
        "- up - |",
        "no music customer, ringback customer, !transfer_cancelled, originate",
        "recalling, attended failed (hangup)",
    ),
    "the_agent_has_left_while_the_target_rings": (
        "consulting ringing",
        "- up ringing | target",
        "unbridge target, no music customer, ringback customer",
        "transferring, blind ringing",
    ),
    "the_customer_has_left_the_consultation": (
        "consulting up",
        "up - up | agent target",
        "!transfer_cancelled, hang up agent, hang up target, !ended",
        "completed by customer, attended cancelled",
    ),
    "her_phone_rings_again": (
        "recalling",
        "ringing up |",
        "!agent_ringing, ringback customer",
        "recalling, blind failed (busy)",
    ),
    "she_took_the_customer_back": (
        "recalling",
        "up up |",
        f"no ringback customer, bridge, !agent_answered, no ringback, {TALKING}, no music customer",
        "talking, blind failed (busy)",
    ),
    "she_did_not_take_the_customer_back": (
        "recalling",
        "- up |",
        "hang up customer, !ended",
        "failed by agent, blind failed (busy)",
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_resumed(name: str) -> None:
    written, seen, wanted, outcome = RESUMED[name]
    call, effects = step(row(written), listed(seen), NOW + 60)
    assert effect_words(effects) == wanted.split(", ")
    assert summary(call) == outcome


@pytest.mark.parametrize(
    ("offer", "customer", "wanted", "phase"),
    [
        (LegStage.RINGING, LegStage.DIALING, ["watch customer"], Phase.OFFERED),
        (None, LegStage.DIALING, ["watch customer", "!offer_ended to alice@example.com", "find 1"], Phase.OFFERED),
        (LegStage.RINGING, None, ["hang up offer:1", "!ended"], Phase.ENDING),
    ],
)
def test_a_caller_who_was_offered(
    offer: LegStage | None, customer: LegStage | None, wanted: list[str], phase: Phase
) -> None:
    others: dict[Role, LegStage] = {"offer:1": offer} if offer else {}
    observed = Observed(None, customer, True, frozenset(), "once", others)
    call, effects = step(a_call_in(Phase.OFFERED), observed, NOW + 5)
    assert (effect_words(effects), call.phase) == (wanted, phase)


def test_a_caller_who_was_answered_meanwhile_talks() -> None:
    others: dict[Role, LegStage] = {"offer:1": LegStage.UP}
    observed = Observed(None, LegStage.DIALING, True, frozenset(), "once", others)
    call, effects = step(a_call_in(Phase.OFFERED), observed, NOW + 5)
    assert effect_words(effects)[:4] == ["watch customer", "answer customer", "bridge", "keep customer"]
    assert call.phase is Phase.TALKING


def test_a_caller_s_answer_that_was_lost_is_given_again() -> None:
    call = a_call_in(Phase.TALKING, direction="inbound")
    observed = Observed(LegStage.UP, LegStage.DIALING, True, frozenset(), "once")
    words = effect_words(step(call, observed, NOW)[1])
    assert {"answer customer", "keep customer", "bridge"} <= {*words}


@pytest.mark.parametrize(
    ("held", "by_phone", "music"),
    [(True, False, ["music customer"]), (False, False, ["no music customer"]), (False, True, [])],
)
def test_held_stays_held_and_muted_stays_muted(held: bool, by_phone: bool, music: list[str]) -> None:
    call = a_call_in(Phase.TALKING, held=held, held_by_phone=by_phone, muted=True)
    both = Observed(LegStage.UP, LegStage.UP, True, frozenset({"agent", "customer"}), "once")
    after, effects = step(call, both, NOW)
    held_words = "mute customer" if held else "no mute customer"
    assert effect_words(effects) == ["no ringback", "mute agent", held_words, *music]
    assert (after.held, after.held_by_phone, after.muted) == (held, by_phone, True)


def test_what_was_to_go_is_released_again() -> None:
    former: Role = f"former:{a_leg('x', LegStage.UP, 3).channel}"
    call = a_call_in(Phase.TALKING, others=(a_leg(former, LegStage.UP, 3),), others_made=3)
    both = frozenset[Role]({"agent", "customer"})
    there = Observed(LegStage.UP, LegStage.UP, True, both, "once", {former: LegStage.UP})
    assert "hang up former:.x003" in effect_words(step(call, there, NOW)[1])
    after, effects = step(call, Observed(LegStage.UP, LegStage.UP, True, both, "once"), NOW)
    assert "hang up former:.x003" not in effect_words(effects)
    assert after.others == ()


def test_after_a_restart_of_asterisk_a_transfer_is_lost_with_its_call() -> None:
    for phase in (Phase.TRANSFERRING, Phase.CONSULTING, Phase.RECALLING, Phase.OFFERED):
        call, _ = step(a_call_in(phase), Observed(None, None, False, frozenset(), "again"), NOW)
        assert summary(call).startswith("lost by system")
        assert not any(transfer.open for transfer in call.transfers)
