"""Which folders a sandbox must show for a compiler to run in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/etc/")
_WIDE = """
/ /bin /boot /etc /home /lib /lib64 /media /mnt /opt /root /run /sbin /srv /tmp /usr /usr/bin /usr/include /usr/lib
/usr/lib64 /usr/libexec /usr/local /usr/local/bin /usr/local/include /usr/local/lib /usr/local/sbin /usr/local/share
/usr/sbin /usr/share /var /var/tmp
"""
_TOO_WIDE = frozenset(_WIDE.split())
_BUILT = frozenset(["bin", "build", "_build", "out", "target", "release", "debug"])  # what a build puts programs in
_LIBRARY = re.compile(r"\.so(?:\.[^/]*)?$")


def too_wide(folder: str) -> bool:
    """Whether it is nobody's compiler, whatever a compiler answers: a folder of the system's, or a home."""
    return folder in _TOO_WIDE or folder == str(Path.home()) or os.path.dirname(folder) == "/home"


def is_program(path: str) -> bool:
    """Whether it is a file that can be started, and no library."""
    return os.path.isfile(path) and os.access(path, os.X_OK) and not _LIBRARY.search(path)


def levels(program: str) -> list[str]:
    """The folders that its headers and libraries may lie in: its own, and those around where programs are built.

    A program that lies where it was built belongs to the checkout around: ``target/release/mycc`` to what has target.
    """
    found = [os.path.dirname(program)]
    while os.path.basename(found[-1]) in _BUILT:
        found.append(os.path.dirname(found[-1]))
    return found


def mounts(program: str, files: Iterable[str]) -> tuple[str, ...]:
    """Paths outside the system's folders that are needed: further files, and the installation around each program.

    Links are there under both names. A path may be a file or a folder; none lies below another.
    """
    wanted = set()
    for given in (program, *files):
        for path in {given, os.path.realpath(given)}:
            around = [each for each in levels(path) if os.path.isdir(each) and not too_wide(each)]
            runs = given == program or is_program(path)
            wanted.add(around[-1] if runs and around else path)
    outside = sorted(path for path in wanted if not f"{path}/".startswith(SYSTEM))
    kept: list[str] = []
    for path in outside:
        if not kept or not path.startswith(kept[-1] + os.sep):
            kept.append(path)
    return tuple(kept)
