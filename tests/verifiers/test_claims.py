"""Remarks on failing cases, and how much of what a compiler claims passes."""

from __future__ import annotations

from plugins.csmith import Csmith
from plugins.gcc_torture import GccTorture
from plugins.sqlite import Sqlite
from verifiers.claims import remarked, share
from verifiers.report.alike import lines
from verifiers.report.wording import passes
from verifiers.results import (
    CaseOutcome,
    CaseTable,
    CompilerInfo,
    Difference,
    RunResult,
    Share,
    Step,
    StepResult,
    Verdict,
    VerdictKind,
)

CASES = ("execute/nestfunc-1.c/-O2", "execute/920302-1.c/-O2", "execute/20000112-1.c/-O2", "execute-001/completed")
GCC = CompilerInfo(name="gcc", family="gcc", version="12", fingerprint="", command=())
ORACLE = RunResult(
    compiler=GCC, steps=(StepResult(step=Step.TEST, ok=True, cases=CaseTable(passed=dict.fromkeys(CASES, "-"))),)
)


def verdict(*names: str) -> Verdict:
    """A comparison in which these cases differ."""
    differences = (
        Difference(name=name, oracle=CaseOutcome.PASS, candidate=CaseOutcome.FAIL, message="rejects-valid: no")
        for name in names
    )
    return Verdict(kind=VerdictKind.FAIL, differences=tuple(differences), compared=3)


class TestShare:
    def test_what_it_does_not_claim(self) -> None:
        """A test of a feature that the compiler does not claim counts among all, and not among those claimed."""
        found = share(verdict(CASES[0]), ORACLE, GccTorture(), ("nested-function",))
        assert found == Share(total=3, passed=2, claimed=2, claimed_passed=2, lacks=("nested-function",))
        assert passes(found) == "66.6 % of 3 pass, 100 % of the 2 it claims to support (not nested-function)"

    def test_what_it_does_claim(self) -> None:
        """A failure that nothing excuses counts in both."""
        found = share(verdict(CASES[2]), ORACLE, GccTorture(), ("nested-function",))
        assert found == Share(total=3, passed=2, claimed=2, claimed_passed=1, lacks=("nested-function",))

    def test_nearly_all(self) -> None:
        """What is not all is never called 100 %."""
        assert passes(Share(total=10_000, passed=9_999, claimed=0, claimed_passed=0)) == "99.9 % of 10,000 pass"

    def test_other_projects(self) -> None:
        """Only a compiler's own suite has a share."""
        assert share(verdict(CASES[0]), ORACLE, Sqlite(), ("nested-function",)) is None


class TestRemarks:
    def test_of_features(self) -> None:
        """Where failures are listed it is said what they need."""
        found = remarked(verdict(*CASES[:1] * 4), GccTorture())
        assert "nested-function" in found.differences[0].note
        assert found.differences[0].note.startswith("needs ")
        assert found.differences[0].note in lines(found.differences, "x")[1]

    def test_of_seeds(self) -> None:
        """A generated program's is the command that makes it."""
        (found,) = remarked(verdict("seed-7/-O0"), Csmith()).differences
        assert found.note == "csmith --seed 7 --output seed-7.c"
