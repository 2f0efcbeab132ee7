"""TAP, the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html): ``ok 1 - name``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from verifiers.results import CaseOutcome, TestCase

_LINE = re.compile(rb"(not )?ok\b(?: +(\d+)\b)?(?: *-(?: |$))?(.*)")
_DIRECTIVE = re.compile(rb"(?<!\\)#\s*(skip|todo)\b:?\s*(.*)", re.IGNORECASE)  # as Perl's TAP::Parser has it
_LONGEST = 4096  # bytes of a line that are looked at: a miscompiled program may print anything
_PLAN = re.compile(rb"1\.\.(\d+)\s*(?:#.*)?$")


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """Cases of a TAP stream; a plan that is not kept is a failing case of its own.

    A case is named by its description, or by its number where it has none. ``# SKIP`` is skipped; a ``# TODO`` that
    fails is skipped too, for the project expects it.
    """
    planned: int | None = None
    count = 0
    for raw in lines:
        line = raw[:_LONGEST].strip()
        if plan := _PLAN.match(line):
            planned = int(plan[1])
        elif found := _LINE.match(line):
            count += 1
            failed, number, rest = found.groups()
            directive = _DIRECTIVE.search(rest)
            description = (rest[: directive.start()] if directive else rest).strip()
            word, why = (directive[1].upper(), directive[2]) if directive else (b"", b"")
            name = (description or number or str(count).encode()).decode("utf-8", "backslashreplace")
            outcome = CaseOutcome.FAIL if failed else CaseOutcome.PASS
            if word == b"SKIP" or (word == b"TODO" and failed):
                outcome = CaseOutcome.SKIP
            yield TestCase(name=name, outcome=outcome, message=why.decode("utf-8", "replace"))
        elif line.startswith(b"Bail out!"):
            yield TestCase(name="bail-out", outcome=CaseOutcome.FAIL, message=line.decode("utf-8", "replace"))
    if planned is not None and planned != count:
        yield TestCase(name="plan", outcome=CaseOutcome.FAIL, message=f"{count} of {planned} planned tests ran")
