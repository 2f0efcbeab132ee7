"""What a run inside the sandbox may use, what it is given, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from verifiers.results import Reason, Usage

SANDBOX_UID: Final = 64801
"""Whom root becomes for all that is not ours; in the range that Debian keeps for global users, and no one's here."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True)
class Limits:
    """Bounds of one run; sizes in bytes. The defaults suit a smoke test on a small machine."""

    seconds: float = 600.0  # wall
    memory: int = 4 * GIB  # the whole tree where a memory cgroup can be had, else private data per process
    processes: int = 1024  # processes and threads that exist at once
    file: int = 8 * GIB  # largest single file
    disk: int = 20 * GIB  # what the run may add to the work folder
    log: int = 64 * MIB  # stdout and stderr together


@dataclass(frozen=True)
class Mount:
    """A host file or folder that the run sees at ``target`` (absolute), read-only unless ``writable``."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Completed:
    """How a run ended. Exactly one of ``exit`` and ``signal`` is set, or neither when it was ``stopped``.

    ``signal`` is the signal the command itself died of; a shell that reports its child's as 128+N has an ``exit``.
    ``detail`` is a sentence for the message: why it was stopped, or ``memory: …`` when memory ran out inside.
    """

    exit: int | None
    signal: int | None
    usage: Usage
    stopped: Reason | None = None
    detail: str = ""
    oom_kills: int = 0  # processes that the kernel killed at the memory limit (0 where there is no cgroup)

    @property
    def ok(self) -> bool:
        """Whether the command ran to its end and said success."""
        return self.exit == 0 and self.stopped is None
