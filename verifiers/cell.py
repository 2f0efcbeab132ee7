"""Runs one cell: the oracle's run (cached), the candidate's, their comparison, and a red cell's second run."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection
from datetime import date
from pathlib import Path

from verifiers.claims import remarked, share
from verifiers.compare import compare, dead_suites, doubted, settle
from verifiers.configdiff import configuration_differences
from verifiers.errors import CcverifyError, InfrastructureError
from verifiers.excuses import rule
from verifiers.files import atomic_write, lock, no_room
from verifiers.mixing import cannot_be_mixed
from verifiers.passage import Engine, Passage
from verifiers.plan import Plan
from verifiers.results import (
    CaseTable,
    CellResult,
    Reason,
    Ruling,
    RunResult,
    Step,
    Verdict,
    VerdictKind,
)
from verifiers.resume import find, read
from verifiers.state import now
from verifiers.store import CASES, FAILURES, MIXED, cases_of, write_cases, write_failures, write_mixed

_JUDGED = (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY)


def run_cell(plan: Plan, engine: Engine) -> CellResult:
    """Bring one cell to its verdict and keep it. Never raises for what goes wrong inside a cell."""
    if known := known_result(plan, engine):
        known = known.model_copy(update={"cached": True, "ruling": _ruling(known, engine, None)})
        engine.store.reuse(engine.run, known)
        engine.manager.cell_finished(known)
        return known
    started = now()
    try:
        result = _run(plan, engine)
    except CcverifyError:  # a candidate that cannot be used, or a disk that nothing can be kept on
        raise
    except Exception as error:
        result = _broken_off(plan, engine, started, error)
    if result.verdict.reason is not Reason.INTERRUPTED:
        engine.store.save(result)
    return result


def known_result(plan: Plan, engine: Engine) -> CellResult | None:
    """The believed result that makes running the cell needless, if there is one."""
    if engine.fresh or plan.again:
        return None
    known = engine.store.trusted(plan.fingerprint)
    if known and not plan.answered_by(known):
        return None
    if known and doubted(known.verdict, engine.store.flaky_cases(plan.id)) is not known.verdict:
        return None  # what we have learned since makes it worth another look
    return known


def _run(plan: Plan, engine: Engine) -> CellResult:
    started, clock = now(), time.monotonic()
    engine.manager.cell_started(plan.id)
    folder = engine.state.logs / engine.run / plan.slug
    runs = _Runs(plan, engine, folder)
    try:
        verdict = doubted(runs.verdict(), engine.store.flaky_cases(plan.id))
        if plan.of_oracle:
            verdict = doubted(verdict, {each.name for each in verdict.differences})
        verdict = remarked(verdict, plan.recipe)
        if verdict.kind in _JUDGED and not engine.unchanged(plan.candidate):
            message = f"{plan.candidate.name} was changed while the cell ran; run it again"
            verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.COMPILER_CHANGED, message=message)
    except InfrastructureError as error:
        verdict = Verdict(kind=VerdictKind.ERROR, reason=error.reason, message=str(error))
    except OSError as error:
        reason = Reason.DISK_FULL if no_room(error) else Reason.INTERNAL
        message = ": ".join(str(each) for each in (error.filename, error.strerror) if each) or str(error)
        verdict = Verdict(kind=VerdictKind.ERROR, reason=reason, message=message)
    candidate, oracle = runs.candidate, runs.oracle
    result = CellResult(
        cell=plan.id,
        fingerprint=plan.fingerprint,
        of_oracle=plan.of_oracle,
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
        share=share(verdict, oracle, plan.recipe, plan.candidate.lacks) if candidate and oracle else None,
    )
    result = result.model_copy(update={"ruling": _ruling(result, engine, candidate.cases if candidate else None)})
    if candidate:
        write_cases(folder / CASES, candidate.cases)
        write_mixed(folder / MIXED, candidate.provenance.mixed)
    write_failures(folder / FAILURES, verdict.differences, engine.state.relative(folder))
    atomic_write(folder / "cell.json", result.model_dump_json(indent=1).encode())
    engine.manager.cell_finished(result)
    return result


def _broken_off(plan: Plan, engine: Engine, started: str, error: Exception) -> CellResult:
    """What stands for a cell in which our own side, or a plugin's data, went wrong: the others go on."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    message = " ".join(message.encode("utf-8", "backslashreplace").decode().split())
    verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.INTERNAL, message=message)
    result = CellResult(cell=plan.id, fingerprint=plan.fingerprint, verdict=verdict, started=started, run=engine.run)
    engine.manager.cell_finished(result)
    return result


def _ruling(result: CellResult, engine: Engine, cases: CaseTable | None) -> Ruling:
    """What today's excuses make of a result; its cases are read where they are not given and are needed."""

    def passed() -> Collection[str]:
        return (cases or cases_of(engine.state.root, result) or CaseTable()).passed

    return rule(result.cell, result.verdict, engine.excuses, date.today(), passed)


def _light(run: RunResult | None) -> RunResult | None:
    """A run without what lies in files of its own or serves other runs alone."""
    if run is None:
        return None
    steps = tuple(step.model_copy(update={"cases": step.cases.model_copy(update={"passed": {}})}) for step in run.steps)
    return run.model_copy(update={"steps": steps, "configuration": {}, "unit_seconds": {}})


class _Runs:
    """The two or three runs behind a verdict."""

    def __init__(self, plan: Plan, engine: Engine, folder: Path) -> None:
        self._plan, self._engine, self._folder = plan, engine, folder
        self.candidate: RunResult | None = None
        self.oracle: RunResult | None = None
        self.confirmed = False

    def verdict(self) -> Verdict:
        may_miss = self._plan.recipe.may_miss
        if why := self._meet():
            return Verdict(kind=VerdictKind.SKIP, reason=Reason.UNSUPPORTED, message=why)
        self.oracle = self._baseline()
        if self.oracle.failed or not len(self.oracle.cases):
            return compare(None, self.oracle, may_miss)
        self.candidate = self._go("candidate")
        first = compare(self.candidate, self.oracle, may_miss, whole=not self._plan.id.sample)
        if self._plan.id.mix and (skip := cannot_be_mixed(first)):
            return skip
        if first.kind is not VerdictKind.FAIL:
            return first
        again = frozenset(each.name for each in first.differences)
        second = self._go("confirm", again)
        repeated = again | second.cases.passed.keys() | second.cases.others.keys()
        oracle = _restricted(self.oracle, repeated) if again else self.oracle
        verdict = settle(first, compare(second, oracle, may_miss, whole=False))
        self.confirmed = verdict.kind is VerdictKind.FAIL
        return verdict

    def _meet(self) -> str:
        """Start the candidate once, so that one that cannot be is told before the oracle's long run, not after it.

        Returns why it cannot be used for the arch, if so.
        """
        folder = self._engine.state.new_work()
        try:
            return Passage(self._plan, self._engine, folder, self._folder, "candidate", frozenset(), None).cannot_target
        finally:
            folder.remove()

    def _baseline(self) -> RunResult:
        key = self._plan.baseline_fingerprint
        store = self._engine.store
        with lock(self._engine.state.baselines / f"{key}.lock"):
            if not self._engine.fresh and (known := store.baseline(key)):
                return known
            result = self._go("oracle")
            # a suite that ran out of time did so on a busy machine, perhaps: the next run may do better
            if not result.failed and len(result.cases) and not dead_suites(result.cases):
                store.keep_baseline(key, result)
        return result

    def _go(self, role: str, cases: frozenset[str] = frozenset()) -> RunResult:
        state, resumes = self._engine.state, self._plan.recipe.resumes
        key = self._plan.passage(role, cases) if resumes else ""
        folder = (find(state, key) if resumes else None) or state.new_work()
        try:
            passage = Passage(self._plan, self._engine, folder, self._folder, role, cases, self.oracle, key)
            result = passage.go()
        except BaseException:
            folder.remove()
            raise
        interrupted = result.failed and result.failed.reason is Reason.INTERRUPTED
        if interrupted and read(folder.path):
            folder.leave()
        elif result.failed and not interrupted:
            folder.keep()
        else:
            folder.remove()
        return result


def _restricted(run: RunResult, names: frozenset[str]) -> RunResult:
    """A run with some of its cases alone, to hold a confirming run against."""
    test = run.step(Step.TEST)
    if test is None:
        return run
    restricted = test.model_copy(update={"cases": test.cases.only(names)})
    return run.model_copy(update={"steps": tuple(restricted if s.step is Step.TEST else s for s in run.steps)})
