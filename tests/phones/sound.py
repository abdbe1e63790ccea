"""Tones made and measured: a Goertzel filter in pure Python, enough to say what somebody hears."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sound", "goertzel", "read_wav", "tone_ulaw"]

RATE = 8000


def tone_ulaw(frequency: float, *, level: float = 0.5) -> bytes:
    """One second of a sine in µ-law at 8 kHz; `level` is the share of full scale. Whole Hz repeat without a click."""
    step = 2 * math.pi * round(frequency) / RATE
    return bytes(_ulaw(round(level * 32767 * math.sin(step * index))) for index in range(RATE))


def _ulaw(sample: int) -> int:
    # ITU-T G.711: sign, the segment's number, four bits within the segment; all bits inverted.
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | magnitude >> (segment + 3) & 0x0F) & 0xFF


def goertzel(samples: Sequence[float], frequency: float, rate: int = RATE) -> float:
    """The amplitude of one frequency in `samples`, as a share of full scale."""
    if not samples:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = before * before + last * last - coefficient * before * last
    return 2 * math.sqrt(max(power, 0.0)) / len(samples)


@dataclass(frozen=True)
class Sound:
    """What a phone heard: samples between -1 and 1."""

    samples: Sequence[float]
    rate: int = RATE

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.rate

    def last(self, seconds: float) -> Sound:
        """Its end, which is the most recent."""
        return Sound(self.samples[-round(seconds * self.rate) :], self.rate)

    @property
    def level(self) -> float:
        """The root mean square as a share of full scale; a sine of half the scale has 0.35, silence 0."""
        if not self.samples:
            return 0.0
        return math.sqrt(sum(sample * sample for sample in self.samples) / len(self.samples))

    def amplitude(self, frequency: float) -> float:
        """How strong one frequency is, as a share of full scale."""
        return goertzel(self.samples, frequency, self.rate)

    def has(self, *frequencies: float, share: float = 0.6) -> bool:
        """Whether these tones together make up most of what is heard, and none of them is missing.

        `share` is the part of the power that must be theirs. It may come in bursts, as ringback and busy tone do.
        """
        power = self.level**2
        if self.level < 0.001:
            return False
        found = [sum(piece.amplitude(frequency) ** 2 for piece in self.pieces()) / 2 for frequency in frequencies]
        total = power * max(1, sum(1 for _ in self.pieces()))
        return sum(found) >= share * total and min(found) >= 0.1 * total

    def pieces(self, seconds: float = 0.1) -> list[Sound]:
        """The sound in slices; what is left over at the end is dropped."""
        size = round(seconds * self.rate)
        return [
            Sound(self.samples[start : start + size], self.rate)
            for start in range(0, len(self.samples) - size + 1, size)
        ]

    def cadence(self, threshold: float = 0.01) -> list[tuple[bool, float]]:
        """Tone and silence in turn, with their lengths in seconds, to 20 ms."""
        runs: list[tuple[bool, float]] = []
        for piece in self.pieces(0.02):
            on = piece.level > threshold
            length = 0.02
            if runs and runs[-1][0] is on:
                length += runs.pop()[1]
            runs.append((on, length))
        return [(on, round(length, 2)) for on, length in runs]

    @property
    def frequency(self) -> float:
        """The strongest frequency between 100 and 3900 Hz, to 5 Hz; 0 in silence."""
        if self.level < 0.001:
            return 0.0
        coarse = max(range(100, 3901, 25), key=self.amplitude)
        return float(max(range(coarse - 25, coarse + 26, 5), key=self.amplitude))


def read_wav(path: Path) -> Sound:
    """A 16-bit mono WAV, also one that is still being written, whose header has no length yet."""
    data = path.read_bytes() if path.exists() else b""
    start = data.find(b"data")
    if not data.startswith(b"RIFF") or start < 0:
        return Sound([])
    channels, rate = struct.unpack_from("<HI", data, data.index(b"fmt ") + 10)
    body = data[start + 8 :]
    values = struct.unpack(f"<{len(body) // 2}h", body[: len(body) // 2 * 2])
    return Sound([value / 32768 for value in values[::channels]], rate)
