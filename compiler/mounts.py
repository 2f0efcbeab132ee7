"""Which folders a sandbox must show for a compiler to run in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/etc/")
_TOO_WIDE = frozenset(["/", "/home", "/root", "/tmp", "/opt", "/srv", "/var", "/var/tmp", "/mnt", "/media"])
_BUILT = frozenset(["bin", "build", "_build", "out", "target", "release", "debug"])  # what a build puts programs in


def installation(program: str) -> str:
    """The folder around a program that its headers and libraries lie in.

    A program that lies where it was built belongs to the checkout around: ``target/release/mycc`` to what has target.
    """
    base = os.path.dirname(program)
    while os.path.basename(base) in _BUILT:
        base = os.path.dirname(base)
    return base


def mounts(program: str, files: Iterable[str]) -> tuple[str, ...]:
    """Paths outside the system's folders that are needed: further files, and the installation around each program.

    Links are there under both names. A path may be a file or a folder; none lies below another.
    """
    wanted = set()
    for given in (program, *files):
        for path in {given, os.path.realpath(given)}:
            runs = given == program or (os.path.isfile(path) and os.access(path, os.X_OK) and ".so" not in path)
            base = installation(path)
            wide = base in _TOO_WIDE or base == str(Path.home()) or os.path.dirname(base) == "/home"
            wanted.add(base if runs and os.path.isdir(base) and not wide else path)
    outside = sorted(path for path in wanted if not f"{path}/".startswith(_SYSTEM))
    kept: list[str] = []
    for path in outside:
        if not kept or not path.startswith(kept[-1] + os.sep):
            kept.append(path)
    return tuple(kept)
