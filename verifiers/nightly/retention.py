"""Removes what is old: logs, history, baselines, folders of red cells, replaced sysroots.

What the newest result of a cell needs stays, however old: its row answers for the cell, and reports show it. Of a run
that is at work, also in another process, nothing is touched.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from verifiers.files import is_locked
from verifiers.nightly.settings import KeepConfig
from verifiers.state import State
from verifiers.store import Store
from verifiers.sysroot import unused_roots

_DAY: Final = 86400.0  # seconds


@dataclass(frozen=True)
class Removed:
    """How much went."""

    runs: int = 0  # from the history
    folders: int = 0  # logs, red cells' folders, sysroots and baselines

    def __str__(self) -> str:
        return f"retention: {self.runs:,} runs forgotten, {self.folders:,} old files and folders removed"


def tidy(state: State, store: Store, keep: KeepConfig, now: float | None = None) -> Removed:
    """Remove what is older than ``keep`` says; ``now`` is a UNIX time."""
    clock = time.time() if now is None else now
    runs = store.forget((datetime.fromtimestamp(clock, UTC) - timedelta(days=keep.history)).isoformat("T", "seconds"))
    found = [
        *_old_logs(state, store, clock - keep.logs * _DAY),
        *_old(state.work.glob("*/.keep"), clock - keep.work * _DAY),
    ]
    if not any(is_locked(lock) for lock in state.logs.glob("*/.lock")):
        found += _old(unused_roots(state.cache / "sysroots"), clock - keep.sysroots * _DAY)
        found += _old(state.baselines.glob("*.json.gz"), clock - keep.history * _DAY)
    count = 0
    for path in found:
        path = path.parent if path.name == ".keep" else path
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        path.with_name(f"{path.name.split('.')[0]}.lock").unlink(missing_ok=True)
        count += 1
    for folder in state.logs.iterdir():
        if folder.is_dir() and {each.name for each in folder.iterdir()} <= {".lock"} and not _busy(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return Removed(runs, count)


def _old_logs(state: State, store: Store, before: float) -> Iterator[Path]:
    """Cells' folders that no newest result names, and that are old."""
    needed = store.newest_folders()
    for run in state.logs.iterdir():
        if run.is_dir() and not _busy(run):
            yield from (path for path in _old(run.glob("*/"), before) if state.relative(path) not in needed)


def _old(paths: Iterator[Path], before: float) -> Iterator[Path]:
    for path in paths:
        if path.lstat().st_mtime < before:
            yield path


def _busy(run: Path) -> bool:
    return (run / ".lock").exists() and is_locked(run / ".lock")
