"""Numbers with their spread, ratios beside their targets, and the two files they are written to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

__all__ = ["Figure", "Measure", "Ratio", "measure", "percentile", "ratio", "text", "write"]

RESULTS = Path(__file__).parent / "results"


class Measure(msgspec.Struct, frozen=True):
    """A quantity that was measured several times."""

    name: str
    unit: str
    median: float
    low: float
    high: float
    #: What `low` and `high` are, such as `p25 to p75`.
    spread: str
    samples: int
    p99: float | None = None


class Ratio(msgspec.Struct, frozen=True):
    """What the issue asks for; `most` or `least` is the target."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def target(self) -> str:
        """As the issue writes it."""
        if self.most is not None:
            return f"≤ {self.most:g}{self.unit}"
        return f"≥ {self.least:g}{self.unit}" if self.least is not None else "—"


class Figure(msgspec.Struct, frozen=True):
    """One row of the issue's table, or several that are measured together."""

    title: str
    measures: tuple[Measure, ...]
    ratios: tuple[Ratio, ...]
    notes: tuple[str, ...] = ()


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(name: str, unit: str, values: Sequence[float], *, tail: bool = False) -> Measure:
    """Median and quartiles of many samples, median and extremes of few; `tail` adds p99."""
    if not values:
        return Measure(name, unit, float("nan"), float("nan"), float("nan"), "nothing measured", 0)
    few = len(values) < 20
    low, high = (min(values), max(values)) if few else (percentile(values, 0.25), percentile(values, 0.75))
    return Measure(
        name, unit, statistics.median(values), low, high, "min to max" if few else "p25 to p75", len(values),
        percentile(values, 0.99) if tail else None,
    )  # fmt: skip


def ratio(name: str, value: float, unit: str = "", *, most: float | None = None, least: float | None = None) -> Ratio:
    """A ratio and its target."""
    return Ratio(name, value, unit, most, least)


def text(figures: Sequence[Figure], facts: dict[str, str]) -> str:
    """The result as Markdown, readable on a terminal too."""
    lines = ["# Benchmark", "", ", ".join(f"{name} {value}" for name, value in facts.items()), ""]
    lines += ["| ratio | measured | reach | |", "|---|---:|---:|---|"]
    for figure in figures:
        for line in figure.ratios:
            aim = line.most is not None or line.least is not None
            met = ("reached" if line.reached else "**not reached**") if aim else ""
            lines.append(f"| {line.name} | {line.value:.2f}{line.unit} | {line.target} | {met} |")
    for figure in figures:
        lines += ["", *_figure(figure)]
    return "\n".join(lines) + "\n"


def _figure(figure: Figure) -> list[str]:
    lines = [f"## {figure.title}", "", "| | median | spread | p99 | samples |", "|---|---:|---:|---:|---:|"]
    for line in figure.measures:
        spread = f"{line.low:.2f} to {line.high:.2f} ({line.spread})"
        tail = "" if line.p99 is None else f"{line.p99:.2f}"
        lines.append(f"| {line.name} | {line.median:.2f} {line.unit} | {spread} | {tail} | {line.samples} |")
    return [*lines, *(f"\n{note}" for note in figure.notes)]


def write(figures: Sequence[Figure], facts: dict[str, str], name: str) -> Path:
    """Writes `name`.json and `name`.md below bench/results; returns the latter."""
    RESULTS.mkdir(exist_ok=True)
    document = msgspec.json.encode({"facts": facts, "figures": list(figures)})
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(document, indent=2) + b"\n")
    path = RESULTS / f"{name}.md"
    path.write_text(text(figures, facts), encoding="utf-8")
    return path
