"""The oracle's objects of mixed builds, kept by content with ccache, so that the next mix compiles only what it must.

A folder for each candidate: a build is code from elsewhere and can write there, but then it fools itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiler.model import Compiler
from verifiers.limits import GIB, Mount
from verifiers.sandbox import Sandbox

PACKAGE: Final = "ccache"
SIZE: Final = 5 * GIB  # of one candidate's folder
_INSIDE: Final = "/ccverify/objects"


@dataclass(frozen=True)
class Objects:
    """One candidate's folder of objects; ``size`` in bytes is its limit, which ccache keeps."""

    folder: Path
    size: int = SIZE

    @classmethod
    def of(cls, candidate: Compiler, cache: Path, size: int) -> Objects:
        """The folder below the state folder's ``cache``."""
        return cls(cache / "objects" / candidate.fingerprint[:32], size)

    def command(self, compiler: Sequence[str], sandbox: Sandbox) -> tuple[str, ...]:
        """What is called in the compiler's place."""
        inside = str(self.folder) if sandbox.name == "none" else _INSIDE
        settings = (f"CCACHE_DIR={inside}", f"CCACHE_MAXSIZE={max(1, self.size >> 20)}Mi")
        return ("/usr/bin/env", *settings, PACKAGE, *compiler)

    def prepare(self, sandbox: Sandbox) -> None:
        """Make the folder, and hand it to the user that builds."""
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            sandbox.adopt(self.folder)

    @property
    def mount(self) -> Mount:
        """Where an isolated build finds it."""
        return Mount(self.folder, _INSIDE, writable=True)
