"""What is heard is recognised: ringback, busy tone, a voice's frequency, silence."""

from __future__ import annotations

import math

from tests.phones import Sound
from tests.phones.sound import tone_ulaw


def _tone(seconds: float, *frequencies: float, level: float = 0.2) -> list[float]:
    return [
        level * sum(math.sin(2 * math.pi * frequency * index / 8000) for frequency in frequencies)
        for index in range(round(seconds * 8000))
    ]


def _silence(seconds: float) -> list[float]:
    return [0.0] * round(seconds * 8000)


def test_a_sine_has_its_frequency_amplitude_and_level() -> None:
    sound = Sound(_tone(1, 1000, level=0.5))
    assert sound.frequency == 1000
    assert abs(sound.amplitude(1000) - 0.5) < 0.01
    assert sound.amplitude(440) < 0.01
    assert abs(sound.level - 0.5 / math.sqrt(2)) < 0.01


def test_british_ringback_is_told_from_busy_tone_and_from_one_tone() -> None:
    burst = _tone(0.4, 400, 450)
    ringback = Sound([*burst, *_silence(0.2), *burst, *_silence(1.0)])
    assert ringback.has(400, 450)
    assert not ringback.has(400)
    assert not ringback.has(480, 620)
    assert ringback.cadence() == [(True, 0.4), (False, 0.2), (True, 0.4), (False, 1.0)]
    assert not Sound(_tone(1, 400)).has(400, 450)


def test_silence_has_no_frequency_and_contains_no_tone() -> None:
    for sound in (Sound(_silence(1)), Sound([])):
        assert sound.frequency == 0
        assert sound.level == 0
        assert not sound.has(400)


def test_ulaw_has_the_codes_of_g711() -> None:
    codes = tone_ulaw(0)
    assert set(codes) == {0xFF}
    loud = tone_ulaw(1000, level=1.0)
    assert 0x80 in loud
    assert 0x00 in loud
