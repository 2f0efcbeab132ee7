"""SQLite's ``sessionfuzz run -v FILE``: ``FILE/NAME: Ok.  rc=N`` a case, then ``FILE:  N cases, 0 crashes``.

A case passes when ``sqlite3changeset_apply`` returns at all; its result code N is the digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import passed_maker, text_of

_CASE: Final = re.compile(rb"[^/]+/(.+?):(?: Ok\.  rc=(-?\d+))?")
_TOTALS: Final = re.compile(rb".*: +(\d+) cases, (\d+) crashes")


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of a run; the last one fails when the summary is missing or counts otherwise."""
    passed = passed_maker()
    last: TestCase | None = None
    count = 0
    problem = "the output ends without the summary"
    for line in lines:
        if totals := _TOTALS.match(line):
            ran, crashes = int(totals[1]), int(totals[2])
            told = f"{count} cases were seen, but the summary says {ran} cases, {crashes} crashes"
            problem = told if crashes or ran != count else ""
        elif match := _CASE.match(line):
            if last:
                yield last
            count += 1
            name = text_of(match[1])
            if match[2] is None:
                last = TestCase(name=name, outcome=CaseOutcome.CRASH, message="the output ends in this case")
            else:
                last = passed(name, f"rc={match[2].decode()}")
    if last:
        worse = problem and last.outcome is CaseOutcome.PASS
        yield TestCase(name=last.name, outcome=CaseOutcome.FAIL, message=problem) if worse else last
