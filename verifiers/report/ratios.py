"""What a candidate costs, as multiples of what the oracle cost in the same cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from verifiers.results import Reason
from verifiers.store import Place

MEASURES: Final = {
    "compile": "compile CPU",
    "memory": "compile memory",
    "code": "code size",
    "speed": "benchmark CPU",
    "test": "test CPU",
}
"""CPU seconds and largest process of the build's compiler calls, text and data of their objects, and CPU seconds of the
project's own benchmark and of the whole test step."""

_COSTLY: Final = 10.0
_DEAR: Final = 2.0
_LEAST: Final = {
    "compile": 0.1,
    "memory": 1024,
    "code": 4096,
    "speed": 0.1,
    "test": 0.1,
}  # of the oracle's, below which a ratio is noise


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measure of a cell."""

    measure: str
    candidate: float  # seconds, KiB or bytes
    oracle: float

    @property
    def value(self) -> float:
        """How many times the oracle's."""
        return self.candidate / self.oracle

    @property
    def noise(self) -> bool:
        """Whether there was too little to measure on both sides."""
        return self.oracle < _LEAST[self.measure] and self.candidate < 10 * _LEAST[self.measure]

    @property
    def level(self) -> str:
        """``costly`` from ten times on, ``dear`` from twice on, else nothing."""
        if self.noise or self.value < _DEAR:
            return ""
        return "costly" if self.value >= _COSTLY else "dear"

    @property
    def text(self) -> str:
        """``1.8×``, ``700×``; ``~`` before what is noise."""
        return f"{'~' if self.noise else ''}{times(self.value)}"

    @property
    def amounts(self) -> str:
        """Both sides in their unit."""
        return f"{amount(self.measure, self.candidate)} against {amount(self.measure, self.oracle)}"


def ratios(place: Place) -> dict[str, Ratio]:
    """The measures that both sides have, of steps that came to their end."""
    return {ratio.measure: ratio for ratio in _ratios(place)}


def _ratios(place: Place) -> Iterator[Ratio]:
    ours, theirs = place.candidate, place.oracle
    built = ours.test_cpu is not None  # half a build would look cheap
    tested = place.reason not in (Reason.TEST_CRASH, Reason.MISSING_CASES)
    values = {
        "compile": (ours.build_cpu if built else None, theirs.build_cpu),
        "memory": (ours.build_peak if built else None, theirs.build_peak),
        "code": (ours.code if built else None, theirs.code),
        "speed": (ours.bench if tested else None, theirs.bench),
        "test": (ours.test_cpu if tested else None, theirs.test_cpu),
    }
    for measure, (mine, other) in values.items():
        if mine and other:
            yield Ratio(measure, mine, other)


def mean(values: Iterable[float]) -> float | None:
    """The geometric mean, as is right for ratios; None of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def times(value: float) -> str:
    """A ratio in at most four characters and a cross."""
    if value < 9.95:
        return f"{value:.1f}×" if value >= 0.1 else f"{value:.2f}×"
    return f"{value:,.0f}×"


def amount(measure: str, value: float) -> str:
    """Seconds, KiB or bytes for people."""
    if measure == "code":
        return f"{value / 1024:,.0f} KiB"
    if measure == "memory":
        return f"{value / 1024:,.0f} MiB"
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
