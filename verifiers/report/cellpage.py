"""What a cell's own page shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from verifiers.report.drawing import Series, case_trend, plot, trend, verdicts
from verifiers.report.groups import normalise, told
from verifiers.report.logs import tails
from verifiers.report.ratios import MEASURES, amount, ratios, times
from verifiers.report.wording import compared, duration, excused, finding
from verifiers.results import CellResult, Difference, RunResult, Step, VerdictKind
from verifiers.store import Place

CASES: Final = 500
"""Failing cases that a page lists; all are in the cell's files."""

_MANY: Final = 200  # of anything else


@dataclass(frozen=True)
class StepRow:
    """One step by both compilers."""

    step: str
    oracle: str
    candidate: str
    oracle_ok: bool | None
    candidate_ok: bool | None
    costs: list[tuple[str, str, str, str]]  # what, the oracle's, the candidate's, the ratio


def context(
    result: CellResult,
    place: Place,
    history: Sequence[Place],
    failing: Mapping[int, Mapping[str, str]],
    root: Path,
) -> dict[str, Any]:
    """The values of ``cell.html.j2``; ``failing`` are the cases that differed, by the row of each result in history."""
    verdict = result.verdict
    now = {each.name for each in verdict.differences}
    earlier = sorted({name for each in history for name in failing.get(each.cell_row, ())} - now)
    return {
        "result": result,
        "place": place,
        "title": str(result.cell),
        "finding": finding(result),
        "excused": list(excused(result.ruling)),
        "compared": compared(result) if verdict.compared and verdict.kind is not VerdictKind.PASS else "",
        "signature": normalise(told(result)) if verdict.kind not in (VerdictKind.PASS, VerdictKind.SKIP) else "",
        "trend": trend(verdicts(history)),
        "history": list(reversed(history)),
        "steps": [_step(step, result) for step in Step if _reached(step, result)],
        "ratios": list(ratios(place).values()),
        "measures": MEASURES,
        "plots": plots(history),
        "cases": [_case(each, history, failing) for each in verdict.differences[:CASES]],
        "case_count": len(verdict.differences),
        "earlier": [(name, case_trend(outcomes(name, history, failing))) for name in earlier[:_MANY]],
        "earlier_count": len(earlier),
        "tails": tails(result, root),
        "runs": [(role, run) for role, run in (("candidate", result.candidate), ("oracle", result.oracle)) if run],
        "many": _MANY,
        "reproduce": _reproduce(result, root),
        "shell": shlex.join,
    }


def outcomes(name: str, history: Sequence[Place], failing: Mapping[int, Mapping[str, str]]) -> list[str | None]:
    """What a case came to in each of some places: "" where it did not fail, None where no tests ran."""
    return [_outcome(name, place, failing) for place in history]


def _outcome(name: str, place: Place, failing: Mapping[int, Mapping[str, str]]) -> str | None:
    if found := failing.get(place.cell_row, {}).get(name):
        return found
    judged = place.verdict is VerdictKind.PASS or (
        place.verdict in (VerdictKind.FAIL, VerdictKind.FLAKY) and (place.step is Step.TEST or place.differ > 0)
    )
    return "" if judged else None


def plots(history: Sequence[Place]) -> list[Markup]:
    """Costs over the runs, the candidate's beside the oracle's."""
    if len(history) < 2:
        return []
    labels = [day(place.run) for place in history]
    drawn = []
    for title, key, unit, scale in (
        ("compile CPU", "build_cpu", " s", 1.0),
        ("compile memory", "build_peak", " MiB", 1024.0),
        ("code size", "code", " KiB", 1024.0),
        ("benchmark CPU", "bench", " s", 1.0),
        ("test CPU", "test_cpu", " s", 1.0),
    ):
        series = [
            Series(side, [_scaled(getattr(getattr(place, side), key), scale) for place in history])
            for side in ("candidate", "oracle")
        ]
        drawn.append(plot(title, labels, series, unit))
    return [each for each in drawn if each]


def day(run: str) -> str:
    """A run's day, and its time where the id tells them."""
    if len(run) >= 13 and run[:8].isdigit() and run[9:13].isdigit():
        return f"{run[4:6]}-{run[6:8]} {run[9:11]}:{run[11:13]}"
    return run


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value / scale


def _case(
    each: Difference, history: Sequence[Place], failing: Mapping[int, Mapping[str, str]]
) -> tuple[Difference, Markup]:
    return each, case_trend(outcomes(each.name, history, failing))


def _reached(step: Step, result: CellResult) -> bool:
    return any(run and run.step(step) for run in (result.oracle, result.candidate))


def _step(step: Step, result: CellResult) -> StepRow:
    theirs, ours = (run.step(step) if run else None for run in (result.oracle, result.candidate))
    costs = []
    for what, unit, values in (
        ("time", "time", [each.usage.seconds if each else None for each in (theirs, ours)]),
        ("CPU", "time", [each.usage.cpu_seconds if each else None for each in (theirs, ours)]),
        ("peak memory", "memory", [each.usage.peak_kib if each else None for each in (theirs, ours)]),
    ):
        other, mine = values
        ratio = times(mine / other) if mine and other else ""
        shown = [
            ("" if value is None else duration(value) if unit == "time" else amount(unit, value)) for value in values
        ]
        costs.append((what, shown[0], shown[1], ratio))
    ours_ended = _ended(result.candidate, step)
    differ = len(result.verdict.differences) if step is Step.TEST and ours and ours.ok else 0
    return StepRow(
        step=str(step),
        oracle=_ended(result.oracle, step),
        candidate=f"{differ:,} {'case differs' if differ == 1 else 'cases differ'}" if differ else ours_ended,
        oracle_ok=theirs.ok if theirs else None,
        candidate_ok=ours.ok and not differ if ours else None,
        costs=costs,
    )


def _ended(run: RunResult | None, step: Step) -> str:
    found = run.step(step) if run else None
    if found is None:
        return "not reached"
    return "ok" if found.ok else f"{found.reason}"


def _reproduce(result: CellResult, root: Path) -> str:
    if not result.candidate or not result.folder:
        return ""
    return f"sh {shlex.quote(str(root / result.folder / 'reproduce.sh'))}"
