"""One compiler's way through the steps of a cell, in a fresh work folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from compiler.arches import Arch
from compiler.driver import DriverLimits
from compiler.model import Compiler
from verifiers.diskwatch import allocated
from verifiers.emulation import NATIVE, Foreign, with_sysroot, wrap
from verifiers.errors import InfrastructureError, Unwritable
from verifiers.evidence import explain
from verifiers.excuses import Excuse
from verifiers.fetch import Fetcher
from verifiers.files import atomic_write, no_room
from verifiers.instrument import Instrument, sysroot_place
from verifiers.jobserver import Jobserver
from verifiers.limits import Limits
from verifiers.manager import Manager
from verifiers.objects import SIZE, Objects
from verifiers.plan import Plan
from verifiers.pulse import Pulse
from verifiers.reproduce import files_of, script
from verifiers.results import CompilerInfo, Reason, RunResult, Step, StepResult, Usage
from verifiers.resume import Cut, clear_torn, read, write
from verifiers.sandbox import sandbox_for
from verifiers.state import State, WorkFolder
from verifiers.store import Store
from verifiers.untouched import remember, touched
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
    objects: int = SIZE  # bytes of the oracle's objects that are kept for mixes with one candidate
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
        key: str = "",
    ) -> None:
        """``key`` names what this is in a folder that ``--resume`` can go on in."""
        self._plan, self._engine, self._role, self._oracle = plan, engine, role, oracle
        self._folder, self._key, self._cut = folder.path, key, read(folder.path) if key else None
        self._compiler = plan.oracle if role == "oracle" else plan.candidate
        cell, tree = folder.path / "cell", folder.path / "ccverify"
        self._foreign = engine.foreign(plan.arch)
        if plan.sysroot:
            self._foreign = with_sysroot(self._foreign, plan.arch, sysroot_place(plan.sysroot, engine.sandbox))
        sandbox = sandbox_for(engine.sandbox, cell, self._foreign)
        mix = None if role == "oracle" else plan.id.mix
        self._instrument = Instrument(
            tree=tree,
            work=cell,
            driver=engine.driver,
            sandbox=sandbox,
            plan=plan,
            compiler=self._compiler,
            mix=mix,
            objects=Objects.of(plan.candidate, engine.state.cache, engine.objects) if mix else None,
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
            aside=_aside(oracle),
            heard=lambda suite, cases: engine.manager.suite_finished(
                plan.id, self._info, role, oracle.cases if oracle else None, suite, cases
            ),
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
        if self._cut:
            steps += self._cut.steps
            self.work.commands += self._cut.commands
            self.work.written |= self._cut.written
            self.work.unpacked = self._cut.unpacked
            configuration = self._configuration() if steps[-1].step is Step.BUILD else {}
        for step in list(Step)[len(steps) :]:
            self._engine.manager.step_started(self._plan.id, self._info, self._role, step)
            result = self.step(step, steps)
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
            for name, content in self.work.written.items():
                atomic_write(self.work.logs / files_of(self._role) / name, content.encode())
        return RunResult(
            compiler=self._info,
            steps=tuple(steps),
            provenance=provenance,
            compiling=self._instrument.compiling(),
            configuration=configuration,
            unit_seconds=self._instrument.watch()() if self._role == "oracle" else {},
            sandbox=self._engine.sandbox,
            ran_by="" if self._plan.arch.native else self._foreign.how,
            disk_kib=allocated(self._folder) >> 10,
            touched=touched(self._folder, self.work.host_path(self.work.src), self.work.host_path(self.work.build)),
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

    def step(self, step: Step, before: Sequence[StepResult]) -> StepResult:
        """Take one step, and find out why it failed where it did."""
        work = self.work
        work.begin(step)
        self._instrument.begin(step)
        pulse = self._pulse(step, before)
        returned = self._guarded(step, pulse)
        if step is Step.BUILD and self._foreign.wrapper:
            wrap(work.root, work.sandbox.inside, self._plan.arch, self._foreign.wrapper)
            work.sandbox.adopt(work.root)
        if step is Step.FETCH:
            remember(self._folder, work.host_path(work.src))
        seconds = pulse.seconds
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

    def _pulse(self, step: Step, before: Sequence[StepResult]) -> Pulse:
        """How far the step is; from the build on word of that is left in a folder that can be gone on in."""
        engine, plan, work = self._engine, self._plan, self.work
        earlier, began = 0.0, time.time()
        if self._cut and step is self._cut.step:
            clear_torn(work.root, self._cut)
            if step is Step.BUILD:  # tests begin anew
                earlier, began = self._cut.seconds, self._cut.began
                work.usage = Usage(cpu_seconds=self._instrument.forget_cut())

        def note(seconds: float) -> None:
            if step in (Step.BUILD, Step.TEST) and self._key:
                ran = tuple(each for each in work.commands if each.step is not step)
                cut = Cut(
                    key=self._key,
                    steps=tuple(before),
                    commands=ran,
                    written=dict(work.written),
                    unpacked=work.unpacked,
                    began=began,
                    seconds=seconds,
                    last=time.time(),
                )
                write(self._folder, cut)

        note(earlier)
        testing = step is Step.TEST
        return Pulse(
            look=(lambda: dict(work.suite_seconds)) if testing else self._instrument.watch(),
            expected=(self._oracle.suites if testing else self._oracle.unit_seconds) if self._oracle else {},
            total=0 if testing or self._oracle else engine.store.units(plan.id),
            what="suites" if testing else "units",
            tell=partial(engine.manager.step_progress, plan.id, self._role, step),
            note=note,
            before=earlier,
        )

    def _guarded(self, step: Step, pulse: Pulse) -> StepResult | InfrastructureError:
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
            if step in (Step.BUILD, Step.TEST):
                pulse.beat()
            quiet = time.monotonic() - self.work.last_sandbox_time
            if thread.is_alive() and not self.work.in_sandbox and quiet > self._engine.plugin_seconds:
                return PluginError(
                    project=self._plan.recipe.name, step=step, detail=f"did nothing for {quiet:.0f} s and was given up"
                )
        (returned,) = box
        if isinstance(returned, StepResult | InfrastructureError):
            return returned
        if isinstance(returned, OSError) and no_room(returned):
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
                # a link could lead out of the folder, and this may run as root, or to itself
                inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(build))
                if inside and path.is_file() and path.stat().st_size <= _CONFIGURATION_BYTES:
                    texts[str(path.relative_to(build))] = path.read_text("utf-8", "replace")
        return texts


def _aside(oracle: RunResult | None) -> dict[str, str]:
    """Cases that the oracle has not passed -> what it said of them."""
    others = oracle.cases.others if oracle else {}
    return {name: case.message or str(case.outcome) for name, case in others.items()}


def _needed(oracle: RunResult | None) -> dict[str, float]:
    """Step or suite name -> the oracle's wall seconds."""
    if oracle is None:
        return {}
    return {**{str(step.step): step.usage.seconds for step in oracle.steps}, **oracle.suites}
