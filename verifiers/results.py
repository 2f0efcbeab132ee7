"""The frozen models that plugins return and reports read; their JSON form is versioned by ``SCHEMA``.

Units everywhere: seconds (float), KiB for memory, bytes for sizes, UTC ISO 8601 for times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Sequence

from pydantic import BaseModel, ConfigDict, Field

from verifiers.words import CaseOutcome as CaseOutcome
from verifiers.words import Depth as Depth
from verifiers.words import Reason as Reason
from verifiers.words import Step as Step
from verifiers.words import VerdictKind as VerdictKind
from verifiers.words import stem

SCHEMA = 1


class Frozen(BaseModel):
    """Base of every result: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


COMPLETED = "/completed"
"""Suffix of the case that tells how a suite's own process ended; it is compared, but it is no test."""


class TestCase(Frozen):
    """One case of a project's own suite. ``name`` is unique within a run and starts with its suite's name."""

    __test__ = False  # not for pytest to collect

    name: str
    outcome: CaseOutcome
    digest: str = ""  # hash of the case's output where it must equal the oracle's
    message: str = ""  # what the suite said of it, when it did not pass
    reason: Reason | None = None  # where its format knows better than the outcome does


class CaseTable(Frozen):
    """All cases of a run. Passed ones are name -> digest only, for a suite may have 250,000 of them."""

    passed: dict[str, str] = Field(default_factory=dict)
    others: dict[str, TestCase] = Field(default_factory=dict)

    def __len__(self) -> int:
        """Number of tests: the suites' own endings are none."""
        return sum(self.counts().values())

    def only(self, names: Container[str]) -> CaseTable:
        """Those of the cases that are named."""
        return CaseTable(
            passed={name: digest for name, digest in self.passed.items() if name in names},
            others={name: case for name, case in self.others.items() if name in names},
        )

    def counts(self) -> dict[CaseOutcome, int]:
        """Number of tests by outcome; sums up to ``len(self)``."""
        total = {CaseOutcome.PASS: sum(not name.endswith(COMPLETED) for name in self.passed)}
        for name, case in self.others.items():
            if not name.endswith(COMPLETED):
                total[case.outcome] = total.get(case.outcome, 0) + 1
        return total


class Source(Frozen):
    """One pinned upstream archive. ``sha256`` decides; the places are tried until one has it."""

    version: str
    filename: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int
    urls: tuple[str, ...] = ()  # upstream; ``pip:NAME==VERSION`` is a wheel from where pip is told to look
    pool: str = ""  # path below the Debian archive's base URL, from the user's own apt configuration


class Usage(Frozen):
    """What something cost. ``peak_kib`` is the largest resident set of one process in it."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_kib: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            peak_kib=max(self.peak_kib, other.peak_kib),
        )


class Fault(Frozen):
    """One thing that went wrong in a call of the compiler under test."""

    reason: Reason
    unit: str  # the call's main source file or output, as the build named it
    message: str  # the first telling line, with file and line where the compiler gave them
    command: tuple[str, ...] = ()
    cwd: str = ""

    @property
    def line(self) -> str:
        """The message, behind the unit where the compiler itself named no place."""
        return self.message if re.match(r"[^\s:]+:\d+", self.message) else f"{self.unit}: {self.message}"


class StepResult(Frozen):
    """One step by one compiler. ``reason`` is None exactly when ``ok``."""

    step: Step
    ok: bool
    reason: Reason | None = None
    message: str = ""  # the first error line
    usage: Usage = Usage()
    log: str = ""  # path of the step's log, relative to the state folder
    faults: tuple[Fault, ...] = ()
    cases: CaseTable = CaseTable()
    suites: dict[str, float] = Field(default_factory=dict)  # suite -> wall seconds, for time limits
    benchmarks: dict[str, float] = Field(default_factory=dict)  # steady suite that came to its end -> CPU seconds


class Leak(Frozen):
    """A unit that another compiler than the one under test made, or may have made."""

    unit: str
    how: str  # e.g. "gcc on PATH", "the candidate ran /usr/lib/gcc/…/cc1", "object says GCC: (Debian …)"
    command: tuple[str, ...] = ()


class Provenance(Frozen):
    """Who made the objects of a run, from the driver's log."""

    units: int = 0  # C sources compiled for the target
    candidate: int = 0
    oracle: int = 0  # routed there on purpose (mix)
    host: int = 0  # for the build machine, by the oracle, as declared
    assembled: int = 0
    linked: int = 0
    probes: int = 0
    leaks: tuple[Leak, ...] = ()
    slowest_seconds: float = 0.0  # the longest single call, for time limits
    notes: tuple[str, ...] = ()  # e.g. "preprocessed by gcc"
    mixed: tuple[str, ...] = ()  # with --mix: the units that went to the candidate


class CompilerInfo(Frozen):
    """A compiler as a result names it."""

    name: str
    family: str
    version: str
    fingerprint: str
    command: tuple[str, ...]
    made: str = ""  # the day that its program is of, ISO 8601
    engine: str = ""  # the known compiler that runs behind a wrapper, e.g. /usr/lib/llvm-14/bin/clang, or gcc on PATH
    assembler: str = "its own"  # or the program that it has assemble
    linker: str = "its own"  # or the program that links for it


class Compiling(Frozen):
    """What the compiler's own calls of the build step cost, and what they made; from the driver's log."""

    cpu_seconds: float = 0.0
    peak_kib: int = 0  # the largest single call
    objects: int = 0  # that were still there when the run ended
    code_bytes: int = 0  # of their text and data, as ``size`` counts those


class RunResult(Frozen):
    """One compiler's way through the steps of a cell."""

    compiler: CompilerInfo
    steps: tuple[StepResult, ...] = ()
    provenance: Provenance = Provenance()
    configuration: dict[str, str] = Field(default_factory=dict)  # generated file -> its text
    unit_seconds: dict[str, float] = Field(default_factory=dict)  # unit -> CPU seconds, to tell how far a build is
    sandbox: str = "bubblewrap"
    compiling: Compiling = Compiling()
    ran_by: str = ""  # what started another arch's programs: the kernel, binfmt_misc or wrapper scripts
    disk_kib: int = 0  # of the work folder after the last step, before it is removed
    touched: tuple[str, ...] = ()  # the project's own files that are no longer as they were unpacked

    @property
    def usage(self) -> Usage:
        """The sum over the steps."""
        return sum((step.usage for step in self.steps), Usage())

    def step(self, which: Step) -> StepResult | None:
        """The result of one step, or None where it was not reached."""
        return next((step for step in self.steps if step.step == which), None)

    @property
    def suites(self) -> dict[str, float]:
        """Suite -> its wall seconds."""
        return {name: seconds for step in self.steps for name, seconds in step.suites.items()}

    @property
    def failed(self) -> StepResult | None:
        """The first step that did not pass."""
        return next((step for step in self.steps if not step.ok), None)

    @property
    def cases(self) -> CaseTable:
        """The test step's cases; empty where it was not reached."""
        test = self.step(Step.TEST)
        return test.cases if test else CaseTable()


class Difference(Frozen):
    """A case that the oracle passes and the candidate does not."""

    name: str
    oracle: CaseOutcome
    candidate: CaseOutcome
    message: str = ""
    reason: Reason | None = None  # the case's own, where it has one
    note: str = ""  # what the project knows of the case, such as the features it needs


class Verdict(Frozen):
    """A candidate's run held against its oracle's."""

    kind: VerdictKind
    reason: Reason | None = None
    step: Step | None = None
    message: str = ""
    faults: tuple[Fault, ...] = ()
    differences: tuple[Difference, ...] = ()
    compared: int = 0  # cases that both ran and whose outcomes were held against each other
    both_fail: tuple[str, ...] = ()  # cases the oracle fails too
    extra: tuple[str, ...] = ()  # cases only the candidate ran
    flaky: tuple[str, ...] = ()  # cases that failed in one of a red cell's two runs
    notes: tuple[str, ...] = ()


def _short(names: Sequence[str]) -> str:
    """What tells some names from others, in few characters."""
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:8]


class Mix(Frozen):
    """A share of the units for the candidate, the rest for the oracle: by chance, or by file patterns."""

    percent: float = 100.0
    seed: int = 0
    files: tuple[str, ...] = ()  # fnmatch patterns over unit names; where given, percent does not count

    def __str__(self) -> str:
        return f"list#{_short(self.files)}" if self.files else f"{self.percent:g}%#{self.seed}"


class Sample(Frozen):
    """A share of a project's tests, or a number of them; the failures of the last run are always among them."""

    percent: float = 100.0
    count: int = 0  # where given, percent does not count
    seed: int = 0
    failed_only: bool = False  # nothing but the failures of the last run
    cases: tuple[str, ...] = ()  # nothing but these

    def __str__(self) -> str:
        if self.cases:
            return self.cases[0] if len(self.cases) == 1 else f"{len(self.cases)}#{_short(self.cases)}"
        if self.failed_only:
            return "failed"
        return f"{self.count or f'{self.percent:g}%'}#{self.seed}"


class CellId(Frozen):
    """project@version × arch × candidate × depth, and what makes a cell of its own."""

    project: str
    version: str
    arch: str
    candidate: str
    depth: Depth
    accommodate: bool = False
    mix: Mix | None = None
    levels: tuple[str, ...] = ()  # -O0 … where the project has its tests compiled at several and some were asked for
    sample: Sample | None = None
    seed: int = 0  # of a project that generates its tests

    def __str__(self) -> str:
        whose = [self.arch, self.candidate, self.depth]
        return " ".join([f"{self.project}@{self.version}", *whose, *self.of_build, *self.of_tests])

    @property
    def of_build(self) -> list[str]:
        """What makes it a cell of its own by how it is built."""
        return [*(["accommodated"] if self.accommodate else []), *([f"mix={self.mix}"] if self.mix else [])]

    @property
    def of_tests(self) -> list[str]:
        """What makes it a cell of its own by which tests are run."""
        return [
            *self.levels,
            *([f"sample={self.sample}"] if self.sample else []),
            *([f"seed={self.seed}"] if self.seed else []),
        ]

    @property
    def what(self) -> str:
        """What is built and tested: the row of a matrix."""
        return " ".join([f"{self.project}@{self.version}", *self.of_tests])

    @property
    def lasting(self) -> CellId:
        """The same without the candidate's version, for what outlasts a compiler that is rebuilt every day."""
        return self.model_copy(update={"candidate": stem(self.candidate)})


class Excused(Frozen):
    """What one excuse says of a cell."""

    bug: str  # where the failure is tracked
    until: str  # the last day that it excuses, ISO 8601
    cases: tuple[str, ...] = ()  # the cases it speaks of, the first of them; none where it speaks of a step


class Ruling(Frozen):
    """What the excuses of a run say of a cell; they change how a verdict counts, never the verdict."""

    excused: bool = False  # it fails, and a valid excuse covers each thing that does
    by: tuple[Excused, ...] = ()  # valid excuses of something that fails
    expired: tuple[Excused, ...] = ()  # excuses that would cover something that fails, had they not expired
    unexpected: tuple[Excused, ...] = ()  # excuses of what passes

    @property
    def cases(self) -> frozenset[str]:
        """Names of the failing cases that are excused."""
        return frozenset(name for each in self.by for name in each.cases)


EXCUSED = "excused"
"""How a cell is shown that fails as expected."""


def shown(kind: VerdictKind, ruling: Ruling) -> str:
    """The verdict as tables and counts show it: ``fail`` is ``excused`` where all that fails is."""
    return EXCUSED if ruling.excused else str(kind)


SHOWN = ("pass", "fail", EXCUSED, "flaky", "broken", "skip", "error")
"""All that ``shown`` gives, in the order of headlines."""


class ConfigurationDifference(Frozen):
    """A line of the generated configuration that the candidate's build has otherwise than the oracle's."""

    file: str
    oracle: str  # the line, "" where it has none
    candidate: str


class Share(Frozen):
    """How much of a compiler test suite passes, of the cases that the oracle passes."""

    total: int
    passed: int
    claimed: int  # those that need nothing the compiler does not claim to support
    claimed_passed: int
    lacks: tuple[str, ...] = ()  # what it does not claim, of what the cases need


class CellResult(Frozen):
    """One finished cell. Case tables stay in files of their own; ``counts`` sums the candidate's up."""

    schema_version: int = SCHEMA
    cell: CellId
    fingerprint: str
    verdict: Verdict
    candidate: RunResult | None = None
    oracle: RunResult | None = None
    configuration_differences: tuple[ConfigurationDifference, ...] = ()
    accommodations: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    confirmed: bool = False  # a red cell that was red again in a fresh folder
    cached: bool = False
    started: str = ""
    seconds: float = 0.0
    run: str = ""
    folder: str = ""  # logs, reproduce.sh and cases, relative to the state folder
    ruling: Ruling = Ruling()
    of_oracle: bool = False  # the oracle was held against itself
    share: Share | None = None  # of a compiler test suite

    @property
    def shown(self) -> str:
        """The verdict, or that it is an excused one."""
        return shown(self.verdict.kind, self.ruling)


class MatrixResult(Frozen):
    """The cells of one run; ``totals`` adds up to ``len(cells)``."""

    schema_version: int = SCHEMA
    run: str
    started: str
    seconds: float
    cells: tuple[CellResult, ...]

    @property
    def totals(self) -> dict[VerdictKind, int]:
        """Number of cells by verdict, every verdict named."""
        return {kind: sum(1 for cell in self.cells if cell.verdict.kind == kind) for kind in VerdictKind}

    @property
    def counts(self) -> dict[str, int]:
        """As ``totals``, excused failures apart from others; adds up to ``len(cells)`` too."""
        return {word: sum(1 for cell in self.cells if cell.shown == word) for word in SHOWN}
