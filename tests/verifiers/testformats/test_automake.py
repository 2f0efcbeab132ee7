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
