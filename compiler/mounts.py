"""Which folders a sandbox must show for a compiler to run in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/etc/")
_TOO_WIDE = frozenset(["/", "/home", "/root", "/tmp", "/opt", "/srv", "/var", "/mnt", "/media"])


def mounts(program: str, files: Iterable[str]) -> tuple[str, ...]:
    """Paths outside the system's folders that are needed: the installation around the program, and further files.

    Links are there under both names. A path may be a file or a folder; none lies below another.
    """
    wanted = set()
    for path in {program, os.path.realpath(program)}:
        folder = os.path.dirname(path)
        base = os.path.dirname(folder) if os.path.basename(folder) == "bin" else folder
        wide = base in _TOO_WIDE or base == str(Path.home())
        wanted.add(path if wide or not os.path.isdir(base) else base)
    for path in files:
        wanted |= {path, os.path.realpath(path)}
    outside = sorted(path for path in wanted if not f"{path}/".startswith(_SYSTEM))
    kept: list[str] = []
    for path in outside:
        if not kept or not path.startswith(kept[-1] + os.sep):
            kept.append(path)
    return tuple(kept)
