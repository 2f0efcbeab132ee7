"""Finds shared libraries as ld.so(8) does, without starting the program as ldd does."""

from __future__ import annotations

import glob
import os
from functools import cache

from compiler.elf import Elf

# The C library is the machine's, for every compiler alike.
_C_LIBRARY = (
    "libc.so",
    "libm.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libutil.so",
    "libresolv.so",
    "ld-",
    "linux-",
)
_ALWAYS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


def library(name: str, wanted_by: Elf, origin: str) -> str | None:
    """The path of a library that an ELF file in ``origin`` needs; None for the C library's own and for missing ones."""
    if of_the_c_library(name):
        return None
    if "/" in name:
        return name if os.path.isfile(name) else None
    own = [each.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for each in wanted_by.search]
    preloaded = [each for each in os.environ.get("LD_LIBRARY_PATH", "").split(":") if each]
    for folder in (*own, *preloaded, *_folders(), *_ALWAYS):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return None


def of_the_c_library(path: str) -> bool:
    """Whether a library is the C library, a part of it, or its loader."""
    return os.path.basename(path).startswith(_C_LIBRARY)


@cache
def _folders() -> tuple[str, ...]:
    """The folders of /etc/ld.so.conf."""
    found = []
    for path in (*sorted(glob.glob("/etc/ld.so.conf.d/*.conf")), "/etc/ld.so.conf"):
        try:
            with open(path, encoding="utf-8") as file:
                found += [line.strip() for line in file if line.startswith("/")]
        except OSError:
            continue
    return tuple(found)
