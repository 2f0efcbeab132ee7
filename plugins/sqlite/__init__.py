"""SQLite: the library, its fuzz cases, its benchmark's verification and its Tcl suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plugins.sqlite.names import ACCOMMODATIONS, COMPUTED_NAMES
from plugins.sqlite.sources import SOURCES
from plugins.sqlite.volatile import volatile_cases
from verifiers import hookimpl
from verifiers.recipes.autotools import Autotools
from verifiers.recipes.base import Accommodation, ComputedName, Patch, Recipe, Suite
from verifiers.results import Depth, Source
from verifiers.testformats import fuzzcheck, sessionfuzz, speedtest, tcl, threadtest

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.workspace import Workspace

_FUZZ_SMOKE = (4, 6, 7)  # 14,616 cases; the other files are 31,601
_FUZZ_ALL = (1, 2, 3, 4, 5, 6, 7, 8)
_PERMUTATIONS = ("utf16",)  # of test/permutations.test
_TARGETS = {
    Depth.SMOKE: ("fuzzcheck", "speedtest1"),
    Depth.STANDARD: ("fuzzcheck", "speedtest1", "sessionfuzz", "testfixture"),
    Depth.FULL: ("fuzzcheck", "speedtest1", "sessionfuzz", "testfixture", "threadtest3"),
}


class Sqlite(Autotools):
    """SQLite. A host tclsh generates sources at every depth; its own generators are built with CC when not crossing."""

    name = "sqlite"
    summary = "SQLite: fuzzcheck, sessionfuzz, speedtest1 --verify and the Tcl suite"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    configuration = ("sqlite_cfg.h", "libtool", "Makefile")
    computed_names: ClassVar[tuple[ComputedName, ...]] = COMPUTED_NAMES
    accommodations: ClassVar[tuple[Accommodation, ...]] = ACCOMMODATIONS
    patches: ClassVar[tuple[Patch, ...]] = (
        Patch(
            file=Path(__file__).parent / "patches" / "fuzzcheck-null-sql.patch",
            reason="fuzzcheck -v -v prints NULL in fuzzdata8: undefined, and with gcc -O2 it crashes",
            versions="3.46.1",
        ),
    )

    def packages_for(self, depth: Depth) -> tuple[str, ...]:
        """``tclsh`` generates sources; the Tcl suite is a program linked with Tcl, and with zlib for its archives."""
        return ("make", "tcl") if depth is Depth.SMOKE else ("make", "tcl", "tcl8.6-dev", "zlib1g-dev")

    def target_packages(self, arch: Arch, depth: Depth) -> tuple[str, ...]:
        """What the Tcl suite's program is linked with."""
        return ("tcl8.6-dev", "zlib1g-dev") if _with_tcl(arch, depth) else ()

    def arguments(self, work: Workspace) -> Sequence[str]:
        """Tcl only where its suite is run; ``configure`` reads BUILD_CC when crossing only."""
        tcl = f"{work.libraries}/usr/lib/{work.arch.multiarch}/tcl8.6"
        return (f"--with-tcl={tcl}" if _has_tcl(work) else "--disable-tcl", "--disable-readline")

    def targets(self, work: Workspace) -> Sequence[str]:
        """Only the programs that the depth's tests are."""
        return [each for each in _TARGETS[work.depth] if each != "testfixture" or _has_tcl(work)]

    def build(self, work: Workspace) -> None:
        """Also a folder for each further run of ``testfixture``: two in one folder would share their ``testdir``."""
        super().build(work)
        if work.depth is Depth.FULL and _has_tcl(work):
            work.run("mkdir", "-p", *(f"{work.build}/{name}" for name in _PERMUTATIONS))

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """The slow one first, for suites run side by side."""
        wanted = [_tcl(work, "extraquick")] if _has_tcl(work) else []
        files = _FUZZ_SMOKE if work.depth is Depth.SMOKE else _FUZZ_ALL
        wanted += [_fuzz(work, number) for number in files]
        if work.depth is not Depth.SMOKE:
            wanted.append(_sessionfuzz(work))
        if work.depth is Depth.FULL:
            wanted.append(Suite("threadtest3", (f"{work.build}/threadtest3",), threadtest.parse, seconds=1200.0))
            wanted += [_permutation(work, name) for name in _PERMUTATIONS if _has_tcl(work)]
        wanted.append(_speedtest(work))
        return wanted


def _has_tcl(work: Workspace) -> bool:
    return _with_tcl(work.arch, work.depth)


def _with_tcl(arch: Arch, depth: Depth) -> bool:
    """Whether the Tcl suite is run; emulated, it takes over half an hour."""
    return depth is Depth.FULL or (depth is Depth.STANDARD and not arch.needs_emulator)


def _fuzz(work: Workspace, number: int) -> Suite:
    name = f"fuzzdata{number}"
    # 3.40.1 prints the statements from the second -v on, 3.46.1 from the third
    argv = (f"{work.build}/fuzzcheck", "-v", "-v", "-v", "--result-trace", f"{work.src}/test/{name}.db")
    return Suite(name, argv, fuzzcheck.parser(volatile_cases(work.source.version, name)), seconds=300.0)


def _sessionfuzz(work: Workspace) -> Suite:
    argv = (f"{work.build}/sessionfuzz", "run", "-v", f"{work.src}/test/sessionfuzz-data1.db")
    return Suite("sessionfuzz", argv, sessionfuzz.parse, seconds=120.0)


def _speedtest(work: Workspace) -> Suite:
    argv = (f"{work.build}/speedtest1", "--verify", "--size", "10", ":memory:")
    return Suite("speedtest1", argv, speedtest.parse, seconds=120.0, benchmark=True)


def _tcl(work: Workspace, script: str) -> Suite:
    argv = (f"{work.build}/testfixture", f"{work.src}/test/{script}.test")
    return Suite(script, argv, tcl.parse, env=_tcl_environment(work), seconds=1800.0)


def _permutation(work: Workspace, name: str) -> Suite:
    argv = (f"{work.build}/testfixture", f"{work.src}/test/permutations.test", name)
    environment = _tcl_environment(work)
    return Suite(name, argv, tcl.parse, cwd=f"{work.build}/{name}", env=environment, seconds=1800.0)


def _tcl_environment(work: Workspace) -> dict[str, str]:
    """Where a target's Tcl finds its scripts: it has the host's path built in, and they must be of its own version."""
    return {"TCL_LIBRARY": f"{work.libraries}/usr/share/tcltk/tcl8.6"} if work.libraries else {}


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """SQLite alone."""
    return (Sqlite(),)
