"""A finished cell as JUnit XML, for what shows such files: a suite a cell, a test case a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from verifiers.report.visible import LINE, one, visible
from verifiers.report.wording import compared, excused, finding
from verifiers.results import EXCUSED, CaseOutcome, CaseTable, CellResult, Step, VerdictKind

LISTED: Final = 10_000
"""Cases that passed are listed by name up to this number of cases; of more, only their number is told."""


def junit(result: CellResult, cases: CaseTable | None) -> bytes:
    """The file's text. The first test case is the cell itself, so that a red cell is red also without any case."""
    suite = TestSuite(one(str(result.cell)))
    suite.timestamp = result.started.split("+")[0]
    suite.add_property("run", one(result.run))
    suite.add_property("fingerprint", one(result.fingerprint))
    if result.folder:
        suite.add_property("folder", one(result.folder))
    suite.add_testcase(_cell(result))
    shown = cases or CaseTable()
    different = {each.name: each for each in result.verdict.differences}
    excuses = {name: each for each in result.ruling.by for name in each.cases}
    for each in different.values():
        case = _case(result, each.name)
        if excuse := excuses.get(each.name):
            message = f"{each.candidate}, excused until {excuse.until} by {excuse.bug}: {each.message}"
            case.result = [Skipped(one(message), EXCUSED)]
            suite.add_testcase(case)
            continue
        case.result = [_failure(str(each.candidate), each.message or f"{each.candidate}, the oracle: {each.oracle}")]
        suite.add_testcase(case)
    both = set(result.verdict.both_fail)
    for name, other in shown.others.items():
        if name not in different:
            case = _case(result, name)
            case.result = [Skipped(_why_not_counted(other.outcome, name in both, other.message))]
            suite.add_testcase(case)
    if len(shown.passed) <= LISTED:
        suite.add_testcases([_case(result, name) for name in shown.passed if name not in different])
    else:
        suite.add_property("passed and not listed", f"{sum(name not in different for name in shown.passed)}")
    xml = JUnitXml(one(str(result.cell)))
    xml.add_testsuite(suite)
    text: bytes = xml.tostring()  # type: ignore[no-untyped-call]
    return text


def _cell(result: CellResult) -> TestCase:
    verdict = result.verdict
    case = TestCase(f"cell: {one(result.shown)}", one(str(result.cell)), 0.0 if result.cached else result.seconds)
    kind, reason, message = verdict.kind, str(verdict.reason or verdict.kind), one(finding(result))
    if result.ruling.excused:
        case.result = [Skipped("; ".join([message, *excused(result.ruling)]), EXCUSED)]
    elif kind in (VerdictKind.FAIL, VerdictKind.FLAKY):
        case.result = [_failure(reason if kind is VerdictKind.FAIL else "flaky", message)]
    elif kind in (VerdictKind.BROKEN, VerdictKind.ERROR):
        error = Error(message, reason)
        error.text = "\n".join(_lines(result))
        case.result = [error]
    elif kind is VerdictKind.SKIP:
        case.result = [Skipped(message)]
    case.system_out = "\n".join(_lines(result))
    return case


def _case(result: CellResult, name: str) -> TestCase:
    test = result.candidate.step(Step.TEST) if result.candidate else None
    suites = sorted((each for each in test.suites if name.startswith(f"{each}/")) if test else (), key=len)
    suite = suites[-1] if suites else ""
    return TestCase(one(name.removeprefix(f"{suite}/") if suite else name), one(f"{result.cell} {suite}".strip()))


def _failure(kind: str, message: str) -> Failure:
    failure = Failure(one(message), kind)
    failure.text = one(message, LINE * 4)
    return failure


def _why_not_counted(outcome: CaseOutcome, both: bool, message: str) -> str:
    if both:
        return one(f"{outcome} with the oracle too: {message}")
    if outcome is CaseOutcome.SKIP:
        return one(message or "skipped")
    return one(f"{outcome} in one of two runs only: {message}")


def _lines(result: CellResult) -> Iterator[str]:
    yield one(compared(result))
    for name, run in (("candidate", result.candidate), ("oracle", result.oracle)):
        for step in run.steps if run else ():
            yield visible(f"{name} {step.step}: {'ok' if step.ok else step.reason} {one(step.message)}".rstrip())
    yield from (f"fault: {fault.reason} {one(fault.line)}" for fault in result.verdict.faults)
    yield from excused(result.ruling)
    yield from (f"note: {one(note)}" for note in result.verdict.notes)
