"""What one cell is made of, and the fingerprints that tell whether it must be run."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import compiler as compiler_package
import verifiers
from compiler.arches import Arch
from compiler.model import Compiler
from verifiers.recipes.base import Accommodation, Recipe
from verifiers.results import SCHEMA, CellId, CellResult, Source
from verifiers.sysroot import Sysroot

_DECIDING = (
    "archive.py",
    "calibrate.py",
    "cell.py",
    "cgroup.py",
    "compare.py",
    "debunpack.py",
    "diskwatch.py",
    "emulation.py",
    "evidence.py",
    "guard.c",
    "guard.py",
    "instrument.py",
    "jobserver.py",
    "ldcache.py",
    "limits.py",
    "mixing.py",
    "objects.py",
    "passage.py",
    "process.py",
    "recipes",
    "resume.py",
    "sampling.py",
    "sandbox.py",
    "sysroot.py",
    "testformats",
    "untouched.py",
    "workspace.py",
)
"""The framework's own files, besides the package ``compiler``, that can change a verdict; reports cannot."""


_LONGEST: Final = 200  # bytes of a folder's name, of the 255 that there may be


@dataclass(frozen=True)
class Plan:
    """One cell, all names resolved."""

    id: CellId
    recipe: Recipe
    source: Source
    arch: Arch
    candidate: Compiler
    oracle: Compiler
    host: tuple[str, ...]  # the compiler for programs that run during the build
    recipe_digest: str  # of the plugin's files and the framework's deciding ones
    machine: Mapping[str, str]  # Debian package -> version, of what a cell of this project uses
    conditions: Mapping[str, object]  # sandbox and limits
    accommodations: tuple[Accommodation, ...] = ()
    sysroot: Sysroot | None = None  # the target's libraries beyond libc
    failed: tuple[str, ...] = ()  # cases of the last run that a sample takes in any case
    again: bool = False  # run it though its verdict is known

    @property
    def of_oracle(self) -> bool:
        """Whether the oracle is held against itself, perhaps by another of its names."""
        ours, theirs = (each.command(self.arch.name) or ("",) for each in (self.candidate, self.oracle))
        same_program = os.path.realpath(ours[0]) == os.path.realpath(theirs[0]) and ours[1:] == theirs[1:]
        return same_program and self.candidate.env == self.oracle.env

    @cached_property
    def baseline_fingerprint(self) -> str:
        """Of all that decides the oracle's run."""
        return _digest({**self._common, "failed": self.failed})

    @cached_property
    def fingerprint(self) -> str:
        """Of all that decides the cell's verdict, but for the last failures: ``answered_by`` looks at those."""
        mix = self.id.mix.model_dump(mode="json") if self.id.mix else None
        of_candidate: dict[str, object] = {
            "candidate": self.candidate.fingerprint,
            "name": self.id.candidate,
            "mix": mix,
        }
        if self.candidate.links_by_oracle:
            of_candidate["linker"] = "oracle"
        if self.recipe.tests_compile and self.candidate.lacks:  # the result says what passes of all that it claims
            of_candidate["lacks"] = sorted(self.candidate.lacks)
        return _digest({**self._common, **of_candidate})

    def answered_by(self, result: CellResult) -> bool:
        """Whether a result of this fingerprint holds for a sample too: it had all the cases that must be in it."""
        drawn = self.id.sample and not self.id.sample.cases
        return not drawn or {each.name for each in result.verdict.differences} == set(self.failed)

    def passage(self, role: str, cases: Iterable[str]) -> str:
        """Of all that decides one compiler's way through the steps: whether one that was cut short is the same."""
        which = self.baseline_fingerprint if role == "oracle" else self.fingerprint
        return _digest([which, role, sorted(cases), self.failed])

    @property
    def slug(self) -> str:
        """The cell's name as a folder's: no spaces, no slashes, no patterns, and no longer than a name may be."""
        name = re.sub(r"[/*?[\]]", "-", str(self.id).replace(" ", "_").replace("%", "pc"))
        return name if len(os.fsencode(name)) <= _LONGEST else f"{name[: _LONGEST // 4]}-{_digest(name)[:12]}"

    @property
    def _common(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "project": self.recipe.name,
            "source": self.source.sha256,
            "arch": self.arch.name,
            "depth": str(self.id.depth),
            "oracle": self.oracle.fingerprint,
            "recipe": self.recipe_digest,
            "machine": dict(self.machine),
            "conditions": dict(self.conditions),
            "levels": list(self.id.levels),
            "seed": self.id.seed,
            "sample": self.id.sample.model_dump(mode="json") if self.id.sample else None,
            "sysroot": self.sysroot.fingerprint if self.sysroot else "",
            "samples": str(self.recipe.samples or ""),
            "accommodations": [repr(each) for each in self.accommodations],
        }


def recipe_digest(files: Iterable[Path]) -> str:
    """Digest of a plugin's files together with the parts of this framework that can change a verdict."""
    root = Path(verifiers.__file__).parent
    deciding = [Path(compiler_package.__file__).parent, *(root / name for name in _DECIDING)]
    ours = sorted(path for each in deciding for path in _files(each))
    whole = hashlib.sha256()
    for path in (*files, *ours):
        whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [each for each in path.rglob("*") if each.suffix in (".py", ".c", ".h", ".toml")]
    return [path]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
