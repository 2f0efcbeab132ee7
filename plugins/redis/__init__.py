"""Redis: a scripted session, its unit tests and its Tcl suite; with libc's allocator, and with jemalloc."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plugins.redis.sources import SOURCES
from plugins.redis.units import units
from verifiers import hookimpl
from verifiers.recipes.autotools import Make
from verifiers.recipes.base import Accommodation, ComputedName, Patch, Recipe, Suite
from verifiers.results import Depth, Source
from verifiers.testformats import redistest, tap

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.workspace import Workspace

_FOLDER = Path(__file__).parent
_JEMALLOC = ("jemalloc_defs.h", "internal/jemalloc_internal_defs.h", "internal/jemalloc_preamble.h")
_QUESTION = "the makefile's question for <stdatomic.h> is not known for one by the name foo.c, and may fail"

# A folder for each unit, with links to the tree, as runtest empties tests/tmp when it starts.
_UNIT_FOLDERS = """
for unit; do
    mkdir -p "units/$unit/tests/tmp"
    for each in src utils redis.conf sentinel.conf runtest; do ln -s "$PWD/$each" "units/$unit/"; done
    for each in tests/*; do [ "$each" = tests/tmp ] || ln -s "$PWD/$each" "units/$unit/tests/"; done
done
"""


class Redis(Make):
    """Redis, built in a copy of its tree. ``redis-server`` has its unit tests in it, as in upstream's own CI."""

    name = "redis"
    summary = "Redis: a session against known answers, the unit tests and runtest"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    configuration: ClassVar[tuple[str, ...]] = ("src/.make-settings",)
    allocator: ClassVar[str] = "libc"
    computed_names: ClassVar[tuple[ComputedName, ...]] = (
        ComputedName(
            pattern=r"^integration/psync2/(?!summary$|completed$)",
            reason="its replicas are laid out at random, for as long as there is time, and each link is a case",
            optional=True,
        ),
    )
    patches: ClassVar[tuple[Patch, ...]] = (
        Patch(file=_FOLDER / "patches" / "probe-7.patch", reason=_QUESTION, versions="7.*"),
        Patch(file=_FOLDER / "patches" / "probe-8.patch", reason=_QUESTION, versions="8.*"),
    )

    accommodations: ClassVar[tuple[Accommodation, ...]] = (
        Accommodation(
            families=("clang",),
            arches=("i686",),
            env={"REDIS_LDFLAGS": "-latomic"},
            reason="8-byte atomics are calls of libatomic, where gcc has them inline; upstream links with it on Arm",
        ),
    )

    def packages_for(self, depth: Depth) -> tuple[str, ...]:
        """``python3`` plays the session; ``g++`` compiles 8.0's one C++ file; runtest is Tcl and calls ``ps``."""
        smoke = ("make", "python3", "g++")
        return smoke if depth is Depth.SMOKE else (*smoke, "tcl", "procps")

    def skip(self, arch: Arch, depth: Depth, version: str) -> str:
        """8.0 has a C++ file, for which there has to be a compiler for the target."""
        cxx = _cxx(arch.triple, not arch.native)
        if not version.startswith("7.") and shutil.which(cxx) is None:
            return f"{self.name} {version} has a C++ file, and there is no {cxx} (package g++-{arch.triple})"
        return super().skip(arch, depth, version)

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        """What every make is given, also where the environment has it: the makefiles set most of these themselves.

        Without OPTIMIZATION 8.0 is built with ``-O3 -flto``, whose objects cannot be mixed with another compiler's.
        """
        return (
            *("V=1", f"CC={work.cc}", f"AR={work.tool('ar')}", f"RANLIB={work.tool('ranlib')}"),
            *(f"CXX={_cxx(work.arch.triple, work.cross)}", f"uname_M={work.arch.machine}"),
            *("OPTIMIZATION=-O2", "REDIS_CFLAGS=-DREDIS_TEST", f"MALLOC={self.allocator}", "USE_SYSTEMD=no"),
            "PYTHON=",  # else a commands.c that looks older than its sources is made anew
        )

    def fetch(self, work: Workspace) -> None:
        """Our own session is laid beside the source, while nothing of others has run that could stand in the way."""
        super().fetch(work)
        folder = work.host_path(_ours(work))
        folder.mkdir()
        for file in ("session.py", "session.txt", "benchmark.sh", f"tables/{work.source.version}.json"):
            shutil.copyfile(_FOLDER / file, folder / Path(file).name)
        work.sandbox.adopt(folder)

    def configure(self, work: Workspace) -> None:
        """Copy the tree, and have make write down its settings, which it otherwise does as it begins to build.

        Then it would also build the libraries in ``deps``, and go on without those that fail.
        """
        work.run("cp", "-a", f"{work.src}/.", work.build)
        arguments = self.make_arguments(work)
        no_dependencies = ("touch", "src/Makefile.dep")  # a fresh tree needs none, and a compiler may not know -MM
        work.run(*no_dependencies)
        self.make(work, "src", "persist-settings", "DEPENDENCY_TARGETS=.make-prerequisites", *arguments)
        work.run(*no_dependencies)  # the settings' target removes it

    def build(self, work: Workspace) -> None:
        """The libraries first, so that one that fails is the step's first error."""
        arguments = self.make_arguments(work)
        libraries = ["hiredis", "linenoise", "lua", "hdr_histogram"]
        if not work.source.version.startswith("7."):
            libraries += ["fpconv", "fast_float"]
        if self.allocator == "jemalloc":
            machines = f"--build={work.build_triple} --host={work.arch.triple}" if work.cross else ""
            self.make(work, "deps", "jemalloc", f"JEMALLOC_CONFIGURE_OPTS={machines}", *arguments)
        self.make(work, "deps", *libraries, *arguments)
        self.make(work, "src", "all", *arguments)
        if wanted := _units(work):
            work.run("sh", "-c", _UNIT_FOLDERS, "sh", *wanted)

    def make(self, work: Workspace, folder: str, *arguments: str) -> None:
        """One make; without the date the build's number, and so ``release.o``, is the same for every compiler."""
        work.run("make", "-C", folder, *arguments, env={"SOURCE_DATE_EPOCH": "1"})

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """The slow ones first, for suites run side by side."""
        wanted = [_unit(work, name) for name in _units(work)]
        if work.depth is not Depth.SMOKE:
            argv = (f"{work.build}/src/redis-server", "test", "all")
            wanted.append(Suite("unit-tests", argv, redistest.parse_unit_tests))
        return [*wanted, _session(work), _benchmark(work)]


class RedisJemalloc(Redis):
    """The same with jemalloc, upstream's default on Linux, which the compiler under test makes too."""

    name = "redis-jemalloc"
    summary = "Redis with its own jemalloc: as redis"
    configuration = (*Redis.configuration, *(f"deps/jemalloc/include/jemalloc/{name}" for name in _JEMALLOC))
    allocator: ClassVar[str] = "jemalloc"


def _cxx(triple: str, cross: bool) -> str:
    return f"{triple}-g++" if cross else "g++"


def _units(work: Workspace) -> tuple[str, ...]:
    return units(work.source.version, work.depth, work.emulated)


def _ours(work: Workspace) -> str:
    return f"{work.src}/ccverify"


def _session(work: Workspace) -> Suite:
    folder = _ours(work)
    files = (f"{folder}/session.txt", f"{folder}/{work.source.version}.json")
    argv = ("python3", "-I", "-S", f"{folder}/session.py", *files, f"{work.build}/src", work.source.version)
    return Suite("session", argv, tap.parse)


def _benchmark(work: Workspace) -> Suite:
    requests = "10000" if work.emulated else "100000"
    argv = ("sh", f"{_ours(work)}/benchmark.sh", f"{work.build}/src", requests)
    return Suite("benchmark", argv, tap.parse, seconds=300.0, benchmark=True)


def _unit(work: Workspace, name: str) -> Suite:
    argv = ("./runtest", "--clients", "1", "--single", name)
    return Suite(name, argv, redistest.parse, cwd=f"{work.build}/units/{name}", seconds=1500.0)


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """Redis with each allocator."""
    return (Redis(), RedisJemalloc())
