"""GCC's torture tests: thousands of small C programs, each compiled, run and judged by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from plugins.gcc_torture import plan
from plugins.gcc_torture.sources import SOURCES, tests
from verifiers import hookimpl
from verifiers.recipes.base import Recipe, Suite
from verifiers.results import Source
from verifiers.testformats import torture

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

_RUNNER: Final = Path(__file__).with_name("runner.py")
_PYTHON: Final = "/usr/bin/python3"
_EMULATED: Final = 15.0  # how much longer a program may take under an emulator
_MIB: Final = 1 << 20
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


class GccTorture(Recipe):
    """GCC's c-torture tests. Nothing is built: a case is one test at one level, compiled and run in the test step."""

    name = "gcc_torture"
    summary = "GCC's torture tests: execute, ieee, compile and builtins at five levels"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    packages = ("python3", "xz-utils")
    levels = plan.LEVELS
    tests_compile = True

    def fetch(self, work: Workspace) -> None:
        """Only the tests, of half a gigabyte."""
        replace(work, source=tests(work.fetcher)).unpack()

    def configure(self, work: Workspace) -> None:
        """Read every test's directives and write the plan of each group, beside the runner that follows it."""
        build = work.host_path(work.build)
        shutil.copyfile(_RUNNER, build / _RUNNER.name)
        for group, entries in self._groups(work).items():
            (build / f"{group}.json").write_text(json.dumps(_plan(work, group, entries)), encoding="utf-8")
        work.sandbox.adopt(build)

    def build(self, work: Workspace) -> None:
        """One small program, so that a compiler that makes none is told apart from one that fails 1,653 tests."""
        source = work.host_path(work.build) / "canary.c"
        source.write_text(_CANARY, encoding="utf-8")
        work.sandbox.adopt(source)
        work.run(work.cc, "-o", "canary", "canary.c")

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """A sandbox and a runner for each group."""
        return [self._suite(work, group, entries) for group, entries in self._groups(work).items()]

    def _suite(self, work: Workspace, group: str, entries: list[dict[str, Any]]) -> Suite:
        argv = (_PYTHON, "-I", "-S", f"{work.build}/{_RUNNER.name}", f"{work.build}/{group}.json")
        return Suite(
            group,
            argv,
            torture.parser(group),
            seconds=1800.0,
            parts=tuple(entry["name"] for entry in entries),
            only=lambda names: (*argv, *names),
            bare=True,
        )

    def _groups(self, work: Workspace) -> dict[str, list[dict[str, Any]]]:
        return plan.groups(work.host_path(_tests(work)), work.arch.name, work.depth, work.levels)


def _tests(work: Workspace) -> str:
    """Where the tests stand in the source, as the sandbox sees it."""
    return f"{work.src}/gcc.c-torture"


def _plan(work: Workspace, group: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What the runner is told of a group."""
    slower = _EMULATED if work.emulated else 1.0
    limits = {"CPU": int(10 * slower), "FSIZE": 16 * _MIB, "CORE": 0}
    if not work.emulated:  # an emulator maps as much as its guest could address
        limits["AS"] = 4096 * _MIB
    return {
        "name": group,
        "cc": work.cc,
        "canary": f"{work.build}/canary.c",
        "root": f"{_tests(work)}/",
        "folder": f"{work.build}/{group}",
        "starter": list(getattr(work, "starter", ())),
        "compile_seconds": 120.0,
        "compiler_timeout": 124,
        "wall_seconds": 60.0 * slower,
        "limits": limits,
        "tests": [{**entry, "sources": [f"{_tests(work)}/{each}" for each in entry["sources"]]} for entry in entries],
    }


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """The torture tests alone."""
    return (GccTorture(),)
