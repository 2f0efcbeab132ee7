"""TAP, the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html): ``ok 1 - name``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from verifiers.results import CaseOutcome, TestCase

_LINE = re.compile(rb"(not )?ok\b(?:\s+(\d+))?(?:\s*-)?\s*(.*?)(?:\s+#\s*(\w+)\S*\s*(.*))?$")
_PLAN = re.compile(rb"1\.\.(\d+)\s*(?:#.*)?$")


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """Cases of a TAP stream; a plan that is not kept is a failing case of its own.

    A case is named by its description, or by its number where it has none. ``# SKIP`` is skipped; a ``# TODO`` that
    fails is skipped too, for the project expects it.
    """
    planned: int | None = None
    count = 0
    for raw in lines:
        line = raw.strip()
        if plan := _PLAN.match(line):
            planned = int(plan[1])
        elif found := _LINE.match(line):
            count += 1
            failed, number, description, directive, why = found.groups()
            name = (description or number or str(count).encode()).decode("utf-8", "backslashreplace")
            word = (directive or b"").upper()
            outcome = CaseOutcome.FAIL if failed else CaseOutcome.PASS
            if word == b"SKIP" or (word == b"TODO" and failed):
                outcome = CaseOutcome.SKIP
            yield TestCase(name=name, outcome=outcome, message=(why or b"").decode("utf-8", "replace"))
        elif line.startswith(b"Bail out!"):
            yield TestCase(name="bail-out", outcome=CaseOutcome.FAIL, message=line.decode("utf-8", "replace"))
    if planned is not None and planned != count:
        yield TestCase(name="plan", outcome=CaseOutcome.FAIL, message=f"{count} of {planned} planned tests ran")
