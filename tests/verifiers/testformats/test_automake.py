"""Automake's parallel test harness."""

from __future__ import annotations

from verifiers.results import CaseOutcome
from verifiers.testformats.automake import parse

OUTPUT = b"""make  check-TESTS
PASS: tests/hello-1
FAIL: tests/greeting-1
XFAIL: tests/last-1
XPASS: tests/last-2
SKIP: tests/nls-1
ERROR: tests/setup-1
============================================================================
# TOTAL: 6
# PASS:  1
"""


class TestParse:
    """A ``make check``."""

    def test_cases(self) -> None:
        """Every result word; the summary is no case."""
        assert {case.name: case.outcome for case in parse(OUTPUT.splitlines(keepends=True))} == {
            "tests/hello-1": CaseOutcome.PASS,
            "tests/greeting-1": CaseOutcome.FAIL,
            "tests/last-1": CaseOutcome.SKIP,
            "tests/last-2": CaseOutcome.FAIL,
            "tests/nls-1": CaseOutcome.SKIP,
            "tests/setup-1": CaseOutcome.CRASH,
        }

    def test_a_program_that_speaks_for_others(self) -> None:
        """What looks like a result and is none of the harness's is not counted by it; so is one that was lost."""
        assert "summary" not in {case.name for case in parse((OUTPUT * 2).splitlines(keepends=True))}
        for output, seen in (
            (b"PASS: tests/last-3\n" + OUTPUT, 7),
            (OUTPUT.replace(b"FAIL: tests/greeting-1\n", b""), 5),
        ):
            *_, summary = parse(output.splitlines(keepends=True))
            assert (summary.name, summary.outcome) == ("summary", CaseOutcome.FAIL)
            assert summary.message == f"{seen} tests were seen, but the summary counts 6"
