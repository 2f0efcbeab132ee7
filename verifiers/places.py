"""A cell in a run as the history's ``places`` has it: what reports of many runs need, without the whole result."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from verifiers.results import CaseOutcome, CellId, CellResult, Reason, Ruling, RunResult, Step, VerdictKind, shown
from verifiers.state import now

COSTS: Final = ("build_cpu", "build_peak", "test_cpu", "code_bytes", "bench")
LASTING: Final = (
    *("reason", "step", "started", "differ", "seconds"),
    *COSTS,
    *(f"oracle_{name}" for name in COSTS),
)
PLACE: Final = ", ".join(("run", "name", "cell", "cached", "verdict", *LASTING))


@dataclass(frozen=True, slots=True)
class Costs:
    """What one compiler's run cost: seconds, KiB and bytes; None where a step was not reached or has no such thing."""

    build_cpu: float | None = None
    build_peak: int | None = None
    test_cpu: float | None = None
    code: int | None = None  # bytes of code and data in the objects
    bench: float | None = None  # CPU seconds of the project's own benchmark


@dataclass(frozen=True, slots=True)
class Place:
    """A cell in a run, without the whole of its result."""

    run: str
    name: int  # number of the cell's name, the same in every run
    cell: CellId
    cell_row: int  # of the result, which several runs may share
    cached: bool
    verdict: VerdictKind
    reason: Reason | None
    step: Step | None
    started: str
    differ: int  # number of cases that the oracle passes and the candidate does not
    candidate: Costs
    oracle: Costs
    ruling: Ruling = Ruling()
    seconds: float | None = None  # that it took, with all of its runs

    @property
    def shown(self) -> str:
        """The verdict, or that it is an excused one."""
        return shown(self.verdict, self.ruling)


def write_place(db: sqlite3.Connection, row: int, result: CellResult) -> None:
    """Keep of a cell in a run what reports of many runs need; ``row`` is the result's, which several runs may share."""
    cell, verdict = result.cell.model_dump_json(), result.verdict
    db.execute("INSERT OR IGNORE INTO cell_names(cell) VALUES(?)", (cell,))
    lasting = (verdict.kind, verdict.reason, verdict.step, result.started, len(verdict.differences), result.seconds)
    costs = _comparable(result)
    db.execute(
        f"INSERT OR REPLACE INTO places({PLACE}, ruling)"
        f" VALUES(?, (SELECT id FROM cell_names WHERE cell = ?), ?, ?{', ?' * (len(lasting) + len(costs) + 1)})",
        (result.run, cell, row, result.cached, *lasting, *costs, _ruling_text(result)),
    )


def write_failing(db: sqlite3.Connection, row: int, result: CellResult) -> None:
    """Keep a result's cases that did not pass."""
    verdict = result.verdict
    failing = {name: (str(outcome), False) for name, outcome in _others(result)}
    failing |= {each.name: (str(each.candidate), True) for each in verdict.differences}
    db.executemany("INSERT OR IGNORE INTO case_names(name) VALUES(?)", ((name,) for name in failing))
    db.executemany(
        "INSERT OR REPLACE INTO failing VALUES(?, (SELECT id FROM case_names WHERE name = ?), ?, ?)",
        ((row, name, outcome, differs) for name, (outcome, differs) in failing.items()),
    )


def learn(db: sqlite3.Connection, result: CellResult) -> None:
    """Keep which cases the oracle has otherwise when it is held against itself."""
    if not result.of_oracle:
        return
    names = {*(each.name for each in result.verdict.differences), *result.verdict.flaky}
    cell = result.cell
    db.executemany("INSERT OR IGNORE INTO case_names(name) VALUES(?)", ((name,) for name in names))
    db.executemany(
        "INSERT OR REPLACE INTO flaky VALUES(?, ?, ?, (SELECT id FROM case_names WHERE name = ?), ?)",
        ((cell.project, cell.version, cell.arch, name, now()) for name in names),
    )


def _others(result: CellResult) -> Iterator[tuple[str, CaseOutcome]]:
    """The candidate's cases that failed, also where the oracle's do."""
    for name, case in (result.candidate.cases.others if result.candidate else {}).items():
        if case.outcome is not CaseOutcome.SKIP:
            yield name, case.outcome


def _costs(run: RunResult | None) -> tuple[float | None, ...]:
    """In the order of ``Costs``."""
    build, test = (run.step(Step.BUILD), run.step(Step.TEST)) if run else (None, None)
    if run is None or build is None:
        return (None,) * len(COSTS)
    own = run.compiling  # the build's other commands say nothing of a compiler
    return (
        own.cpu_seconds or build.usage.cpu_seconds,
        own.peak_kib or build.usage.peak_kib,
        test.usage.cpu_seconds if test else None,
        own.code_bytes or None,
        sum(test.benchmarks.values()) or None if test else None,
    )


def _comparable(result: CellResult) -> tuple[float | None, ...]:
    """The candidate's costs and the oracle's, without what is not of the same things."""
    ours, theirs = result.candidate, result.oracle
    costs = [list(_costs(ours)), list(_costs(theirs))]
    if ours and theirs:
        tests = [run.step(Step.TEST) for run in (ours, theirs)]
        benchmarks = [set(test.benchmarks) if test else set() for test in tests]
        same = {"code_bytes": ours.compiling.objects == theirs.compiling.objects}
        same["bench"] = benchmarks[0] == benchmarks[1]
        for name, alike in same.items():
            for side in costs if not alike or result.cell.mix else []:
                side[COSTS.index(name)] = None
    return (*costs[0], *costs[1])


def columns_of_place(*columns: str) -> str:
    """Columns of ``places p``, for a query."""
    return ", ".join(f"p.{name}" for name in columns)


def _ruling_text(result: CellResult) -> str | None:
    """What the excuses say of a result as the history keeps it; None for nothing."""
    return None if result.ruling == Ruling() else result.ruling.model_dump_json()
