"""How far a step is, and how long it may yet take: by what the oracle's units and suites took."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_LEAST_SHARE: Final = 0.03  # of a step to be done before a time left is believed
_LEAST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units or suites; ``total`` is 0 where it is not known, ``left`` (seconds) then None."""

    done: int
    total: int
    what: str  # units, suites
    left: float | None = None

    def __str__(self) -> str:
        return f"{self.done} of {self.total} {self.what}" if self.total else f"{self.done} {self.what}"


def progress(done: Collection[str], expected: Mapping[str, float], total: int, what: str, seconds: float) -> Progress:
    """What is done after ``seconds`` of a step, held against what the oracle needed.

    ``expected`` is what each unit or suite took the oracle, in seconds; one that it does not name counts as their mean.
    ``total`` is how many there will be, where ``expected`` names none.
    """
    total = max(len(expected) or total, len(done) if expected or total else 0)
    mean = sum(expected.values()) / len(expected) if expected else 1.0
    whole = sum(expected.values()) if expected else float(total)
    made = sum(expected.get(each, mean) for each in done)
    share = min(1.0, made / whole) if whole else 0.0
    known = share >= _LEAST_SHARE and seconds >= _LEAST_SECONDS
    return Progress(len(done), total, what, seconds * (1 - share) / share if known else None)
