"""The desk machine driven by hypothesis, and at random."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, settings

from tests.calls.desk_machine import MODES, SECONDS, TARGETS, TROUBLES, WISHES, DeskMachine

TestDeskMachine = DeskMachine.TestCase

TestDeskMachine.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_hundreds_of_shifts_in_trouble() -> None:
    """The same machine, driven at random and faster; `walk(seed)` repeats a failure."""
    for seed in range(500):
        try:
            walk(seed)
        except AssertionError as error:
            raise AssertionError(f"walk({seed})") from error


def walk(seed: int) -> None:
    chance = random.Random(seed)
    machine = DeskMachine()
    machine.shift.chance.seed(seed)
    machine.begin(
        inbound=chance.random() < 0.4,
        steps=chance.choice((0, 5, 25, 25, 25)),
        troubles=set(chance.sample(TROUBLES, chance.randint(0, 2))),
    )
    for _ in range(chance.randint(0, 60)):
        match chance.choices(range(12), (10, 5, 3, 2, 4, 1, 1, 2, 2, 3, 1, 4))[0]:
            case 0:
                machine.goes_well(steps=chance.randint(1, 4))
            case 1:
                machine.something_arrives(which=chance.randint(0, 4), twice=chance.random() < 0.2)
            case 2:
                machine.somebody_acts(which=chance.randint(0, 3), declines=chance.random() < 0.4)
            case 3:
                machine.transfer(which=chance.randint(0, 1), to=chance.choice(TARGETS), blind=chance.random() < 0.5)
            case 4:
                machine.wish(which=chance.randint(0, 1), wish=chance.choice(WISHES))
            case 5:
                machine.move(which=chance.randint(0, 1), web=chance.random() < 0.6)
            case 6:
                machine.supervise(which=chance.randint(0, 1), mode=chance.choice(MODES))
            case 7:
                keys = ("hold", "resume", "refer", "refer nowhere", "dial", "dial", "join", "join")
                machine.phone_key(which=chance.randint(0, 1), key=chance.choice(keys))
            case 8:
                machine.time_passes(seconds=chance.choice(SECONDS))
            case 9:
                machine.trouble(which=chance.randint(0, 1), chance=chance.randint(0, 8))
            case 10:
                machine.somebody_hangs_up(which=chance.randint(0, 5))
            case 11:
                machine.a_transfer_gets_on(blind=chance.random() < 0.5, steps=chance.randint(0, 8))
        if chance.random() < 0.03:
            machine.another_caller()
        machine.nobody_is_left_alone()
        machine.no_mistake_of_ours()
        machine.nobody_is_dialled_twice()
        machine.a_call_ends_once_and_is_transferred_once_at_a_time()
        machine.who_talks_hears_the_other_and_who_waits_hears_that()
    machine.teardown()
