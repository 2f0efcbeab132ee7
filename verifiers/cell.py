"""Runs one cell: the oracle's run (cached), the candidate's, their comparison, and a red cell's second run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from verifiers.compare import compare, settle
from verifiers.configdiff import configuration_differences
from verifiers.errors import InfrastructureError
from verifiers.files import atomic_write, lock
from verifiers.passage import Engine, Passage
from verifiers.plan import Plan
from verifiers.results import (
    CellResult,
    Reason,
    RunResult,
    Step,
    Verdict,
    VerdictKind,
)
from verifiers.state import now
from verifiers.store import CASES, write_cases

_JUDGED = (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY)


def run_cell(plan: Plan, engine: Engine) -> CellResult:
    """Bring one cell to its verdict and keep it. Never raises for what goes wrong inside a cell."""
    if not engine.fresh and (known := engine.store.trusted(plan.fingerprint)):
        known = known.model_copy(update={"cached": True})
        engine.manager.cell_finished(known)
        return known
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
        if verdict.kind in _JUDGED and not engine.unchanged(plan.candidate):
            message = f"{plan.candidate.name} was changed while the cell ran; run it again"
            verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.COMPILER_CHANGED, message=message)
    except InfrastructureError as error:
        verdict = Verdict(kind=VerdictKind.ERROR, reason=error.reason, message=str(error))
    except OSError as error:
        verdict = Verdict(
            kind=VerdictKind.ERROR, reason=Reason.DISK_FULL, message=f"{error.filename}: {error.strerror}"
        )
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
        write_cases(folder / CASES, candidate.cases)
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
        if why := self._meet():
            return Verdict(kind=VerdictKind.SKIP, reason=Reason.UNSUPPORTED, message=why)
        self.oracle = self._baseline()
        if self.oracle.failed or not len(self.oracle.cases):
            return compare(None, self.oracle, may_miss)
        self.candidate = self._go("candidate")
        first = compare(self.candidate, self.oracle, may_miss)
        if first.kind is not VerdictKind.FAIL:
            return first
        suites = _suites_of(first, self.oracle)
        again = self._go("confirm", suites or None)
        oracle = _narrowed(self.oracle, suites) if suites else self.oracle
        verdict = settle(first, compare(again, oracle, may_miss))
        self.confirmed = verdict.kind is VerdictKind.FAIL
        return verdict

    def _meet(self) -> str:
        """Start the candidate once, so that one that cannot be is told before the oracle's long run, not after it.

        Returns why it cannot be used for the arch, if so.
        """
        folder = self._engine.state.new_work()
        try:
            return Passage(self._plan, self._engine, folder, self._folder, "candidate", None, None).cannot_target
        finally:
            folder.remove()

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
            passage = Passage(self._plan, self._engine, folder, self._folder, role, suites, self.oracle)
            result = passage.go()
        except BaseException:
            folder.remove()
            raise
        if result.failed and result.failed.reason is not Reason.INTERRUPTED:
            folder.keep()
        else:
            folder.remove()
        return result


def _suites_of(verdict: Verdict, oracle: RunResult) -> frozenset[str]:
    """The suites that the differences are in; empty where that cannot be told (a recipe may rename its cases)."""
    test = oracle.step(Step.TEST)
    known = test.suites if test else {}
    found = [_suite_of(each.name, known) for each in verdict.differences]
    return frozenset(found) if all(found) else frozenset()


def _suite_of(case: str, suites: Iterable[str]) -> str:
    """The suite that a case is in; a suite's name may have slashes of its own."""
    return max((each for each in suites if case.startswith(f"{each}/")), key=len, default="")


def _narrowed(run: RunResult, suites: frozenset[str]) -> RunResult:
    """The oracle's run with the cases of some suites alone, to hold a confirming run against."""
    test = run.step(Step.TEST)
    if test is None:
        return run
    cases = test.cases.model_copy(
        update={
            "passed": {n: digest for n, digest in test.cases.passed.items() if _suite_of(n, test.suites) in suites},
            "others": {n: case for n, case in test.cases.others.items() if _suite_of(n, test.suites) in suites},
        }
    )
    narrowed = test.model_copy(update={"cases": cases})
    return run.model_copy(update={"steps": tuple(narrowed if s.step is Step.TEST else s for s in run.steps)})
