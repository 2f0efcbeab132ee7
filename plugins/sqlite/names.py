"""What of SQLite's case names depends on the compiler or the machine, and what some compilers need to build it."""

from __future__ import annotations

from verifiers.recipes.base import Accommodation, ComputedName

COMPUTED_NAMES = (
    ComputedName(
        pattern=r"/pager1-16\.1\.\d+$",
        reason="numbered by the length of the working folder's path: as many cases, but other numbers",
        replacement="/pager1-16.1.N",
    ),
    ComputedName(
        pattern=r"/ctime-2\.5\.\d+$",
        reason="one case a compile option, and COMPILER= is one only for the compilers that SQLite knows (not tcc)",
        optional=True,
    ),
    ComputedName(
        pattern=r"/withM-1\.2-oom-(?:transient|persistent)\.\d+$",
        reason="one case an allocation that can fail, in 3.46.1 219 or 220 in two runs of one and the same program",
        optional=True,
    ),
)

ACCOMMODATIONS = (
    Accommodation(
        families=("tcc",),
        flags=("-D_GNU_SOURCE",),
        reason=(
            "configure finds pread64, pwrite64 … by linking, but the C library declares them only with _GNU_SOURCE; "
            "gcc and clang warn of the implicit declaration, tcc stops at it"
        ),
    ),
)
