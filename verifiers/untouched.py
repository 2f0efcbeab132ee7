"""Which of a project's own files are no longer as they were unpacked: a compiler that edits the tests passes them all.

A change is told by a file's ctime, which no unprivileged user can set, and of a copy in the build folder (projects that
build in their own tree) by its content. Builds change some files of theirs, too; what speaks against a candidate is
only what the oracle's build left alone.
"""

from __future__ import annotations

import filecmp
import os
import stat
from pathlib import Path
from typing import Final

_MARK: Final = "unpacked"


def mark(folder: Path) -> None:
    """Remember in a work folder, outside of what builds can reach, that its sources are complete now."""
    (folder / _MARK).touch()


def touched(folder: Path, src: Path, build: Path) -> tuple[str, ...]:
    """Files below ``src``, relative to it, that changed after ``mark``, or whose copy below ``build`` is another."""
    try:
        since = (folder / _MARK).stat().st_mtime_ns
    except FileNotFoundError:
        return ()  # nothing was unpacked
    found = []
    for here, _, names in os.walk(src):
        copies = Path(build, os.path.relpath(here, src))
        copied = copies.is_dir()
        for name in names:
            path = os.path.join(here, name)
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_ctime_ns > since or (copied and _differs(path, copies / name)):
                found.append(os.path.relpath(path, src))
    return tuple(sorted(found))


def _differs(path: str, copy: Path) -> bool:
    try:
        return stat.S_ISREG(copy.lstat().st_mode) and not filecmp.cmp(path, copy, shallow=False)
    except OSError:
        return False
