"""Compiler families: a family is a TOML file in ``families/`` and these classes."""

from __future__ import annotations

import glob
import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from compiler.data import members
from compiler.errors import UnknownFamily
from verifiers.nearest import hint
from verifiers.results import Frozen


class Question(Frozen):
    """Arguments to run the compiler with, and what to make of its answer."""

    args: tuple[str, ...]
    pattern: str = r"^(\S.*)$"  # group 1 is the answer; multi-line
    bare: bool = False  # asked of the program alone, without the fixed arguments (``zig env``, not ``zig cc env``)


class Tree(Question):
    """A question whose answer is a folder that belongs to the compiler."""

    loose: tuple[str, ...] = ()  # sub-folders too large to look at each file every time: their folders' times must do


class Detect(Frozen):
    """By what an unknown command is recognised as one of the family."""

    says: str = ""  # searched in its --version or -v output
    macros: tuple[str, ...] = ()  # predefined, all of them; where there are any, it must be able to list them
    without: tuple[str, ...] = ()  # predefined, none of them
    files: tuple[str, ...] = ()  # globs, one of which the real file's name matches


class Target(Frozen):
    """How one program of the family is made to compile for another arch; fields: {triple} {arch}."""

    flags: tuple[str, ...] = ()  # added to the command
    arch_flags: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # instead of ``flags``, by arch
    commands: tuple[str, ...] = ()  # other programs, found on PATH
    arch_commands: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # instead of ``commands``, by arch


class PythonPackage(Frozen):
    """A compiler that comes as a Python package: ``binary`` in the folder of ``module``."""

    module: str
    binary: str


class Family(Frozen):
    """What is known of a family of compilers."""

    name: str
    preference: int  # as a candidate where none is named; the smaller, the sooner; 0 is never
    commands: tuple[str, ...] = ()  # names on PATH, best first; globs stand for the highest version
    python_packages: tuple[PythonPackage, ...] = ()
    subcommand: tuple[str, ...] = ()  # what makes a C compiler of the program, e.g. ("cc",)
    packages: tuple[str, ...] = ()  # Debian's
    install: str = ""  # where it is no Debian package
    version: tuple[Question, ...] = ()
    detect: Detect = Detect()
    target: Target = Target()
    files: tuple[Question, ...] = ()  # each answer is a file, or a program's name on PATH
    trees: tuple[Tree, ...] = ()
    programs: tuple[str, ...] = ()  # on PATH, that it is known to run without being asked
    engines: tuple[str, ...] = ()  # globs of its compilers proper
    lacks: tuple[str, ...] = ()  # labels of cases (plugins/gcc_torture/labels.toml) that its manual says it has not
    linker: Literal["own", "oracle"] = "own"  # who links: it, with whatever linker it runs, or the oracle for it

    @property
    def install_line(self) -> str:
        """The command that installs it."""
        return self.install or f"apt-get install {' '.join(self.packages)}"


@cache
def families() -> dict[str, Family]:
    """Every known family by name, in the order they are preferred as a candidate."""
    found = members(Path(__file__).parent / "families", Family)
    return dict(sorted(found.items(), key=lambda item: (item[1].preference == 0, item[1].preference)))


def family(name: str) -> Family:
    """The family of that name; raises UnknownFamily with the nearest one."""
    try:
        return families()[name]
    except KeyError:
        raise UnknownFamily(name=name, hint=hint(name, families()), known=", ".join(families())) from None


def host_engines() -> tuple[str, ...]:
    """The real path of every known compiler proper on this machine: where the tripwires go."""
    patterns = {pattern for each in families().values() for pattern in each.engines}
    return tuple(sorted({os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)}))
