"""FFmpeg's ``checkasm``, which holds versions of a function against each other: those in assembler and the one in C.

``TEST <name>`` begins a test and ``EXIT <status>`` ends it (``plugins/ffmpeg/checkasm.sh``); between them, indented:

- ``FUNCTION <name> c:ok sse2:ok avx2:failed`` for each function, by our patch, once the test has come to its end;
- ``   <name>_<version> (<file>:<line>)`` where a version first differs;
- ``checkasm: all 12 tests passed`` or ``checkasm: 1 of 12 tests have failed``.

A test is a case, and ``<test>/<function>`` is one for each function with more than one version. Which versions there
are depends on the CPU and on the compiler's assembler, so they have no cases of their own; but ``versions`` is a case
where any function had a second one: a CPU that is not recognised leaves nothing to compare, without a word. A test that
had no function at all is skipped, for checkasm says nothing against a name that it does not know.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import text_of

_TEST: Final = re.compile(rb"TEST (\S+)$")
_EXIT: Final = re.compile(rb"EXIT (\d+)$")
_FUNCTION: Final = re.compile(rb" {4}FUNCTION (.+?)((?: \w+:(?:ok|failed))+)$")
_DETAIL: Final = re.compile(rb" {4} +(\S+) \(.*\)$")
_TOTALS: Final = re.compile(rb" {4}checkasm: (?:\d+ of \d+ tests have failed|all \d+ tests passed)$")
VERSIONS: Final = "versions"
SENT: Final = b"timeout: sending signal "
"""What ``timeout -v`` says when it ends a program."""


@dataclass
class _Test:
    """What was seen of one test."""

    name: str
    functions: dict[str, list[str]] = field(default_factory=dict)  # name -> "version:ok" or "version:failed"
    details: list[str] = field(default_factory=list)
    totals: str = ""
    last: str = ""
    slow: bool = False

    def take(self, line: bytes) -> None:
        """A line between its begin and its end."""
        if match := _FUNCTION.match(line):
            self.functions[text_of(match[1])] = text_of(match[2]).split()
        elif _TOTALS.match(line):
            self.totals = text_of(line).strip()
        elif _DETAIL.match(line):
            self.details.append(text_of(line).strip())
        self.slow |= SENT in line
        self.last = text_of(line).strip() or self.last

    def cases(self, status: int | None) -> Iterator[TestCase]:
        """Its cases; ``status`` is None where the output ends in it."""
        outcome, message = self._ending(status)
        yield TestCase(name=self.name, outcome=outcome, message=message)
        for function, versions in self.functions.items():
            if len(versions) > 1:
                yield self._case(function, versions)

    def _case(self, function: str, versions: list[str]) -> TestCase:
        name = f"{self.name}/{function}"
        wrong = [each.partition(":")[0] for each in versions if not each.endswith(":ok")]
        if not wrong:
            return TestCase(name=name, outcome=CaseOutcome.PASS)
        where = [each for each in self.details if each.split()[0] in {f"{function}_{version}" for version in wrong}]
        message = "\n".join([f"differs from the C version: {' '.join(wrong)}", *where])
        return TestCase(name=name, outcome=CaseOutcome.FAIL, message=message)

    def _ending(self, status: int | None) -> tuple[CaseOutcome, str]:
        if status is None:
            return CaseOutcome.CRASH, f"the output ends in this test, after: {self.last}"
        if (self.slow and status in (124, 137)) or status == 128 + signal.SIGXCPU:
            return CaseOutcome.TIMEOUT, f"it ran out of time, after: {self.last}"
        if status > 128:
            return CaseOutcome.CRASH, f"died of signal {status - 128}, after: {self.last}"
        if status or not self.totals:
            return CaseOutcome.FAIL, "\n".join([f"exit status {status}: {self.totals or self.last}", *self.details[:8]])
        if not self.functions:
            return CaseOutcome.SKIP, "not part of this build"
        return CaseOutcome.PASS, ""


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of each test, in order, and ``versions`` where there were any."""
    several = False
    for test, status in _tests(lines):
        several |= any(len(versions) > 1 for versions in test.functions.values())
        yield from test.cases(status)
    if several:
        yield TestCase(name=VERSIONS, outcome=CaseOutcome.PASS)


def _tests(lines: Iterable[bytes]) -> Iterator[tuple[_Test, int | None]]:
    test: _Test | None = None
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if match := _TEST.match(line):
            if test:
                yield test, None
            test = _Test(text_of(match[1]))
        elif test and (match := _EXIT.match(line)):
            yield test, int(match[1])
            test = None
        elif test:
            test.take(line)
    if test:
        yield test, None
