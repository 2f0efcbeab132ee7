"""What a build or a test that was cut short leaves behind: ``--resume`` does not compile again what was compiled."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from verifiers.files import atomic_write
from verifiers.results import Frozen, Source, Step, StepResult
from verifiers.state import CUT, State, WorkFolder
from verifiers.workspace import Command

_MARGIN: Final = 30.0  # seconds before the cut in which a file may have been half-written
_JOURNALS: Final = frozenset({".ninja_log", ".ninja_deps"})  # made to survive a cut, and of no use without their past


class Cut(Frozen):
    """How far a passage is while it builds or tests; written every few seconds, so that its time is that of the cut."""

    key: str  # which passage: see ``Plan``
    steps: tuple[StepResult, ...]  # those that are done
    commands: tuple[Command, ...]  # and what they ran
    written: dict[str, str]  # files that the plugin wrote itself
    unpacked: Source | None  # what lies at ``src``
    began: float  # UNIX time at which the step began
    seconds: float  # wall time of the step so far, over all attempts
    last: float  # UNIX time of this note

    @property
    def step(self) -> Step:
        """The one that was cut short."""
        return Step.TEST if any(each.step is Step.BUILD for each in self.steps) else Step.BUILD


def write(folder: Path, cut: Cut) -> None:
    """Leave word in the work folder."""
    atomic_write(folder / CUT, cut.model_dump_json().encode())


def read(folder: Path) -> Cut | None:
    """What was left there; None where nothing was, or by another version."""
    try:
        return Cut.model_validate_json((folder / CUT).read_bytes())
    except (OSError, ValidationError):
        return None


def find(state: State, key: str) -> WorkFolder | None:
    """The work folder of the passage ``key`` that was cut short, if there is one."""
    for note in state.work.glob(f"*/{CUT}"):
        cut = read(note.parent)
        if cut and cut.key == key and (folder := state.take_work(note.parent)):
            return folder
    return None


def clear_torn(cell: Path, cut: Cut) -> int:
    """Delete what the cut may have left half-written; make, ninja and tests make it anew. Returns how many files."""
    youngest = max(cut.began, cut.last - _MARGIN)
    removed = 0
    for folder, _, names in os.walk(cell):
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode) and status.st_mtime >= youngest and name not in _JOURNALS:
                    os.unlink(path)
                    removed += 1
    return removed
