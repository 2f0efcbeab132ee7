"""What plugin authors build on: a recipe says how one project is fetched, configured, built and tested."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from verifiers.results import Depth, Source, TestCase

if TYPE_CHECKING:
    from compiler.arches import Arch
    from verifiers.workspace import Workspace

Parser = Callable[[Iterable[bytes]], Iterator[TestCase]]
"""A test format: the lines of a suite's output (bytes, with their line ends) -> its cases, names unprefixed."""


@dataclass(frozen=True)
class Suite:
    """One command of the project's own tests and the format it reports in.

    Its cases are named ``<name>/<case>``; a case ``<name>/completed`` is added by the engine and tells how the
    command itself ended (pass: exit 0, and a case), so that a suite that dies half-way is seen. ``seconds`` is the wall
    time it is allowed at least; a candidate gets a multiple of what the oracle needed where that is more.
    """

    name: str
    argv: tuple[str, ...]
    parse: Parser
    cwd: str = ""  # inside path; default the build folder
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 600.0
    parts: tuple[str, ...] = ()
    only: Callable[[Sequence[str]], tuple[str, ...]] | None = None
    bare: bool = False
    benchmark: bool = False  # its CPU time is steady enough to tell how fast a compiler's code is
    emulates: bool = False  # starts an emulator of its own, whatever the machine: ``seconds`` reckon with that


@dataclass(frozen=True)
class ComputedName:
    """Case names that depend on the compiler or the machine rather than on the test.

    What ``pattern`` matches in a case's full name is replaced by ``replacement`` for both compilers; with
    ``optional`` such a case may be missing on one side (and is then only noted).
    """

    pattern: str
    reason: str
    replacement: str = ""
    optional: bool = False

    def canonical(self, name: str) -> str:
        """The name with its computed part replaced."""
        return re.sub(self.pattern, self.replacement, name) if not self.optional else name

    def allows_missing(self, name: str) -> bool:
        """Whether a case of this name may exist on one side only."""
        return self.optional and re.search(self.pattern, name) is not None


@dataclass(frozen=True)
class Accommodation:
    """A change to the stock build that makes it fit some compilers; used only when asked for, and labelled."""

    families: tuple[str, ...]  # fnmatch patterns over family names
    reason: str
    flags: tuple[str, ...] = ()  # appended to every compilation
    configure: tuple[str, ...] = ()  # appended to the configure command
    env: Mapping[str, str] = field(default_factory=dict)
    arches: tuple[str, ...] = ()  # the only ones that need it; () is all

    def fits(self, family: str, arch: str) -> bool:
        """Whether this is meant for a compiler of that family and for that target."""
        return any(fnmatchcase(family, pattern) for pattern in self.families) and arch in (self.arches or (arch,))


@dataclass(frozen=True)
class Patch:
    """A change to the source, with its reason, for the versions that match (fnmatch)."""

    file: Path
    reason: str
    versions: str = "*"


class Recipe:
    """A project. Subclass it, fill in the data and override the steps that differ.

    Steps get a ``Workspace``: ``work.src`` and ``work.build`` are folders as the sandbox sees them, ``work.cc`` is the
    compiler under test and ``work.host_cc`` the one for programs that run during the build; ``work.run(...)`` runs a
    command in the sandbox and raises when it fails.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    sources: ClassVar[tuple[Source, ...]]  # the first is the default version
    packages: ClassVar[tuple[str, ...]] = ("make",)  # Debian packages the build machine needs
    arches: ClassVar[tuple[str, ...]] = ()  # the only ones it can be built for; () is all
    configuration: ClassVar[
        tuple[str, ...]
    ] = ()  # globs below the build folder: generated files to hold against the oracle's
    computed_names: ClassVar[tuple[ComputedName, ...]] = ()
    accommodations: ClassVar[tuple[Accommodation, ...]] = ()
    patches: ClassVar[tuple[Patch, ...]] = ()
    resumes: ClassVar[bool] = False  # ``build`` may be called again in a tree in which it was cut short
    patience: ClassVar[float] = 1.0  # times the usual time that a step may take
    boots: ClassVar[bool] = False  # its tests start the target's system emulator
    levels: ClassVar[tuple[str, ...]] = ()  # -O levels that its tests can be compiled at, one case each
    tests_compile: ClassVar[bool] = (
        False  # a compiler's own suite: how a call ends in the test step is a case's outcome
    )

    seeded: ClassVar[bool] = False  # its tests are generated, others for each --seed
    samples: Path | None = None  # the user's folder of inputs that no archive has: [project.NAME] of verify.toml

    def source(self, version: str) -> Source:
        """The pinned source of a version; KeyError where there is none."""
        for source in self.sources:
            if source.version == version:
                return source
        raise KeyError(version)

    def skip(self, arch: Arch, depth: Depth, version: str) -> str:
        """Why this cannot be done there; empty where it can."""
        if self.arches and arch.name not in self.arches:
            return f"{self.name} has no recipe for {arch.name} (only {', '.join(self.arches)})"
        return ""

    def packages_for(self, depth: Depth) -> tuple[str, ...]:
        """Debian packages a cell of this depth needs."""
        return self.packages

    def packages_on(self, arch: Arch, depth: Depth) -> tuple[str, ...]:
        """The same for one target, with its system emulator where the tests boot it."""
        return (*self.packages_for(depth), *(arch.system_emulator_packages if self.boots else ()))

    def target_packages(self, arch: Arch, depth: Depth) -> tuple[str, ...]:
        """Debian packages of the target's libraries beyond libc, for a cross build's private sysroot."""
        return ()

    def fetch(self, work: Workspace) -> None:
        """Lay the pinned, checked and patched source at ``work.src``."""
        work.unpack()

    def configure(self, work: Workspace) -> None:
        """Prepare the build folder."""

    def build(self, work: Workspace) -> None:
        """Build what the tests of ``work.depth`` need."""
        raise NotImplementedError

    def suites(self, work: Workspace) -> Sequence[Suite]:
        """The test commands of ``work.depth``."""
        raise NotImplementedError

    def test(self, work: Workspace) -> None:
        """Run the suites; their cases become the step's."""
        work.run_suites(self.suites(work))

    def labels(self, case: str) -> frozenset[str]:
        """What a case needs of a compiler beyond standard C, where that is known."""
        return frozenset()

    def remark(self, case: str) -> str:
        """What a reader of its failure should know of a case."""
        return f"needs {', '.join(sorted(labels))}" if (labels := self.labels(case)) else ""

    def canonical(self, name: str) -> str:
        """A case's name without its computed parts."""
        for computed in self.computed_names:
            name = computed.canonical(name)
        return name

    def may_miss(self, name: str) -> bool:
        """Whether a case of this name may exist with one compiler only."""
        return any(computed.allows_missing(name) for computed in self.computed_names)
