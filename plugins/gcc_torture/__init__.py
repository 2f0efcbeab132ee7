"""GCC's torture tests: thousands of small C programs, each compiled, run and judged by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from plugins.gcc_torture import labels, plan
from plugins.gcc_torture.sources import SOURCES, tests
from verifiers import hookimpl
from verifiers.recipes.base import Recipe
from verifiers.recipes.programs import Program, Programs
from verifiers.results import Source

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


class GccTorture(Programs):
    """GCC's c-torture tests. Nothing is built: a case is one test at one level, compiled and run in the test step."""

    name = "gcc_torture"
    summary = "GCC's torture tests: execute, ieee, compile and builtins at five levels"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    packages = ("python3", "xz-utils")

    def fetch(self, work: Workspace) -> None:
        """Only the tests, of half a gigabyte."""
        work.unpack(tests(work.fetcher))

    def root(self, work: Workspace) -> str:
        """Where the tests stand in the source, as the sandbox sees it."""
        return f"{work.src}/gcc.c-torture"

    def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
        """Every test of the depth, its directives read."""
        root = self.root(work)
        return plan.programs(work.host_path(root), root, work.arch.name, work.depth, work.levels)

    def labels(self, case: str) -> frozenset[str]:
        """What its test uses beyond standard C."""
        return labels.labels_of(case)


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """The torture tests alone."""
    return (GccTorture(),)
