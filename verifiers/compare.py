"""Verdicts: two pure functions, from (candidate's run, oracle's run) and from a red cell's two runs.

The rule that orders everything: an outcome counts against the candidate only where the oracle did better under the
same conditions, and nothing indeterminate is ever folded into ``pass``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from verifiers.results import (
    COMPLETED,
    CaseOutcome,
    CaseTable,
    Difference,
    Fault,
    Reason,
    RunResult,
    Step,
    StepResult,
    TestCase,
    Verdict,
    VerdictKind,
)

_REASON = {
    CaseOutcome.CRASH: Reason.TEST_CRASH,
    CaseOutcome.TIMEOUT: Reason.TEST_TIMEOUT,
    CaseOutcome.FAIL: Reason.WRONG_RESULT,
    CaseOutcome.MISSING: Reason.MISSING_CASES,
    CaseOutcome.SKIP: Reason.MISSING_CASES,
}


def compare(
    candidate: RunResult | None,
    oracle: RunResult,
    may_miss: Callable[[str], bool] = lambda name: False,
    *,
    whole: bool = True,
) -> Verdict:
    """Hold a candidate's run against the oracle's.

    ``candidate`` is None where the oracle's own failure made its run pointless. ``may_miss`` names cases that may
    exist with one compiler only. ``whole``: they are all the project's tests, and not some of them.
    """
    ours = _first_of_ours(oracle, "the oracle's run: ") or (_first_of_ours(candidate, "") if candidate else None)
    if ours:
        return ours
    if oracle.failed:
        return _of_step(VerdictKind.BROKEN, oracle.failed, "the oracle fails too: ", Reason.ORACLE_FAILED)
    if not oracle.cases.counts()[CaseOutcome.PASS]:
        return _untested(oracle.cases)
    if candidate is None:
        raise ValueError("the oracle passed, so the candidate must have run")
    if candidate.failed:
        return _of_step(VerdictKind.FAIL, candidate.failed, "", candidate.failed.reason)
    return _judge(candidate, oracle, may_miss, whole)


def settle(first: Verdict, second: Verdict) -> Verdict:
    """The verdict of a cell that was red, from that run and an unchanged second one in a fresh folder.

    Red twice is ``fail`` on what failed both times; red and then green is ``flaky``, as is red twice where not one
    case failed both times.
    """
    if second.kind is VerdictKind.PASS:
        note = "failed, and then passed unchanged in a fresh folder"
        return first.model_copy(update={"kind": VerdictKind.FLAKY, "notes": (*first.notes, note)})
    if second.kind is not VerdictKind.FAIL:
        return second
    if first.step is not second.step:
        note = f"failed in {first.step}, then in {second.step}"
        return second.model_copy(update={"kind": VerdictKind.FLAKY, "notes": (*second.notes, note)})
    if first.step is not Step.TEST or not (first.differences or second.differences):
        return first  # the same step as a whole, both times
    again = {each.name for each in second.differences}
    both = tuple(each for each in first.differences if each.name in again)
    flaky = tuple(sorted({each.name for each in first.differences} ^ again))
    if not both:
        note = "failed twice, but not in one case both times"
        return first.model_copy(update={"kind": VerdictKind.FLAKY, "notes": (*first.notes, note)})
    notes = (*first.notes, f"{len(flaky)} cases failed in one of two runs only") if flaky else first.notes
    return _of_differences(both, first).model_copy(update={"notes": notes, "flaky": flaky})


def doubted(verdict: Verdict, flaky: Collection[str]) -> Verdict:
    """The verdict as ``flaky`` where all that fails are cases that the oracle itself has now so, now otherwise."""
    names = {each.name for each in verdict.differences}
    if verdict.kind is not VerdictKind.FAIL or verdict.step is not Step.TEST or not names <= set(flaky):
        return verdict
    note = "the oracle's own runs disagree on what fails"
    return verdict.model_copy(update={"kind": VerdictKind.FLAKY, "notes": (*verdict.notes, note)})


def _first_of_ours(run: RunResult, who: str) -> Verdict | None:
    step = run.failed
    if step and step.reason and step.reason.is_ours:
        return _of_step(VerdictKind.ERROR, step, who, step.reason)
    return None


def _of_step(kind: VerdictKind, step: StepResult, who: str, reason: Reason | None) -> Verdict:
    return Verdict(kind=kind, reason=reason, step=step.step, message=who + step.message, faults=step.faults)


def _untested(cases: CaseTable) -> Verdict:
    if first := next((case for case in cases.others.values() if case.reason is not Reason.MISSING_CASES), None):
        message = f"the oracle passes none of {len(cases)} cases; {first.name}: {first.message or first.outcome}"
        return Verdict(kind=VerdictKind.BROKEN, reason=Reason.ORACLE_FAILED, step=Step.TEST, message=message)
    message = "no test ran, also with the oracle"
    return Verdict(kind=VerdictKind.ERROR, reason=Reason.NO_TESTS, step=Step.TEST, message=message)


def _judge(candidate: RunResult, oracle: RunResult, may_miss: Callable[[str], bool], whole: bool) -> Verdict:
    """Two runs that came to their end: what speaks against the candidate first, then what keeps it from green."""
    base = held(candidate.cases, oracle.cases, may_miss)
    made = candidate.provenance
    if faults := _own_faults(candidate, oracle):
        return _marked(base, VerdictKind.FAIL, faults[0].reason, Step.BUILD, faults[0].line, faults=faults)
    if base.differences:
        return _of_differences(base.differences, base)
    if made.leaks:
        leak = made.leaks[0]
        more = f" and {len(made.leaks) - 1} more" if len(made.leaks) > 1 else ""
        message = f"not all is the candidate's: {leak.unit}{more}: {leak.how}"
        return _marked(base, VerdictKind.ERROR, Reason.LEAK, Step.BUILD, message)
    if not made.candidate:
        message = "the mix left it none" if made.oracle else "the build ignored CC"
        return _marked(base, VerdictKind.ERROR, Reason.NO_UNITS, Step.BUILD, f"no unit is the candidate's: {message}")
    if edited := sorted(set(candidate.touched).difference(oracle.touched)):
        more = f" and {len(edited) - 1:,} more" if len(edited) > 1 else ""
        message = f"the project's own files changed in the candidate's run, and not in the oracle's: {edited[0]}{more}"
        return _marked(base, VerdictKind.ERROR, Reason.SOURCES_CHANGED, Step.TEST, message)
    if dead := [*dead_suites(oracle.cases), *(unfit_suites(oracle.cases) if whole else ())]:
        message = f"the oracle's own suite did not complete, or fails more than it passes: {', '.join(dead)}"
        return _marked(base, VerdictKind.BROKEN, Reason.ORACLE_FAILED, Step.TEST, message)
    if not base.compared:
        message = "of what the oracle passes, nothing was run: each of its cases may be missing"
        return _marked(base, VerdictKind.ERROR, Reason.NO_TESTS, Step.TEST, message)
    if made.units != oracle.provenance.units:
        note = f"{made.units} units were built, but {oracle.provenance.units} with the oracle"
        return base.model_copy(update={"notes": (*base.notes, note)})
    return base


def _marked(
    held: Verdict, kind: VerdictKind, reason: Reason, step: Step, message: str, *, faults: tuple[Fault, ...] = ()
) -> Verdict:
    """The comparison with what it came to."""
    update = {"kind": kind, "reason": reason, "step": step, "message": message, "faults": faults}
    return held.model_copy(update=update)


def dead_suites(cases: CaseTable) -> list[str]:
    """Where the oracle's build crashed, hung, did not boot or passed nothing: nothing after that was compared."""
    died = (CaseOutcome.CRASH, CaseOutcome.TIMEOUT)

    def dead(name: str, case: TestCase) -> bool:
        if not name.endswith(COMPLETED):
            return case.reason is Reason.BOOT_FAILURE
        return case.outcome in died or (case.outcome is CaseOutcome.FAIL and not _of_suite(cases.passed, name))

    return [name for name, case in cases.others.items() if dead(name, case)]


def unfit_suites(cases: CaseTable) -> list[str]:
    """Suites of which the oracle fails more than it passes: they are no measure for another compiler."""
    failures = [name for name, case in cases.others.items() if case.outcome is not CaseOutcome.SKIP]
    ended = [name for name in failures if name.endswith(COMPLETED)]
    return [name for name in ended if 0 < _of_suite(cases.passed, name) < _of_suite(failures, name) - 1]


def _of_suite(names: Iterable[str], completed: str) -> int:
    """How many of the names are the suite's of which this is the end."""
    suite = f"{completed.removesuffix(COMPLETED)}/"
    return sum(name.startswith(suite) for name in names)


def _own_faults(candidate: RunResult, oracle: RunResult) -> tuple[Fault, ...]:
    """Faults of the candidate in calls that did not stop the build, less those the oracle shows as well."""
    theirs = {(each.unit, each.reason) for step in oracle.steps for each in step.faults}
    own = [each for step in candidate.steps for each in step.faults if (each.unit, each.reason) not in theirs]
    # a rejection that the build itself shrugged off (a probe inside make) says nothing of the result
    silent = (Reason.FALSE_SUCCESS, Reason.COMPILER_CRASH, Reason.COMPILER_TIMEOUT)
    return tuple(sorted((each for each in own if each.reason in silent), key=lambda each: each.reason.rank))


def held(candidate: CaseTable, oracle: CaseTable, may_miss: Callable[[str], bool] = lambda name: False) -> Verdict:
    """Hold cases against the oracle's: what differs, as a verdict that is a pass so far."""
    differences = []
    compared = 0
    missing_allowed = 0
    for name, digest in oracle.passed.items():
        mine = candidate.passed.get(name)
        if mine is not None:
            compared += not name.endswith(COMPLETED)
            if mine == digest or not digest:  # no digest: the oracle's output is not one to be held against others
                continue
            what = "exit status" if mine.partition(" exit ")[0] == digest.partition(" exit ")[0] else "output"
            outcome, message, reason = CaseOutcome.FAIL, f"its {what} differs from the oracle's", None
        elif case := candidate.others.get(name):
            compared += not name.endswith(COMPLETED)
            outcome, message, reason = case.outcome, case.message, case.reason
        elif may_miss(name):
            missing_allowed += 1
            continue
        else:
            outcome, message, reason = CaseOutcome.MISSING, "did not run", None
        differences.append(
            Difference(name=name, oracle=CaseOutcome.PASS, candidate=outcome, message=message, reason=reason)
        )
    both_fail = tuple(name for name in oracle.others if name in candidate.others)
    known = oracle.passed.keys() | oracle.others.keys()
    extra = tuple(name for name in (*candidate.passed, *candidate.others) if name not in known)
    for name, case in candidate.others.items():
        # skipped, it says nothing; failed, it is no better for being the candidate's alone
        if name not in known and not may_miss(name) and case.outcome is not CaseOutcome.SKIP:
            alone = Difference(name=name, oracle=CaseOutcome.MISSING, candidate=case.outcome, message=case.message)
            differences.append(alone.model_copy(update={"reason": case.reason}))
    notes = []
    if missing_allowed:
        notes.append(f"cases with computed names that exist with the oracle only: {missing_allowed}")
    return Verdict(
        kind=VerdictKind.PASS,
        differences=tuple(differences),
        compared=compared,
        both_fail=both_fail,
        extra=extra,
        notes=tuple(notes),
    )


def _of_differences(differences: tuple[Difference, ...], base: Verdict) -> Verdict:
    """A ``fail`` whose reason is the most telling one among the cases."""
    worst = min(differences, key=lambda each: _reason(each).rank)
    where = [each for each in differences if _reason(each) is _reason(worst)]
    first = where[0]
    count = f"{len(differences):,} of {base.compared + _missing(differences):,} cases differ"
    said = first.message.strip().partition("\n")[0]  # an oops has thirty lines more, which are the case's
    message = f"{count}, first {first.name}: {said or first.candidate}"
    found = base.model_copy(update={"differences": differences})
    return _marked(found, VerdictKind.FAIL, _reason(worst), Step.TEST, message)


def _reason(difference: Difference) -> Reason:
    return difference.reason or _REASON[difference.candidate]


def _missing(differences: tuple[Difference, ...]) -> int:
    return sum(1 for each in differences if each.candidate is CaseOutcome.MISSING)
