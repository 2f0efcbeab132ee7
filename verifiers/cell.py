"""Runs one cell: the oracle's run (cached), the candidate's, their comparison, and a red cell's second run."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from compiler.driver import DriverLimits
from verifiers import instrument
from verifiers.compare import compare, settle
from verifiers.configdiff import configuration_differences
from verifiers.errors import InfrastructureError
from verifiers.evidence import explain
from verifiers.fetch import Fetcher
from verifiers.files import atomic_write, lock
from verifiers.limits import Limits
from verifiers.manager import Manager
from verifiers.plan import Plan
from verifiers.reproduce import script
from verifiers.results import (
    CellResult,
    CompilerInfo,
    Reason,
    RunResult,
    Step,
    StepResult,
    Verdict,
    VerdictKind,
)
from verifiers.sandbox import sandbox_for
from verifiers.state import State, WorkFolder, now
from verifiers.store import Store, write_cases
from verifiers.workspace import Workspace

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
    jobs: int = 1
    fresh: bool = False
    plugin_seconds: float = 1800.0  # what a plugin's own Python may take between two commands
    stop: threading.Event = field(default_factory=threading.Event)


def run_cell(plan: Plan, engine: Engine) -> CellResult:
    """Bring one cell to its verdict and keep it. Never raises for what goes wrong inside a cell."""
    if not engine.fresh and (known := engine.store.trusted(plan.fingerprint)):
        return known.model_copy(update={"cached": True})
    result = _run(plan, engine)
    if result.verdict.reason is not Reason.INTERRUPTED:
        engine.store.save(result)
    return result


def _run(plan: Plan, engine: Engine) -> CellResult:
    started, clock = now(), time.monotonic()
    engine.manager.cell_started(plan.id)
    folder = engine.state.logs / engine.run / plan.slug
    runs = _Runs(plan, engine, folder)
    try:
        verdict = runs.verdict()
    except InfrastructureError as error:
        verdict = Verdict(kind=VerdictKind.ERROR, reason=error.reason, message=str(error))
    candidate, oracle = runs.candidate, runs.oracle
    result = CellResult(
        cell=plan.id,
        fingerprint=plan.fingerprint,
        verdict=verdict,
        candidate=_light(candidate),
        oracle=_light(oracle),
        configuration_differences=configuration_differences(candidate.configuration, oracle.configuration)
        if candidate and oracle
        else (),
        accommodations=tuple(each.reason for each in plan.accommodations),
        counts={str(kind): count for kind, count in candidate.cases.counts().items()} if candidate else {},
        confirmed=runs.confirmed,
        started=started,
        seconds=time.monotonic() - clock,
        run=engine.run,
        folder=engine.state.relative(folder),
    )
    if candidate:
        write_cases(folder / "cases.json.gz", candidate.cases)
    atomic_write(folder / "cell.json", result.model_dump_json(indent=1).encode())
    engine.manager.cell_finished(result)
    return result


def _light(run: RunResult | None) -> RunResult | None:
    """A run without its case tables and configuration texts, which lie in files of their own."""
    if run is None:
        return None
    steps = tuple(step.model_copy(update={"cases": step.cases.model_copy(update={"passed": {}})}) for step in run.steps)
    return run.model_copy(update={"steps": steps, "configuration": {}})


class _Runs:
    """The two or three runs behind a verdict."""

    def __init__(self, plan: Plan, engine: Engine, folder: Path) -> None:
        self._plan, self._engine, self._folder = plan, engine, folder
        self.candidate: RunResult | None = None
        self.oracle: RunResult | None = None
        self.confirmed = False

    def verdict(self) -> Verdict:
        may_miss = self._plan.recipe.may_miss
        self.oracle = self._baseline()
        if self.oracle.failed or not len(self.oracle.cases):
            return compare(None, self.oracle, may_miss)
        self.candidate = self._go("candidate")
        first = compare(self.candidate, self.oracle, may_miss)
        if first.kind is not VerdictKind.FAIL:
            return first
        suites = frozenset(each.name.split("/")[0] for each in first.differences)
        again = self._go("confirm", suites or None)
        oracle = _narrowed(self.oracle, suites) if suites else self.oracle
        verdict = settle(first, compare(again, oracle, may_miss))
        self.confirmed = verdict.kind is VerdictKind.FAIL
        return verdict

    def _baseline(self) -> RunResult:
        key = self._plan.baseline_fingerprint
        store = self._engine.store
        with lock(self._engine.state.baselines / f"{key}.lock"):
            if not self._engine.fresh and (known := store.baseline(key)):
                return known
            result = self._go("oracle")
            if not result.failed and len(result.cases):
                store.keep_baseline(key, result)
        return result

    def _go(self, role: str, suites: frozenset[str] | None = None) -> RunResult:
        folder = self._engine.state.new_work()
        try:
            run = _Run(self._plan, self._engine, folder, self._folder, role, suites, self.oracle)
            result = run.go()
        except BaseException:
            folder.remove()
            raise
        if result.failed and result.failed.reason is not Reason.INTERRUPTED:
            folder.keep()
        else:
            folder.remove()
        return result


def _narrowed(run: RunResult, suites: frozenset[str]) -> RunResult:
    """The oracle's run with the cases of some suites alone, to hold a confirming run against."""
    test = run.step(Step.TEST)
    if test is None:
        return run
    cases = test.cases.model_copy(
        update={
            "passed": {name: digest for name, digest in test.cases.passed.items() if name.split("/")[0] in suites},
            "others": {name: case for name, case in test.cases.others.items() if name.split("/")[0] in suites},
        }
    )
    narrowed = test.model_copy(update={"cases": cases})
    return run.model_copy(update={"steps": tuple(narrowed if s.step is Step.TEST else s for s in run.steps)})


class _Run:
    """One compiler's way through the steps, in a fresh work folder."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        folder: WorkFolder,
        logs: Path,
        role: str,
        suites: frozenset[str] | None,
        oracle: RunResult | None,
    ) -> None:
        self._plan, self._engine, self._role = plan, engine, role
        self._compiler = plan.oracle if role == "oracle" else plan.candidate
        cell, tree = folder.path / "cell", folder.path / "ccverify"
        sandbox = sandbox_for(engine.sandbox, cell)
        self._instrument = instrument.Instrument(
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
        )
        self._calibration = self._instrument.calibrate(engine.state.cache)
        self._work = Workspace(
            recipe=plan.recipe,
            source=plan.source,
            arch=plan.arch,
            compiler=self._compiler,
            depth=plan.id.depth,
            jobs=engine.jobs,
            root=cell,
            tree=self._instrument.inside,
            logs=logs,
            label=role,
            sandbox=sandbox,
            fetcher=engine.fetcher,
            limits=engine.limits,
            mounts=self._instrument.mounts(self._calibration),
            accommodations=plan.accommodations,
            only_suites=suites,
            oracle_seconds=_needed(oracle),
        )

    def go(self) -> RunResult:
        steps: list[StepResult] = []
        configuration: dict[str, str] = {}
        for step in Step:
            self._engine.manager.step_started(self._plan.id, self._info, self._role, step)
            result = self._step(step)
            self._engine.manager.step_finished(self._plan.id, self._info, self._role, result)
            steps.append(result)
            if step is Step.BUILD or not result.ok:
                configuration = self._configuration()
            if not result.ok:
                break
        provenance = self._instrument.provenance(self._calibration)
        self._instrument.keep_log(self._work.logs / f"{self._role}-units.jsonl")
        text = script(self._plan, self._compiler, self._work)
        atomic_write(self._work.logs / f"{self._role}-reproduce.sh", text.encode())
        return RunResult(
            compiler=self._info,
            steps=tuple(steps),
            provenance=provenance,
            configuration=configuration,
            sandbox=self._engine.sandbox,
        )

    @property
    def _info(self) -> CompilerInfo:
        info = self._compiler.info(self._plan.arch.name)
        return info.model_copy(update={"engine": ", ".join(self._calibration.engines or self._calibration.names)})

    def _step(self, step: Step) -> StepResult:
        work = self._work
        work.begin(step)
        self._instrument.begin(step)
        clock = time.monotonic()
        returned = self._guarded(step)
        seconds = time.monotonic() - clock
        ok = isinstance(returned, StepResult) and returned.ok
        faults = self._instrument.faults(step, ok)
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
        """Call the hook in a thread of its own, so that a plugin that raises, hangs or returns rubbish harms its cell only."""
        box: list[object] = []

        def call() -> None:
            try:
                box.append(self._engine.manager.run_step(step, self._work))
            except BaseException as error:  # noqa: BLE001 whatever a plugin raises is its own
                box.append(error)

        thread = threading.Thread(target=call, name=f"{self._plan.slug} {step}", daemon=True)
        thread.start()
        self._work.last_sandbox_time = time.monotonic()
        while thread.is_alive():
            thread.join(0.5)
            quiet = time.monotonic() - self._work.last_sandbox_time
            if thread.is_alive() and not self._work.in_sandbox and quiet > self._engine.plugin_seconds:
                return PluginError(
                    project=self._plan.recipe.name, step=step, detail=f"did nothing for {quiet:.0f} s and was given up"
                )
        (returned,) = box
        if isinstance(returned, StepResult | InfrastructureError):
            return returned
        if isinstance(returned, BaseException):
            detail = f"{type(returned).__name__}: {returned}"
        else:
            detail = f"returned {returned!r:.80}, not a StepResult"
        return PluginError(project=self._plan.recipe.name, step=step, detail=detail)

    def _configuration(self) -> dict[str, str]:
        build = self._work.host_path(self._work.build)
        texts = {}
        for pattern in self._plan.recipe.configuration:
            for path in sorted(build.glob(pattern)):
                # a link could lead out of the folder, and this may run as root
                inside = path.resolve().is_relative_to(build.resolve())
                if inside and path.is_file() and path.stat().st_size <= _CONFIGURATION_BYTES:
                    texts[str(path.relative_to(build))] = path.read_text("utf-8", "replace")
        return texts


class PluginError(InfrastructureError):
    """A plugin raised, hung or returned rubbish."""

    reason = Reason.PLUGIN_ERROR
    msg = "the {project} plugin's {step} {detail}"


def _needed(oracle: RunResult | None) -> dict[str, float]:
    """Step or suite name -> the oracle's wall seconds."""
    if oracle is None:
        return {}
    steps = {str(step.step): step.usage.seconds for step in oracle.steps}
    return {**steps, **{name: seconds for step in oracle.steps for name, seconds in step.suites.items()}}
