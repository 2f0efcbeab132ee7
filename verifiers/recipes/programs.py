"""Suites of small programs: each test is compiled, run and judged by itself, at one -O level or several.

Nothing is built. ``configure`` writes a plan, and ``runner.py`` follows it inside the sandbox, a group of tests at a
time. A case is ``TEST/LEVEL``, and a test is a part of its group that can be run alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from compiler.driver import messages
from verifiers.recipes.base import Recipe, Suite
from verifiers.testformats import programs

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

LEVELS: Final = ("-O0", "-O1", "-O2", "-O3", "-Os")
PLAN: Final = "plan.json"
Do = Literal["run", "compile", "assemble", "reject"]

_RUNNER: Final = Path(__file__).with_name("runner.py")
_PYTHON: Final = ("/usr/bin/python3", "-I", "-S")
_EMULATED: Final = 15.0  # how much longer a program may take under an emulator
_MIB: Final = 1 << 20
# What the runner looks for in a compiler's messages.
MESSAGES: Final = {
    "aside": messages.ASIDE,
    "mark": messages.MARK,
    "any-error": messages.ANY_ERROR,
    "crash": messages.CRASH,
    "compiler-out-of-memory": messages.MEMORY,
    "uncaught": messages.UNCAUGHT,
    "placed": messages.PLACED,
    "quoted": messages.QUOTED,
    "caret": messages.CARET,
    "bad-flag": messages.BAD_FLAG,
    "undefined-symbol": messages.UNDEFINED,
    "link-error": messages.LINKER,
}
_CANARY: Final = """\
void abort(void);
volatile int one = 1;
int main(void)
{
    if (one + one == 2)
        abort();
    return 0;
}
"""


@dataclass(frozen=True)
class Program:
    """One test: what is to be done with it, and how. Paths are inside ones, or relative to the runner's folder."""

    name: str
    sources: tuple[str, ...]  # compiled together
    levels: Mapping[str, str]  # -O level -> why it is skipped there, "" where it is not
    flags: tuple[str, ...] = ("-w",)
    do: Do = "run"
    factor: float = 1.0  # of the time that it is allowed
    volatile: bool = False  # whether its output is not to be compared
    generate: str = ""  # a shell command that makes its source
    check: tuple[str, ...] = ()  # flags of one more compilation that must print the same as all levels do
    arguments: tuple[str, ...] = ()  # of the program
    expect: str | None = None  # what it must print


class Programs(Recipe):
    """A suite of small programs. Override ``programs``."""

    packages: ClassVar[tuple[str, ...]] = ("python3",)
    levels = LEVELS
    tests_compile = True
    group: ClassVar[int] = 250  # cases in one sandbox: it, an interpreter and the canary cost some 50 ms of CPU

    def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
        """The tests of ``work.depth`` by kind; each kind is run in groups of its own."""
        raise NotImplementedError

    def root(self, work: Workspace) -> str:
        """The folder that messages need not name."""
        return work.src

    def cpu_seconds(self, work: Workspace) -> int:
        """CPU time that a program may take; more under an emulator."""
        return 10

    def configure(self, work: Workspace) -> None:
        """Write the plan, beside the runner that follows it."""
        groups = {name: [_planned(work, each) for each in members] for name, members in self._groups(work).items()}
        work.write(_RUNNER.name, _RUNNER.read_text(encoding="utf-8"))
        work.write("canary.c", _CANARY)
        work.write(PLAN, json.dumps({**self._conditions(work), "groups": groups}))

    def build(self, work: Workspace) -> None:
        """One small program, so that a compiler that makes none is told apart from one that fails 1,653 tests."""
        work.run(work.cc, "-o", "canary", "canary.c")

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """A sandbox and a runner for each group; those with a test that takes longer begin first."""
        groups = sorted(self._groups(work).items(), key=lambda item: -max(each.factor for each in item[1]))
        return [_suite(work, group, members) for group, members in groups]

    def _groups(self, work: Workspace) -> dict[str, list[Program]]:
        """Groups of about as many cases, taken at a stride, so that all take about as long."""
        found: dict[str, list[Program]] = {}
        for kind, members in self.programs(work).items():
            count = -(-sum(len(each.levels) for each in members) // self.group)
            for number, each in enumerate(members):
                found.setdefault(f"{kind}-{number % count + 1:03}", []).append(each)
        return found

    def _conditions(self, work: Workspace) -> dict[str, object]:
        """What the runner is told of all tests."""
        slower = _EMULATED if work.emulated else 1.0
        seconds = self.cpu_seconds(work) * slower
        limits = {"CPU": int(seconds), "FSIZE": 16 * _MIB, "CORE": 0}
        if not work.emulated:  # an emulator maps as much as its guest could address
            limits["AS"] = 4096 * _MIB
        return {
            "cc": work.cc,
            "canary": f"{work.build}/canary.c",
            "root": f"{self.root(work)}/",
            "source": f"{work.src}/",
            "archive": f"{work.unpacked.sha256}/{work.unpacked.filename}" if work.unpacked else "",
            "folder": work.build,
            "compile_seconds": 300.0,  # of wall time: a busy machine is no hanging compiler
            "compiler_timeout": 124,
            "wall_seconds": max(120.0, 6.0 * seconds),  # CPU time decides, unless it waits
            "limits": limits,
            "messages": MESSAGES,
        }


def _suite(work: Workspace, group: str, members: Sequence[Program]) -> Suite:
    argv = (*_PYTHON, f"{work.build}/{_RUNNER.name}", f"{work.build}/{PLAN}", group)
    return Suite(
        group,
        argv,
        programs.parser(group),
        seconds=1800.0,
        parts=tuple(each.name for each in members),
        only=lambda names: (*argv, *names),
        bare=True,
    )


def _planned(work: Workspace, program: Program) -> dict[str, object]:
    """A test as the runner reads it; what the oracle set aside, no other compiler need try."""
    if program.check and work.trusted:
        return asdict(program)
    aside = {level: work.aside.get(f"{program.name}/{level}", why) for level, why in program.levels.items()}
    return asdict(replace(program, check=(), levels=aside if program.check else program.levels))
