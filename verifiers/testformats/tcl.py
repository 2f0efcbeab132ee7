"""SQLite's Tcl suite (``test/tester.tcl``): ``name... Ok`` a test, and at the end ``N errors out of M tests``.

What follows is from ``do_test`` and ``finalize_testing`` in tester.tcl:

- ``do_test`` prints ``name...``, runs the test, and then prints `` Ok``, `` Omitted``, or a line end and either
  ``! name expected: [..]`` and ``! name got:      [..]`` or ``Error: ..``. What the test itself or a program that it
  starts prints comes between (``name... (0.07ms)  Ok``), also over several lines.
- A crash leaves ``name...`` at the end of the output.
- M is the number of ``do_test`` calls plus one: ``finalize_testing`` counts itself, and so does the case ``summary``
  here, which passes when M and N are what was seen, and no memory and no file was left behind. So a complete run has
  M cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import passed_maker, text_of

SUMMARY: Final = "summary"
_OK: Final = b"... Ok\n"
_ENDS: Final = (b" Ok\n", b" Omitted\n")
_NESTED: Final = re.compile(rb"[^ ]+\.\.\. ")
_LINES, _MESSAGE = 40, 1000  # lines and characters of a failure that are kept
_TOTALS: Final = re.compile(rb"(\d+) (?:errors|new errors and (\d+) known errors) out of (\d+) tests")
_LEFT: Final = re.compile(rb"\d+ files were left open|Unfreed memory: ")
_GOT: Final = re.compile(rb"! (.*?) (?:expected|got): +\[")


class _Rest:
    """Everything but the plain ``name... Ok`` lines."""

    def __init__(self) -> None:
        self.passed = passed_maker()
        self.open: list[str] = []  # tests that have begun, the innermost last
        self.failing = ""  # a test whose failure is being described
        self.lines: list[str] = []
        self.failed = 0
        self.left = ""
        self.totals: tuple[int, int] | None = None  # errors, tests

    def settle(self) -> Iterator[TestCase]:
        """The failure described by the lines so far, if there is one."""
        if self.failing:
            message = "\n".join(self.lines)[:_MESSAGE]
            yield TestCase(name=self.failing, outcome=CaseOutcome.FAIL, message=message)
            self.failing = ""
            self.failed += 1
            self.lines.clear()

    def feed(self, line: bytes) -> Iterator[TestCase]:
        """One line that is not a plain pass."""
        if match := _GOT.match(line):
            if self.failing != (name := text_of(match[1])):
                yield from self.settle()
                self.failing, self.open = name, []
        elif self.open and line.startswith(b"Error: "):
            yield from self.settle()
            self.failing = self.open.pop()
        elif match := _TOTALS.match(line):
            yield from self.settle()
            self.totals = int(match[1]) + int(match[2] or 0), int(match[3])
        elif _LEFT.match(line):
            self.left = text_of(line)
        elif self.totals is None:
            yield from self.other(line)
        if self.failing and len(self.lines) < _LINES:
            self.lines.append(text_of(line))

    def other(self, line: bytes) -> Iterator[TestCase]:
        """A line before the end that is neither a plain pass nor the first of a failure."""
        name, dots, said = line.partition(b"...")
        if dots and _NESTED.match(said):  # a test that runs another one
            self.open.append(text_of(name))
            name, dots, said = said.partition(b"...")
        if said.endswith(_ENDS) or (line.endswith(_ENDS) and self.open):
            yield from self.settle()
            ended = text_of(name) if dots else self.open.pop()
            if line.endswith(b" Ok\n"):
                yield self.passed(ended, "")
            else:
                yield TestCase(name=ended, outcome=CaseOutcome.SKIP, message="omitted")
        elif dots and (b" " not in name or (said in (b"", b"\n") and not self.open)):
            yield from self.settle()
            self.open = [text_of(name)]
        elif line.startswith(b"Time: "):
            yield from self.settle()


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of a run of ``testfixture``, and ``summary``."""
    rest = _Rest()
    passed = rest.passed
    count = 0
    for line in lines:
        if line.endswith(_OK) and line.find(b"...") == len(line) - 7 and not rest.failing:
            count += 1
            yield passed(line[:-7].decode("utf-8", "backslashreplace"), "")
        else:
            for case in rest.feed(line):
                count += 1
                yield case
    yield from _end(rest, count)


def _end(rest: _Rest, count: int) -> Iterator[TestCase]:
    for case in rest.settle():
        count += 1
        yield case
    if rest.totals is None:
        if rest.open:
            yield TestCase(name=rest.open[-1], outcome=CaseOutcome.CRASH, message="the output ends in this test")
        return
    errors, tests = rest.totals
    problem = rest.left
    if tests != count + 1:
        problem = f"the summary counts {tests} tests, itself included, but {count + 1} were seen"
    elif errors != rest.failed:
        problem = f"the summary counts {errors} errors, but {rest.failed} were seen"
    if problem:
        yield TestCase(name=SUMMARY, outcome=CaseOutcome.FAIL, message=problem)
    else:
        yield rest.passed(SUMMARY, "")
