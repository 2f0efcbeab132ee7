"""One compiler's way through the steps of a cell, in a fresh work folder."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compiler.arches import Arch
from compiler.driver import DriverLimits
from compiler.model import Compiler
from verifiers.emulation import NATIVE, Foreign, with_sysroot, wrap
from verifiers.errors import InfrastructureError, Unwritable
from verifiers.evidence import explain
from verifiers.excuses import Excuse
from verifiers.fetch import Fetcher
from verifiers.files import atomic_write
from verifiers.instrument import Instrument, sysroot_place
from verifiers.jobserver import Jobserver
from verifiers.limits import Limits
from verifiers.manager import Manager
from verifiers.plan import Plan
from verifiers.reproduce import script
from verifiers.results import CompilerInfo, Reason, RunResult, Step, StepResult
from verifiers.sandbox import sandbox_for
from verifiers.state import State, WorkFolder
from verifiers.store import Store
from verifiers.workspace import Workspace

_SCRIPTS = {"candidate": "reproduce.sh", "oracle": "reproduce-oracle.sh"}  # a confirming run's is the candidate's
_CONFIGURATION_BYTES = 512 * 1024  # of one generated file: more is no configuration


@dataclass
class Engine:
    """What all cells of a run share."""

    state: State
    store: Store
    fetcher: Fetcher
    manager: Manager
    driver: Path
    limits: Limits
    call_limits: DriverLimits
    run: str
    sandbox: str = "bubblewrap"
    jobserver: Jobserver = field(default_factory=lambda: Jobserver(1))
    foreign: Callable[[Arch], Foreign] = lambda arch: NATIVE  # how an arch's programs are run here
    fresh: bool = False
    excuses: Sequence[Excuse] = ()
    plugin_seconds: float = 1800.0  # what a plugin's own Python may take between two commands
    stop: threading.Event = field(default_factory=threading.Event)
    unchanged: Callable[[Compiler], bool] = lambda compiler: True  # still what its fingerprint says


class PluginError(InfrastructureError):
    """A plugin raised, hung or returned rubbish."""

    reason = Reason.PLUGIN_ERROR
    msg = "the {project} plugin's {step} {detail}"


class Passage:
    """One compiler's way through the steps, in a fresh work folder."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        folder: WorkFolder,
        logs: Path,
        role: str,
        cases: frozenset[str],
        oracle: RunResult | None,
    ) -> None:
        self._plan, self._engine, self._role = plan, engine, role
        self._compiler = plan.oracle if role == "oracle" else plan.candidate
        cell, tree = folder.path / "cell", folder.path / "ccverify"
        self._foreign = engine.foreign(plan.arch)
        if plan.sysroot:
            self._foreign = with_sysroot(self._foreign, plan.arch, sysroot_place(plan.sysroot, engine.sandbox))
        sandbox = sandbox_for(engine.sandbox, cell, self._foreign)
        self._instrument = Instrument(
            tree=tree,
            work=cell,
            driver=engine.driver,
            sandbox=sandbox,
            plan=plan,
            compiler=self._compiler,
            mix=None if role == "oracle" else plan.id.mix,
            limits=engine.limits,
            call_limits=engine.call_limits,
            slowest=oracle.provenance.slowest_seconds if oracle else 0.0,
            wrapper=self._foreign.wrapper,
        )
        self._calibration = self._instrument.calibrate(engine.state.cache)
        self.work = Workspace(
            recipe=plan.recipe,
            source=plan.source,
            arch=plan.arch,
            compiler=self._compiler,
            depth=plan.id.depth,
            levels=plan.id.levels,
            jobserver=engine.jobserver,
            root=cell,
            tree=self._instrument.inside,
            logs=logs,
            label=role,
            sandbox=sandbox,
            fetcher=engine.fetcher,
            limits=engine.limits,
            mounts=self._instrument.mounts(self._calibration),
            accommodations=plan.accommodations,
            sysroot=plan.sysroot,
            only_cases=cases,
            sample=plan.id.sample,
            failed=plan.failed,
            seed=plan.id.seed,
            aside={name: case.message or str(case.outcome) for name, case in oracle.cases.others.items()} if oracle else {},
            oracle_seconds=_needed(oracle),
        )

    @property
    def cannot_target(self) -> str:
        """Why a command that nobody named, but that its family's data led to, is no compiler for the arch here.

        One that compiles and finds no libraries of the target says nothing of the compiler; one that the user named for
        the arch, or that is for it by itself, has to work.
        """
        seen, compiler = self._calibration, self._compiler
        if not compiler.guessed or not seen.compiles or seen.links:
            return ""
        command = " ".join(compiler.command(self._plan.arch.name) or ())
        return f"{command} compiles but cannot link for {self._plan.arch.name} here: {seen.why}"

    def go(self) -> RunResult:
        """Take the steps in order, as far as they pass."""
        steps: list[StepResult] = []
        configuration: dict[str, str] = {}
        for step in Step:
            self._engine.manager.step_started(self._plan.id, self._info, self._role, step)
            result = self.step(step)
            self._engine.manager.step_finished(self._plan.id, self._info, self._role, result)
            steps.append(result)
            if step is Step.BUILD or not result.ok:
                configuration = self._configuration()
            if not result.ok:
                break
        provenance = self._instrument.provenance(self._calibration)
        self._instrument.keep_log(self.work.logs / f"{self._role}-units.jsonl")
        if self._role in _SCRIPTS:
            text = script(self._plan, self._compiler, self.work)
            atomic_write(self.work.logs / _SCRIPTS[self._role], text.encode())
        return RunResult(
            compiler=self._info,
            steps=tuple(steps),
            provenance=provenance,
            configuration=configuration,
            sandbox=self._engine.sandbox,
            ran_by="" if self._plan.arch.native else self._foreign.how,
        )

    @property
    def _info(self) -> CompilerInfo:
        info, seen = self._compiler.info(self._plan.arch.name), self._calibration
        tools = {"assembler": seen.assembler or info.assembler, "linker": seen.linker or info.linker}
        if self._compiler.links_by_oracle:
            tools["linker"] = "the oracle"
        info = info.model_copy(update=tools)
        if not info.command or os.path.realpath(info.command[0]).startswith("/usr/"):
            return info  # the distribution's own: what it runs is no news
        return info.model_copy(update={"engine": ", ".join(seen.engines or seen.names)})

    def step(self, step: Step) -> StepResult:
        """Take one step, and find out why it failed where it did."""
        work = self.work
        work.begin(step)
        self._instrument.begin(step)
        clock = time.monotonic()
        returned = self._guarded(step)
        if step is Step.BUILD and self._foreign.wrapper:
            wrap(work.root, work.sandbox.inside, self._plan.arch, self._foreign.wrapper)
            work.sandbox.adopt(work.root)
        seconds = time.monotonic() - clock
        ok = isinstance(returned, StepResult) and returned.ok
        cases_tell = step is Step.TEST and self._plan.recipe.tests_compile
        faults = () if cases_tell else self._instrument.faults(step, ok)
        log = self._engine.state.relative(work.log)
        if isinstance(returned, StepResult):
            usage = work.usage.model_copy(update={"seconds": seconds})
            result = returned.model_copy(update={"usage": usage, "faults": faults, "log": log})
            return result if result.ok else explain(result, work.log, self._engine.state.root)
        return StepResult(
            step=step,
            ok=False,
            reason=returned.reason,
            message=str(returned),
            usage=work.usage.model_copy(update={"seconds": seconds}),
            log=log,
            faults=faults,
        )

    def _guarded(self, step: Step) -> StepResult | InfrastructureError:
        """Call the hook in a thread of its own: a plugin that raises, hangs or returns rubbish harms its cell only."""
        box: list[object] = []

        def call() -> None:
            try:
                box.append(self._engine.manager.run_step(step, self.work))
            except BaseException as error:
                box.append(error)

        thread = threading.Thread(target=call, name=f"{self._plan.slug} {step}", daemon=True)
        thread.start()
        self.work.last_sandbox_time = time.monotonic()
        while thread.is_alive():
            thread.join(0.5)
            quiet = time.monotonic() - self.work.last_sandbox_time
            if thread.is_alive() and not self.work.in_sandbox and quiet > self._engine.plugin_seconds:
                return PluginError(
                    project=self._plan.recipe.name, step=step, detail=f"did nothing for {quiet:.0f} s and was given up"
                )
        (returned,) = box
        if isinstance(returned, StepResult | InfrastructureError):
            return returned
        if isinstance(returned, OSError) and returned.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return Unwritable(path=self._engine.state.root, detail=returned.strerror)
        if isinstance(returned, BaseException):
            detail = f"{type(returned).__name__}: {returned}"
        else:
            detail = f"returned {returned!r:.80}, not a StepResult"
        return PluginError(project=self._plan.recipe.name, step=step, detail=detail)

    def _configuration(self) -> dict[str, str]:
        build = self.work.host_path(self.work.build)
        texts = {}
        for pattern in self._plan.recipe.configuration:
            for path in sorted(build.glob(pattern)):
                # a link could lead out of the folder, and this may run as root
                inside = path.resolve().is_relative_to(build.resolve())
                if inside and path.is_file() and path.stat().st_size <= _CONFIGURATION_BYTES:
                    texts[str(path.relative_to(build))] = path.read_text("utf-8", "replace")
        return texts


def _needed(oracle: RunResult | None) -> dict[str, float]:
    """Step or suite name -> the oracle's wall seconds."""
    if oracle is None:
        return {}
    steps = {str(step.step): step.usage.seconds for step in oracle.steps}
    return {**steps, **{name: seconds for step in oracle.steps for name, seconds in step.suites.items()}}
