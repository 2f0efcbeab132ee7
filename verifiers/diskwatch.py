"""Watches what a run adds to its disk: a bound of its own, and a reserve that keeps the machine's disk from filling."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_RESERVE: Final = 512 * 1024 * 1024


class DiskWatch:
    """Cheap looks (one statvfs each) at the work folder's file system; ``look`` says why to stop, or ""."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        start = os.statvfs(folder)
        self._used = self._in_use(start)
        self._reserve = min(_RESERVE, start.f_bavail * start.f_frsize // 16)
        self._inodes = min(1000, start.f_favail // 16)
        newest = os.stat(folder)
        self._since = newest.st_ctime_ns if newest.st_ctime_ns else 0
        marker = folder / ".ccverify-start"  # the file system's own clock: it may lag behind ours
        try:
            marker.unlink(missing_ok=True)
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
            self._since = marker.stat(follow_symlinks=False).st_ctime_ns
            marker.unlink()
        except OSError:
            pass

    def look(self) -> str:
        """Why the run has to stop now, or "" while all is well."""
        now = os.statvfs(self._folder)
        if now.f_bavail * now.f_frsize < self._reserve or (now.f_files and now.f_favail < self._inodes):
            return f"the disk of {self._folder} is full ({now.f_bavail * now.f_frsize >> 20} MiB left)"
        grown = self._in_use(now) - self._used
        # others write to the same disk, so the growth only counts if this folder's own changed files explain it
        if grown > self._limit and self._changed(self._folder) > self._limit:
            return f"it added more than {self._limit >> 20} MiB to {self._folder}"
        return ""

    @staticmethod
    def _in_use(status: os.statvfs_result) -> int:
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _changed(self, folder: Path) -> int:
        """Bytes on disk of the files changed since the start (a ctime cannot be set by hand), hard links once."""
        total, seen, todo = 0, set(), [os.fspath(folder)]
        while todo:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        status = entry.stat(follow_symlinks=False)
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(entry.path)
                        if status.st_ctime_ns >= self._since and status.st_ino not in seen:
                            seen.add(status.st_ino)
                            total += status.st_blocks * 512
            except OSError:
                continue  # it was removed meanwhile
        return total
