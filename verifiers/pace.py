"""When a night's cells begin: those that the last night did not come to first, and of them the longest first."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage
from types import TracebackType
from typing import Final

from verifiers import process
from verifiers.results import CellId

_LOOK_EVERY: Final = 5.0  # seconds


@dataclass(frozen=True)
class Pace:
    """What is known of the cells before they run, by their lasting names; ``end`` is on the monotonic clock."""

    seconds: Mapping[CellId, float] = field(default_factory=dict)  # that a cell took when it was last run
    waiting: frozenset[CellId] = frozenset()  # had their turn the last time, and were not run
    end: float | None = None

    def key(self, cell: CellId) -> tuple[bool, float]:
        """Cells begin in the order of their keys. One that was never run may be long."""
        return cell.lasting not in self.waiting, -self.seconds.get(cell.lasting, float("inf"))

    def too_late(self, cell: CellId) -> bool:
        """Whether the cell would not end in time, by what it took before."""
        return self.end is not None and self.seconds.get(cell.lasting, 0.0) > self.end - time.monotonic()


class Curfew:
    """Ends a run in order when its time is over, or its disk nearly full; ``why`` says which."""

    def __init__(self, stop: threading.Event, end: float | None, folder: Path, least_free: int) -> None:
        self.why = ""
        self._stop, self._end, self._folder, self._least = stop, end, folder, least_free
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="curfew", daemon=True)

    def __enter__(self) -> Curfew:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not (why := self._look()):
            left = _LOOK_EVERY if self._end is None else min(_LOOK_EVERY, self._end - time.monotonic())
            if self._over.wait(max(0.0, left)):
                return
        self.why = why
        self._stop.set()
        process.interrupt()

    def _look(self) -> str:
        if self._end is not None and time.monotonic() >= self._end:
            return "its time was over"
        free = disk_usage(self._folder).free
        if free < self._least:
            return f"only {free >> 20:,} MiB of disk were left"
        return ""
