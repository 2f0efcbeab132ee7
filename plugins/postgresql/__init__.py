"""PostgreSQL: a session and a server's life of our own, its regression and isolation tests, contrib and unit tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plugins.postgresql.modules import contrib, units
from plugins.postgresql.sources import SOURCES
from verifiers import hookimpl
from verifiers.recipes.autotools import Autotools
from verifiers.recipes.base import Accommodation, Recipe, Suite
from verifiers.results import Depth, Source
from verifiers.testformats import pg_regress, tap

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

_OURS = Path(__file__).parent / "smoke"
_REGRESS = "src/test/regress"
_ISOLATION = "src/test/isolation"


class Postgresql(Autotools):
    """PostgreSQL, installed below its build folder; every suite has a server of its own, reached by a socket file."""

    name = "postgresql"
    summary = "PostgreSQL: a session and a crash of our own, check, isolation and contrib"
    sources: ClassVar[tuple[Source, ...]] = SOURCES
    packages = ("make", "perl", "bison", "flex", "diffutils")  # 17 comes without generated parsers
    configure_arguments = ("--without-readline", "--without-zlib", "--without-icu")
    configuration = ("src/include/pg_config.h", "src/include/pg_config_ext.h", "src/Makefile.global")
    accommodations: ClassVar[tuple[Accommodation, ...]] = (
        Accommodation(
            families=("clang",),
            arches=("i686",),
            flags=("-msse2",),
            reason=(
                "its configure refuses clang without SSE2 on 32-bit x86, as it would compute in the x87, with excess "
                "precision"
            ),
        ),
        Accommodation(
            families=("tcc", "generic"),
            configure=("--disable-spinlocks", "--disable-atomics"),
            reason=(
                "the compiler is not __GNUC__, for which the spinlocks' assembler is written, or lacks the __sync and "
                "__atomic builtins; both arguments, for without spinlocks but with atomics PostgreSQL builds and then "
                "dies in initdb, with any compiler"
            ),
        ),
    )

    def fetch(self, work: Workspace) -> None:
        """Our own tests are laid beside the source, while nothing of others has run that could stand in the way."""
        super().fetch(work)
        ours = work.host_path(_ours(work))
        shutil.copytree(_OURS, ours)
        work.sandbox.adopt(ours)

    def build(self, work: Workspace) -> None:
        """All that the tests run is built and installed here, so that suites may run side by side."""
        destination = f"DESTDIR={work.build}/tmp_install"  # where ``make check`` looks for it
        work.run("make", "all")
        work.run("make", "install", destination)
        for folder in _further(work):
            work.run("make", "-C", folder, "all")
            work.run("make", "-C", folder, "install", destination)

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """The slow ones first; emulated, no isolation tests, which wait for time to pass that an emulator stretches."""
        wanted = [_session(work), _server(work), _benchmark(work)]
        if work.depth is not Depth.SMOKE:
            wanted = [_check(work), *([] if work.emulated else [_isolation(work)]), *wanted]
        if work.depth is Depth.FULL and not work.emulated:
            wanted += [_module(work, folder) for folder in _modules(work)]
        return wanted


def _ours(work: Workspace) -> str:
    return f"{work.src}/ccverify"


def _further(work: Workspace) -> tuple[str, ...]:
    """Folders to build that are not part of ``make all``."""
    if work.depth is not Depth.FULL or work.emulated:
        return ()
    return ("contrib", *(f"src/test/modules/{name}" for name in units(work.source.version)))


def _modules(work: Workspace) -> tuple[str, ...]:
    """Folders whose ``make check`` is run."""
    return ("src/pl/plpgsql/src", *(f"contrib/{name}" for name in contrib(work.source.version)), *_further(work)[1:])


def _suite(work: Workspace, name: str, folder: str, *argv: str, seconds: float) -> Suite:
    prefix = f"{work.build}/tmp_install/usr/local/pgsql"
    command = ("sh", f"{_ours(work)}/run.sh", prefix, folder, *argv)
    return Suite(name, command, pg_regress.parse, seconds=seconds)


def _direct(work: Workspace, name: str, program: str, source: str, *options: str, seconds: float = 1800.0) -> Suite:
    """A pg_regress as ``make check`` runs it, but in a folder of its own, and whatever the machine's locales."""
    folder = f"{work.build}/ccverify/{name}"
    argv = (
        f"{work.build}/{program}",
        f"--temp-instance={folder}/instance",
        f"--inputdir={source}",
        f"--outputdir={folder}",
        "--bindir=",
        "--no-locale",
        "--encoding=UTF8",
        *options,
    )
    return _suite(work, name, folder, *argv, seconds=seconds)


def _session(work: Workspace) -> Suite:
    schedule = f"--schedule={_ours(work)}/schedule"
    return _direct(work, "session", f"{_REGRESS}/pg_regress", _ours(work), schedule, seconds=600.0)


def _server(work: Workspace) -> Suite:
    prefix = f"{work.build}/tmp_install/usr/local/pgsql"
    argv = ("sh", f"{_ours(work)}/server.sh", prefix, f"{work.build}/ccverify/server", work.source.version)
    return Suite("server", argv, tap.parse, seconds=900.0)


def _benchmark(work: Workspace) -> Suite:
    prefix, transactions = f"{work.build}/tmp_install/usr/local/pgsql", "200" if work.emulated else "2000"
    argv = ("sh", f"{_ours(work)}/benchmark.sh", prefix, f"{work.build}/ccverify/benchmark", transactions)
    return Suite("benchmark", argv, tap.parse, seconds=600.0, benchmark=True)


def _check(work: Workspace) -> Suite:
    source = f"{work.src}/{_REGRESS}"
    options = [f"--dlpath={work.build}/{_REGRESS}", "--max-concurrent-tests=20"]
    if work.emulated:
        options.append("--max-connections=4")
    return _direct(work, "check", f"{_REGRESS}/pg_regress", source, *options, f"--schedule={source}/parallel_schedule")


def _isolation(work: Workspace) -> Suite:
    source = f"{work.src}/{_ISOLATION}"
    schedule = f"--schedule={source}/isolation_schedule"
    return _direct(work, "isolation", f"{_ISOLATION}/pg_isolation_regress", source, schedule)


def _module(work: Workspace, folder: str) -> Suite:
    """``make check`` of a module, which builds and installs nothing again; its own tests, and those of isolation."""
    arguments = ("NO_TEMP_INSTALL=1", "NO_LOCALE=1", "ENCODING=UTF8")
    return _suite(work, folder, f"{work.build}/{folder}", "make", "-C", folder, "check", *arguments, seconds=900.0)


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """PostgreSQL alone."""
    return (Postgresql(),)
