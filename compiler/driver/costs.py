"""What a build's compiler calls cost, and how much code they made."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

from compiler.driver.log import Call
from verifiers.results import Compiling, Step


def compiling(calls: Iterable[Call], code: Callable[[str], int | None]) -> Compiling:
    """Sum up the build step's compilations; ``code`` gives an object's bytes by its path inside, None where it is gone.

    Only calls that succeeded count: of one that failed the oracle has no counterpart.
    """
    ours = [
        call
        for call in calls
        if call.role == "candidate" and call.kind == "compile" and call.step == Step.BUILD and call.ok
    ]
    objects = {
        posixpath.normpath(posixpath.join(call.cwd, call.output.path))
        for call in ours
        if call.makes == "object" and call.output and call.output.elf
    }
    sizes = [size for path in sorted(objects) if (size := code(path)) is not None]
    return Compiling(
        cpu_seconds=round(sum(call.cpu for call in ours), 3),
        peak_kib=max((call.peak_kib for call in ours), default=0),
        objects=len(sizes),
        code_bytes=sum(sizes),
    )
