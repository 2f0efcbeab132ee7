"""Which of a project's own files are no longer as they were unpacked: a compiler that edits the tests passes them all.

A change is told by a file's ctime, which no unprivileged user can set, and of a copy in the build folder (projects that
build in their own tree) by its content. Builds change some files of theirs, too; what speaks against a candidate is
only what the oracle's build left alone. New files say nothing.
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LIST: Final = "unpacked"


def remember(folder: Path, src: Path) -> None:
    """Write down in a work folder, outside of what builds can reach, which files a complete tree has."""
    if src.is_dir():
        (folder / _LIST).write_bytes(b"\0".join(map(os.fsencode, _files(str(src)))))


def touched(folder: Path, src: Path, build: Path) -> tuple[str, ...]:
    """Files below ``src``, relative to it, that changed or went since then, or whose copy in ``build`` is another."""
    try:
        names = (folder / _LIST).read_bytes()
        since = (folder / _LIST).stat().st_mtime_ns
    except FileNotFoundError:
        return ()  # nothing was unpacked
    found = []
    for name in map(os.fsdecode, filter(None, names.split(b"\0"))):
        path = os.path.join(src, name)
        try:
            status = os.lstat(path)
        except OSError:
            found.append(name)
            continue
        if status.st_ctime_ns > since or _differs(path, os.path.join(build, name)):
            found.append(name)
    return tuple(sorted(os.fsencode(name).decode("utf-8", "backslashreplace") for name in found))


def _files(folder: str, name: str = "") -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{name}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                yield name + entry.name


def _differs(path: str, copy: str) -> bool:
    """Whether a copy has another content, or is a link or a folder now; that there is none is no difference.

    Nor that a program is called as the folder is.
    """
    try:
        return not (stat.S_ISREG(os.lstat(copy).st_mode) and filecmp.cmp(path, copy, shallow=False))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # e.g. a folder above it leads to itself, or is closed now
        return True
