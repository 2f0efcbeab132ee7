"""Automake's ``make check`` (https://www.gnu.org/software/automake/manual/html_node/Scripts_002dbased-Testsuites.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from verifiers.results import CaseOutcome, TestCase

_LINE = re.compile(rb"(PASS|FAIL|XFAIL|XPASS|SKIP|ERROR): (\S.{0,500})")
_OUTCOMES = {
    b"PASS": CaseOutcome.PASS,
    b"FAIL": CaseOutcome.FAIL,
    b"XFAIL": CaseOutcome.SKIP,  # it failed, as the project expects it to
    b"XPASS": CaseOutcome.FAIL,
    b"SKIP": CaseOutcome.SKIP,
    b"ERROR": CaseOutcome.CRASH,
}


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """One case for each ``RESULT: name`` line; the summary's ``# PASS:  9`` is none."""
    for line in lines:
        if found := _LINE.match(line):
            name = found[2].decode("utf-8", "backslashreplace").strip()
            yield TestCase(name=name, outcome=_OUTCOMES[found[1]])
