"""Automake's ``make check`` (https://www.gnu.org/software/automake/manual/html_node/Scripts_002dbased-Testsuites.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from verifiers.results import CaseOutcome, TestCase

_LINE = re.compile(rb"(PASS|FAIL|XFAIL|XPASS|SKIP|ERROR): (\S.{0,500})")
_TOTAL = re.compile(rb"# TOTAL: +(\d+)")
_OUTCOMES = {
    b"PASS": CaseOutcome.PASS,
    b"FAIL": CaseOutcome.FAIL,
    b"XFAIL": CaseOutcome.SKIP,  # it failed, as the project expects it to
    b"XPASS": CaseOutcome.FAIL,
    b"SKIP": CaseOutcome.SKIP,
    b"ERROR": CaseOutcome.CRASH,
}


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """One case for each ``RESULT: name`` line, and ``summary``, which fails, where the totals count otherwise.

    There is a ``# TOTAL:`` a folder with tests, and none with Automake's older, serial harness.
    """
    seen = 0
    totals: list[int] = []
    for line in lines:
        if found := _LINE.match(line):
            seen += 1
            name = found[2].decode("utf-8", "backslashreplace").strip()
            yield TestCase(name=name, outcome=_OUTCOMES[found[1]])
        elif total := _TOTAL.match(line):
            totals.append(int(total[1]))
    if totals and sum(totals) != seen:
        message = f"{seen} tests were seen, but the summary counts {sum(totals)}"
        yield TestCase(name="summary", outcome=CaseOutcome.FAIL, message=message)
