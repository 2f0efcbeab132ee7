"""The truth table of verdicts."""

from __future__ import annotations

import pytest

from verifiers.compare import compare, settle
from verifiers.results import (
    CaseOutcome,
    CaseTable,
    CompilerInfo,
    Fault,
    Leak,
    Provenance,
    Reason,
    RunResult,
    Step,
    StepResult,
    TestCase,
    Verdict,
    VerdictKind,
)

MADE = Provenance(units=3, candidate=3)
CANDIDATE = CompilerInfo(name="mycc", family="generic", version="1", fingerprint="c", command=("mycc",))


def table(**cases: str) -> CaseTable:
    """Cases from name="pass", "pass:digest", "fail" …"""
    passed, others = {}, {}
    for name, text in cases.items():
        outcome, _, digest = text.partition(":")
        if outcome == "pass":
            passed[name] = digest
        else:
            others[name] = TestCase(name=name, outcome=CaseOutcome(outcome))
    return CaseTable(passed=passed, others=others)


def run(failed: Step | None = None, reason: Reason | None = None, made: Provenance = MADE, **cases: str) -> RunResult:
    """A run that passes all steps, or fails one."""
    steps = []
    for step in Step:
        ok = step is not failed
        found = table(**cases) if step is Step.TEST else CaseTable()
        steps.append(
            StepResult(step=step, ok=ok, reason=None if ok else reason, message="" if ok else "why", cases=found)
        )
        if not ok:
            break
    return RunResult(compiler=CANDIDATE, steps=tuple(steps), provenance=made)


def edited(*files: str) -> RunResult:
    """A run in which all passes, and files of the project changed."""
    return run(a="pass", b="pass").model_copy(update={"touched": files})


GOOD = run(a="pass", b="pass")


@pytest.mark.parametrize(
    ("candidate", "oracle", "kind", "reason"),
    [
        (GOOD, GOOD, "pass", None),
        (run(a="pass", b="pass", c="fail"), run(a="pass", b="pass", c="fail"), "pass", None),
        (run(a="pass", b="pass", c="pass"), run(a="pass", b="pass", c="fail"), "pass", None),
        (run(a="pass", b="fail"), GOOD, "fail", Reason.WRONG_RESULT),
        (run(a="pass", b="pass", c="fail"), GOOD, "fail", Reason.WRONG_RESULT),
        (run(a="pass", b="pass", c="skip"), GOOD, "pass", None),
        (run(a="pass", b="crash"), GOOD, "fail", Reason.TEST_CRASH),
        (run(a="pass", b="timeout"), GOOD, "fail", Reason.TEST_TIMEOUT),
        (run(a="pass", b="skip"), GOOD, "fail", Reason.MISSING_CASES),
        (run(a="pass"), GOOD, "fail", Reason.MISSING_CASES),
        (run(), GOOD, "fail", Reason.MISSING_CASES),
        (run(a="fail", b="crash"), GOOD, "fail", Reason.TEST_CRASH),
        (run(a="pass:1", b="pass:x"), run(a="pass:1", b="pass:y"), "fail", Reason.WRONG_RESULT),
        (run(a="pass:1", b="pass:x"), run(a="pass:1", b="pass"), "pass", None),
        (run(a="pass:1", b="pass"), run(a="pass:1", b="pass:x"), "fail", Reason.WRONG_RESULT),
        (run(Step.BUILD, Reason.REJECTS_VALID), GOOD, "fail", Reason.REJECTS_VALID),
        (run(Step.CONFIGURE, Reason.CONFIGURE_FAILED), GOOD, "fail", Reason.CONFIGURE_FAILED),
        (None, run(Step.BUILD, Reason.BUILD_FAILED), "broken", Reason.ORACLE_FAILED),
        (run(Step.BUILD, Reason.REJECTS_VALID), run(Step.BUILD, Reason.BUILD_FAILED), "broken", Reason.ORACLE_FAILED),
        (None, run(a="fail", b="fail"), "broken", Reason.ORACLE_FAILED),
        (run(a="pass", b="fail"), run(a="fail", b="fail"), "broken", Reason.ORACLE_FAILED),
        (None, run(), "error", Reason.NO_TESTS),
        (run(**{"s/completed": "pass"}), run(**{"s/completed": "pass"}), "error", Reason.NO_TESTS),
        (run(), run(), "error", Reason.NO_TESTS),
        (None, run(Step.FETCH, Reason.CHECKSUM), "error", Reason.CHECKSUM),
        (run(Step.BUILD, Reason.DISK_FULL), GOOD, "error", Reason.DISK_FULL),
        (run(Step.BUILD, Reason.PLUGIN_ERROR), GOOD, "error", Reason.PLUGIN_ERROR),
        (run(Step.BUILD, Reason.REJECTS_VALID), run(Step.FETCH, Reason.DOWNLOAD), "error", Reason.DOWNLOAD),
        (
            run(
                made=Provenance(units=3, candidate=2, leaks=(Leak(unit="x.c", how="gcc on PATH"),)), a="pass", b="pass"
            ),
            GOOD,
            "error",
            Reason.LEAK,
        ),
        (run(made=Provenance(), a="pass", b="pass"), GOOD, "error", Reason.NO_UNITS),
        (edited("a.test", "y.c"), edited("y.c"), "error", Reason.SOURCES_CHANGED),
        (edited("y.c"), edited("a.test", "y.c"), "pass", None),
        (
            run(a="pass", **{"s/completed": "pass"}),
            run(a="pass", **{"s/completed": "crash"}),
            "broken",
            Reason.ORACLE_FAILED,
        ),
        (
            run(a="fail", **{"s/completed": "pass"}),
            run(a="pass", **{"s/completed": "crash"}),
            "fail",
            Reason.WRONG_RESULT,
        ),
    ],
)
def test_truth_table(candidate: RunResult | None, oracle: RunResult, kind: str, reason: Reason | None) -> None:
    """Each pair of outcomes has one verdict and one reason."""
    verdict = compare(candidate, oracle)
    assert (verdict.kind, verdict.reason) == (VerdictKind(kind), reason)


class TestCompare:
    """What goes with the verdict."""

    def test_counts_what_was_held_against_what(self) -> None:
        """Only cases that both ran count as compared; the rest is named."""
        verdict = compare(run(a="pass", b="fail", d="pass"), run(a="pass", b="fail", c="pass"))
        assert verdict.compared == 1
        assert [each.name for each in verdict.differences] == ["c"]
        assert verdict.both_fail == ("b",)
        assert verdict.extra == ("d",)

    def test_a_part_is_not_held_against_the_oracle_s_failures(self) -> None:
        """What is run again is the part that has most of them; of all the tests, they make it no measure."""
        outcomes = {"s/a": "pass", "s/b": "fail", "s/c": "fail", "s/completed": "fail"}
        assert compare(run(**outcomes), run(**outcomes)).kind is VerdictKind.BROKEN
        assert compare(run(**outcomes), run(**outcomes), whole=False).kind is VerdictKind.PASS

    def test_a_computed_name_may_be_missing(self) -> None:
        """A case whose name depends on the compiler is noted, not counted against the candidate."""
        verdict = compare(run(a="pass"), run(a="pass", COMPILER_gcc="pass"), lambda name: name.startswith("COMPILER"))
        assert verdict.kind is VerdictKind.PASS
        assert verdict.notes

    def test_not_all_may_be_missing(self) -> None:
        """Where nothing that the oracle passes was run, there is nothing to be green for."""
        verdict = compare(run(a="fail"), run(a="fail", COMPILER_gcc="pass"), lambda name: name.startswith("COMPILER"))
        assert (verdict.kind, verdict.reason) == (VerdictKind.ERROR, Reason.NO_TESTS)

    def test_a_silent_fault_is_not_green(self) -> None:
        """A compiler that said success and made nothing is red, also where the tests did not notice."""
        fault = Fault(reason=Reason.FALSE_SUCCESS, unit="x.c", message="wrote no output")
        good = run(a="pass")
        faulty = good.model_copy(
            update={
                "steps": tuple(
                    s.model_copy(update={"faults": (fault,)}) if s.step is Step.BUILD else s for s in good.steps
                )
            }
        )
        assert compare(faulty, good).reason is Reason.FALSE_SUCCESS
        assert compare(faulty, faulty).kind is VerdictKind.PASS

    def test_a_case_s_own_reason_is_told(self) -> None:
        """Where a format knows better than the outcome does, however many did not run for it; one line of it."""
        dead = TestCase(name="kernel", outcome=CaseOutcome.CRASH, message="Oops\nRIP: 0", reason=Reason.BOOT_FAILURE)
        candidate = run(**{"completed": "timeout"})
        test = candidate.steps[-1].model_copy(update={"cases": CaseTable(others={"kernel": dead})})
        candidate = candidate.model_copy(update={"steps": (*candidate.steps[:-1], test)})
        verdict = compare(candidate, run(files="pass", kernel="pass", pipes="pass"))
        assert (verdict.kind, verdict.reason) == (VerdictKind.FAIL, Reason.BOOT_FAILURE)
        assert verdict.message == "3 of 3 cases differ, first kernel: Oops"
        assert settle(verdict, verdict).reason is Reason.BOOT_FAILURE

    def test_failed_cases_beat_a_leak(self) -> None:
        """A candidate that fails tests is red for that, whatever else leaked."""
        leaky = run(made=Provenance(units=1, candidate=1, leaks=(Leak(unit="x", how="y"),)), a="fail")
        assert compare(leaky, run(a="pass")).kind is VerdictKind.FAIL


class TestSettle:
    """A red cell's second run."""

    RED = compare(run(a="fail", b="pass"), GOOD)

    def test_red_then_green_is_flaky(self) -> None:
        """It passed unchanged."""
        assert settle(self.RED, compare(GOOD, GOOD)).kind is VerdictKind.FLAKY

    def test_red_twice_is_fail(self) -> None:
        """The same case failed both times."""
        assert settle(self.RED, self.RED).kind is VerdictKind.FAIL

    def test_only_what_failed_twice_is_blamed(self) -> None:
        """A case that failed once of two is not listed."""
        both = compare(run(a="fail", b="crash"), GOOD)
        verdict = settle(both, self.RED)
        assert [each.name for each in verdict.differences] == ["a"]
        assert verdict.reason is Reason.WRONG_RESULT
        assert verdict.notes

    def test_never_the_same_case_is_flaky(self) -> None:
        """Two disjoint failures are no reproducible fault."""
        other = compare(run(a="pass", b="fail"), GOOD)
        assert settle(self.RED, other).kind is VerdictKind.FLAKY

    def test_another_step_is_flaky(self) -> None:
        """A build that failed once and tests that failed once are no reproducible fault either."""
        build = compare(run(Step.BUILD, Reason.COMPILER_CRASH), GOOD)
        assert settle(build, self.RED).kind is VerdictKind.FLAKY

    def test_build_red_twice_is_fail(self) -> None:
        """A build that fails both times is red with the first run's reason."""
        build = compare(run(Step.BUILD, Reason.COMPILER_CRASH), GOOD)
        assert settle(build, build) == build

    def test_tests_that_cannot_be_begun_twice_are_fail(self) -> None:
        """Where the step itself fails, before any case: a program that lists its tests and crashes, say."""
        tests = compare(run(Step.TEST, Reason.BUILD_FAILED), GOOD)
        assert (tests.kind, tests.differences) == (VerdictKind.FAIL, ())
        assert settle(tests, tests) == tests
        assert settle(tests, self.RED).kind is settle(self.RED, tests).kind is VerdictKind.FLAKY

    def test_our_own_failure_in_the_second_run_wins(self) -> None:
        """If the second run could not be had, nothing is confirmed."""
        ours = Verdict(kind=VerdictKind.ERROR, reason=Reason.DISK_FULL)
        assert settle(self.RED, ours) == ours
