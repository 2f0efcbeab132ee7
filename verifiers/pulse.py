"""What happens every few seconds while a step runs: listeners hear how far it is, and word is left for ``--resume``."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from verifiers.progress import Progress, progress

_EVERY: Final = 2.0  # seconds


@dataclass
class Pulse:
    """``look`` tells which units or suites are done, ``tell`` and ``note`` are called with what that comes to."""

    look: Callable[[], Collection[str]]
    expected: Mapping[str, float]  # unit or suite -> what it took the oracle
    total: int  # how many there will be, where ``expected`` does not say it
    what: str
    tell: Callable[[Progress], None]
    note: Callable[[float], None]  # called with the seconds so far
    before: float = 0.0  # seconds of earlier attempts
    _began: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall time of the step so far, over all attempts."""
        return self.before + time.monotonic() - self._began

    def beat(self) -> None:
        """Called often; does something every few seconds."""
        if time.monotonic() - self._last < _EVERY:
            return
        self._last = time.monotonic()
        self.note(self.seconds)
        self.tell(progress(self.look(), self.expected, self.total, self.what, self.seconds))
