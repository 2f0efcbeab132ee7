"""A compiler as everything after discovery sees it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import Field

from verifiers.results import CompilerInfo, Frozen


class Compiler(Frozen):
    """One compiler, found and described. ``fingerprint`` speaks of the command for the arch it was resolved for."""

    name: str  # stable in reports: "clang-14.0.6", "mycc-1.2" for a path, the entry's name for verify.toml
    family: str
    version: str  # "" where it would not say
    commands: dict[str, tuple[str, ...]]  # arch name -> command, absolute
    files: tuple[str, ...] = ()  # the real files and folders behind, absolute
    fingerprint: str = ""
    packages: tuple[str, ...] = ()  # Debian packages of its family
    accommodations: tuple[str, ...] = ()  # the names under which a project's accommodations apply, nearest first
    env: dict[str, str] = Field(default_factory=dict)  # needed around each call
    engines: tuple[str, ...] = ()  # the compilers proper that are rightly behind it, e.g. /usr/lib/gcc/…/cc1
    mounts: tuple[str, ...] = ()  # outside the system's folders: to be seen, read-only, where it runs
    ident: str = ""  # what its objects' .comment says; "" where they have none
    guessed: bool = False  # nobody named this command for the arch: the family's data led to it
    lacks: tuple[str, ...] = ()  # features beyond standard C that it does not claim, as labels of cases
    links_by_oracle: bool = False  # it makes objects only; the oracle's linker does the rest
    unreachable: bool = False  # the unprivileged user could not start it to ask it anything
    why: str = ""  # how it came to be chosen: "--cc", "$CC", "verify.toml default", "first found", "oracle"
    notes: tuple[str, ...] = ()  # what could not be found out

    def command(self, arch: str) -> tuple[str, ...] | None:
        """The command that compiles for an arch, or None where it cannot target it."""
        return self.commands.get(arch)

    def info(self, arch: str) -> CompilerInfo:
        """The short form for results."""
        return CompilerInfo(
            name=self.name,
            family=self.family,
            version=self.version,
            fingerprint=self.fingerprint,
            command=self.commands.get(arch, ()),
            made=_made((*self.commands.get(arch, ())[:1], *self.engines[:1])),
            engine=self.engines[0] if self.engines else "",
        )


def _made(paths: Iterable[str]) -> str:
    """The day that the newest of some programs is of; a wrapper script and what is behind it are one compiler."""
    times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
    return datetime.fromtimestamp(max(times), UTC).date().isoformat() if times else ""


def distinct(compilers: Iterable[Compiler]) -> tuple[Compiler, ...]:
    """Compilers of one matrix under names of their own: those that share one get a piece of their fingerprint."""
    every = tuple(compilers)
    names = [compiler.name for compiler in every]
    return tuple(
        compiler
        if names.count(compiler.name) == 1
        else compiler.model_copy(update={"name": f"{compiler.name}@{compiler.fingerprint[:8]}"})
        for compiler in every
    )
