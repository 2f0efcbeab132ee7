"""SQLite's ``threadtest3``: ``Running NAME for N seconds...`` a test, then its threads' reports, then a summary.

``Error: (CODE) "TEXT" at line N`` is a failure of the test that runs; ``Warning:`` is not. What the threads report
(numbers of iterations) depends on the machine. From ``test/threadtest3.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import text_of

_BEGIN: Final = re.compile(rb"Running (\S+) for \d+ seconds\.\.\.")
_TOTALS: Final = re.compile(rb"(\d+) errors out of (\d+) tests")


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The tests of a run; the last one fails when the summary is missing or does not agree."""
    name = error = ""
    tests = errors = 0
    totals: tuple[int, int] | None = None
    for line in lines:
        if match := _BEGIN.match(line):
            if name:
                yield _case(name, error)
            name, error = text_of(match[1]), ""
            tests += 1
        elif line.startswith(b"Error: "):
            error = error or text_of(line)
            errors += 1
        elif match := _TOTALS.match(line):
            totals = int(match[1]), int(match[2])
    if not name:
        return
    if totals is None:
        yield TestCase(name=name, outcome=CaseOutcome.CRASH, message=error or "the output ends in this test")
        return
    if totals != (errors, tests):
        told = f"the summary says {totals[0]} errors out of {totals[1]} tests"
        error = error or f"{errors} errors in {tests} tests were seen, but {told}"
    yield _case(name, error)


def _case(name: str, error: str) -> TestCase:
    return TestCase(name=name, outcome=CaseOutcome.FAIL if error else CaseOutcome.PASS, message=error)
