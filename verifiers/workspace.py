"""One compiler's work folder for one cell: what a recipe's steps get to work with."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from compiler.arches import Arch, host_arch
from compiler.model import Compiler
from verifiers.archive import extract
from verifiers.errors import InfrastructureError, StepFailed
from verifiers.fetch import Fetcher
from verifiers.files import atomic_write
from verifiers.instrument import sysroot_place
from verifiers.jobserver import Jobserver
from verifiers.limits import Completed, Limits, Mount
from verifiers.recipes.base import Accommodation, Patch, Recipe, Suite
from verifiers.results import COMPLETED, CaseOutcome, CaseTable, Depth, Reason, Sample, Source, Step, TestCase, Usage
from verifiers.sampling import repeating, sampled
from verifiers.sandbox import CELL, Sandbox
from verifiers.sysroot import Sysroot

_TOOLS = ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SLOWER = 20.0
"""How many times the oracle's time a candidate's step may take: unoptimised code is slow, a hang is slower."""


_EMULATED = 15.0
"""How much longer anything may take under an emulator, the oracle's run as well."""


class PatchFailed(InfrastructureError):
    """A patch does not apply to the source it is pinned for."""

    reason = Reason.PLUGIN_ERROR
    msg = "patch {file} does not apply to {project} {version}: {detail}; mend its version range"


@dataclass(frozen=True)
class Command:
    """A command that a step ran, for ``reproduce.sh``."""

    step: Step
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]


@dataclass
class Workspace:
    """Paths as the sandbox sees them, and the commands to run there. One at a time a step uses it."""

    recipe: Recipe
    source: Source
    arch: Arch
    compiler: Compiler
    depth: Depth
    levels: tuple[str, ...]  # -O levels that were asked for; () where none were
    jobserver: Jobserver
    root: Path  # the work folder on the host
    tree: str  # the driver's tree, as the sandbox sees it
    logs: Path  # folder of this run's logs
    label: str  # prefix of log names: oracle, candidate, confirm
    sandbox: Sandbox
    fetcher: Fetcher
    limits: Limits
    mounts: Sequence[Mount] = ()
    accommodations: tuple[Accommodation, ...] = ()
    sysroot: Sysroot | None = None  # the target's libraries beyond libc
    only_cases: frozenset[str] = frozenset()  # a confirming run repeats these alone, where there are any
    sample: Sample | None = None
    failed: tuple[str, ...] = ()  # cases of the last run that a sample takes in any case
    seed: int = 0  # of what a recipe generates
    aside: Mapping[str, str] = field(default_factory=dict)  # cases that the oracle has not passed -> its message
    oracle_seconds: Mapping[str, float] = field(default_factory=dict)  # step or suite -> what the oracle needed
    usage: Usage = Usage()  # of the current step
    suite_seconds: dict[str, float] = field(default_factory=dict)
    benchmark_cpu: dict[str, float] = field(default_factory=dict)
    cases: CaseTable = CaseTable()
    step: Step = Step.FETCH
    commands: list[Command] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)  # files below the build folder, for ``reproduce.sh``
    unpacked: Source | None = None  # what lies at ``src``
    heard: Callable[[str, CaseTable], None] = lambda suite, cases: None  # told of each suite's cases as it ends
    last_sandbox_time: float = 0.0
    in_sandbox: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def src(self) -> str:
        """The project's source tree."""
        return f"{self.sandbox.inside}/src"

    @property
    def build(self) -> str:
        """The folder that the project is built in."""
        return f"{self.sandbox.inside}/build"

    @property
    def trusted(self) -> bool:
        """Whether this is the oracle's own run."""
        return self.label == "oracle"

    @property
    def cc(self) -> str:
        """The compiler under test, as builds must call it."""
        return f"{self.tree}/bin/cc"

    @property
    def host_cc(self) -> str:
        """The compiler for programs that run during the build."""
        return f"{self.tree}/bin/host-cc"

    @property
    def oracle_cc(self) -> str:
        """The oracle's compiler for the target: for programs of the tests' own, which are not what is tested."""
        return f"{self.tree}/bin/oracle-cc"

    def oracle_for(self, arch: str) -> str:
        """The same for another arch, which the tested program emulates; the recipe's packages bring its compiler."""
        return self.oracle_cc if arch == self.arch.name else f"{self.oracle_cc}-{arch}"

    @property
    def cross(self) -> bool:
        """Whether the target is not the build machine's own architecture."""
        return not self.arch.native

    @property
    def emulated(self) -> bool:
        """Whether the target's programs run under an emulator, ten times slower or more."""
        return self.arch.needs_emulator

    @property
    def build_triple(self) -> str:
        """The build machine's own GNU triple."""
        here = host_arch()
        return here.triple if here else self.arch.triple

    def tool(self, name: str) -> str:
        """A binary tool for the target, such as ``ar``."""
        return f"{self.arch.triple}-{name}" if self.cross else name

    @property
    def tools(self) -> dict[str, str]:
        """The variables by which makefiles and ``configure`` find the target's tools and libraries; none natively."""
        if not self.cross:
            return {}
        found = {name.upper(): self.tool(name) for name in _TOOLS}
        if self.sysroot:
            found |= self.sysroot.environment(self.libraries)
            found["CPPFLAGS"] = " ".join(self.sysroot.compile_flags(self.libraries))
            found["LDFLAGS"] = " ".join(self.sysroot.link_flags(self.libraries))
        return found

    @property
    def libraries(self) -> str:
        """The root folder of the target's libraries beyond libc; "" for the build machine's own, or without any."""
        return sysroot_place(self.sysroot, self.sandbox.name) if self.sysroot else ""

    def host_path(self, inside: str) -> Path:
        """Where a path below the work folder lies on the host."""
        return self.root / os.path.relpath(inside, self.sandbox.inside)

    @property
    def patches(self) -> list[Patch]:
        """The recipe's patches for this version."""
        return [patch for patch in self.recipe.patches if fnmatchcase(self.source.version, patch.versions)]

    @property
    def log(self) -> Path:
        """The current step's log."""
        return self.logs / f"{self.label}-{self.step}.log"

    def begin(self, step: Step) -> None:
        """Start a step: its own log and its own account of what it costs."""
        self.step = step
        self.usage = Usage()
        self.suite_seconds = {}
        self.benchmark_cpu = {}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")

    def run(
        self,
        *argv: str,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        seconds: float = 0.0,
        check: bool = True,
        jobs: str = "",
    ) -> Completed:
        """Run a command in the sandbox, its output appended to the step's log; raise StepFailed when it fails.

        ``cwd`` is an inside path (default: the build folder). ``seconds`` overrides the step's time limit. ``jobs`` is
        the option (``-j``) of a program that does not know make's jobserver: it is told how many jobs are its own.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(argv)}\n".encode())
            log.flush()
            limit = seconds or self._allowed(self.step, self.limits.seconds * self.recipe.patience)
            done = self._run(argv, cwd, env or {}, log, limit, jobs)
        self.usage = self.usage + done.usage
        if check:
            self._check(argv, done)
        return done

    def write(self, name: str, text: str) -> None:
        """Write a file below the build folder, owned by the sandbox's user; ValueError where a link leads out of it."""
        path = self.host_path(f"{self.build}/{name}")
        if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(self.root)):
            raise ValueError(f"{path} leads out of the work folder")
        atomic_write(path, text.encode())
        self.sandbox.adopt(path)
        self.written[name] = text

    def unpack(self, source: Source | None = None) -> None:
        """Fetch the pinned archive and lay its tree at ``src``, patched, owned by the sandbox's user.

        ``source`` is another archive that was made of it, in the cache already.
        """
        self.unpacked = source or self.source
        archive = self.fetcher.get(self.unpacked)
        target = self.host_path(self.src)
        staging = self.root / "unpack"
        top = extract(archive, staging)
        if target.exists():
            shutil.rmtree(target)
        top.rename(target)
        if staging.exists():
            shutil.rmtree(staging)
        self.sandbox.adopt(self.root)
        for patch in self.patches:
            self._patch(patch.file)

    def run_suites(self, suites: Sequence[Suite]) -> None:
        """Run test commands side by side within ``jobs`` and collect their cases.

        Raises ValueError where two suites, or cases of two suites, share a name: one would hide the other.
        """
        names = Counter(_log_name(each.name) for each in suites)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two suites are named {twice[0]}")
        if self.sample:
            suites = sampled(suites, self.sample, self.failed)
        wanted = repeating(suites, self.only_cases) if self.only_cases else list(suites)
        with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:  # the jobserver says how many at once
            for table in pool.map(self._run_suite, wanted):
                known = self.cases.passed.keys() | self.cases.others.keys()
                if shared := known & (table.passed.keys() | table.others.keys()):
                    raise ValueError(f"two suites have a case {min(shared)}")
                self.cases = CaseTable(
                    passed={**self.cases.passed, **table.passed}, others={**self.cases.others, **table.others}
                )

    def _run_suite(self, suite: Suite) -> CaseTable:
        output = self.logs / f"{self.label}-test-{_log_name(suite.name)}.log"
        with output.open("wb") as log:
            done = self._run(
                suite.argv, suite.cwd, suite.env, log, self._allowed(suite.name, suite.seconds, not suite.emulates)
            )
        if done.stopped and done.stopped not in (Reason.STEP_TIMEOUT, Reason.OUTPUT_LIMIT):
            raise StepFailed(done.stopped, f"{suite.name}: {done.detail}")
        with self._lock:
            self.usage = self.usage + done.usage
            self.suite_seconds[suite.name] = done.usage.seconds
            if suite.benchmark and done.ok:
                self.benchmark_cpu[suite.name] = done.usage.cpu_seconds
        with output.open("rb") as lines:
            cases = collect(suite, lines, done, self.recipe.canonical, _last_line(output))
        self.heard(suite.name, cases)
        return cases

    def _allowed(self, name: str, floor: float, slowed: bool = True) -> float:
        emulated = _EMULATED if slowed and self.emulated else 1.0
        return max(floor * emulated, _SLOWER * self.oracle_seconds.get(name, 0.0))

    def _run(
        self, argv: Sequence[str], cwd: str, env: Mapping[str, str], log: BinaryIO, seconds: float, jobs: str = ""
    ) -> Completed:
        with self._lock:
            self.commands.append(Command(self.step, tuple(argv), cwd or self.build, dict(env)))
            self.in_sandbox += 1
        try:
            with self.jobserver.job(all_free=bool(jobs)) as width:
                return self.sandbox.run(
                    [*argv, f"{jobs}{width}"] if jobs else argv,
                    cwd=cwd or self.build,
                    env={**self.environment, **env},
                    log=log,
                    limits=replace(self.limits, seconds=seconds),
                    mounts=self.mounts,
                    fds=self.jobserver.fds,
                )
        finally:
            with self._lock:
                self.in_sandbox -= 1
                self.last_sandbox_time = time.monotonic()

    @property
    def environment(self) -> dict[str, str]:
        """What a step's commands find set; nothing of the caller's own environment."""
        extra = {key: value for each in self.accommodations for key, value in each.env.items()}
        return {
            "PATH": f"{self.tree}/fallback:{PATH}",
            "HOME": f"{self.sandbox.inside}/home",
            "TMPDIR": "/tmp" if self.sandbox.inside == CELL else f"{self.sandbox.inside}/tmp",
            "USER": "builder",
            "LOGNAME": "builder",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "dumb",
            "MAKEFLAGS": self.jobserver.makeflags,
            **self.tools,
            **self.compiler.env,
            "CC": self.cc,
            "CC_FOR_BUILD": self.host_cc,
            "BUILD_CC": self.host_cc,
            "HOSTCC": self.host_cc,
            **extra,
        }

    def _check(self, argv: Sequence[str], done: Completed) -> None:
        if done.stopped:
            raise StepFailed(done.stopped, done.detail)
        if done.exit == 0:
            return
        how = f"exit status {done.exit}" if done.exit is not None else f"signal {done.signal}"
        reason = Reason.CONFIGURE_FAILED if self.step is Step.CONFIGURE else Reason.BUILD_FAILED
        raise StepFailed(reason, f"{' '.join(argv)[:200]}: {how}")

    def _patch(self, file: Path) -> None:
        copy = self.root / "home" / file.name
        shutil.copyfile(file, copy)
        self.sandbox.adopt(copy)
        done = self.run(
            "patch", "-p1", "--forward", "-i", f"{self.sandbox.inside}/home/{file.name}", cwd=self.src, check=False
        )
        if done.exit != 0:
            raise PatchFailed(
                file=file, project=self.recipe.name, version=self.source.version, detail=f"exit status {done.exit}"
            )


def collect(
    suite: Suite, lines: Iterable[bytes], done: Completed, canonical: Callable[[str], str], last: str = ""
) -> CaseTable:
    """The cases of one suite's output, named in full, and the case that says how the command itself ended.

    A name that occurs again, or is the engine's own, gets ``#2``, ``#3`` … in order, so that no case hides another.
    An end without any case, or a failure that no case accounts for, is a crash: nobody knows what should have come, so
    that with the oracle nothing can be held against it.
    """
    passed: dict[str, str] = {}
    others: dict[str, TestCase] = {}
    completed = suite.name + COMPLETED
    seen = {completed: 1}
    prefix = "" if suite.bare else suite.name + "/"
    for case in suite.parse(lines):
        name = canonical(prefix + case.name)
        times = seen[name] = seen.get(name, 0) + 1
        if times > 1:
            name = next(each for n in itertools.count(times) if (each := f"{name}#{n}") not in seen)
            seen[name] = 1
        if case.outcome is CaseOutcome.PASS:
            passed[name] = case.digest
        else:
            others[name] = case.model_copy(update={"name": name})
    outcome, message = _ending(done, last)
    reason = Reason.OUTPUT_LIMIT if done.stopped is Reason.OUTPUT_LIMIT else None
    if outcome is CaseOutcome.FAIL and all(case.outcome is CaseOutcome.SKIP for case in others.values()):
        outcome, message, reason = CaseOutcome.CRASH, f"{message} (though no case failed)", Reason.WRONG_RESULT
    elif outcome is CaseOutcome.PASS and not (passed or others):
        outcome, message, reason = CaseOutcome.CRASH, f"no case is in its output: {last}", Reason.MISSING_CASES
    if outcome is CaseOutcome.PASS:
        passed[completed] = ""
    else:
        others[completed] = TestCase(name=completed, outcome=outcome, message=message, reason=reason)
    return CaseTable(passed=passed, others=others)


def _log_name(suite: str) -> str:
    return suite.replace("/", "-")


def _ending(done: Completed, last: str) -> tuple[CaseOutcome, str]:
    """How the command ended; ``last`` is the last line that it printed."""
    if done.stopped is Reason.STEP_TIMEOUT:
        return CaseOutcome.TIMEOUT, done.detail
    if done.stopped:
        return CaseOutcome.CRASH, done.detail
    # a shell in between turns a signal S into exit status 128+S
    signal = done.signal or (done.exit - 128 if done.exit and 128 < done.exit < 160 else None)
    if signal:
        return CaseOutcome.CRASH, f"died of signal {signal} after: {last}"
    if done.exit in (126, 127):
        return CaseOutcome.CRASH, f"could not be run: {last}"
    if done.exit != 0:
        return CaseOutcome.FAIL, f"exit status {done.exit}: {last}"
    return CaseOutcome.PASS, ""


def _last_line(output: Path) -> str:
    """The last line of a suite's output that is not blank, at most 200 characters."""
    with output.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 4096))
        lines = [line.strip() for line in file.read().splitlines() if line.strip()]
    return lines[-1].decode("utf-8", "replace")[:200] if lines else ""
