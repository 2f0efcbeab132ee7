"""Watches what a run adds to its disk: a bound of its own, and a reserve that keeps the machine's disk from filling."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

_RESERVE: Final = 512 * 1024 * 1024  # bytes
_WALK_EVERY: Final = 2.0  # seconds; a kernel tree takes half of one


class DiskWatch:
    """Cheap looks (one statvfs each) at the work folder's file system; ``look`` says why to stop, or ""."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        start = os.statvfs(folder)
        self._used = self._in_use(start)
        self._reserve = min(_RESERVE, start.f_bavail * start.f_frsize // 16)
        self._inodes = min(1000, start.f_favail // 16)
        self._since = time.time_ns() - 50_000_000  # a file's times come from a coarser clock, which lags a little
        self._next_walk = 0.0

    def look(self) -> str:
        """Why the run has to stop now, or "" while all is well."""
        now = os.statvfs(self._folder)
        space = now.f_blocks and now.f_bavail * now.f_frsize <= self._reserve
        if space or (now.f_files and now.f_favail <= self._inodes):
            return f"the disk of {self._folder} is full ({now.f_bavail * now.f_frsize >> 20} MiB left)"
        grown = self._in_use(now) - self._used
        # others write to the same disk, so the growth only counts if this folder's own changed files explain it
        if grown > self._limit and self._changed() > self._limit:
            return f"it added more than {self._limit >> 20} MiB to {self._folder}"
        return ""

    @staticmethod
    def _in_use(status: os.statvfs_result) -> int:
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _changed(self) -> int:
        """Bytes on disk of the files changed since the start (a ctime cannot be set by hand), hard links once."""
        if time.monotonic() < self._next_walk:
            return 0
        self._next_walk = time.monotonic() + _WALK_EVERY
        return allocated(self._folder, self._since)


def allocated(folder: Path, since: int = 0) -> int:
    """Bytes on disk of the files below a folder, hard links once; ``since`` (ns) leaves out those not changed since."""
    total, seen, todo = 0, set(), [os.fspath(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    if status.st_ctime_ns >= since and status.st_ino not in seen:
                        seen.add(status.st_ino)
                        total += status.st_blocks * 512
        except OSError:
            continue  # it was removed meanwhile
    return total
