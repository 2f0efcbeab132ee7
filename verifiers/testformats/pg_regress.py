"""PostgreSQL's ``pg_regress`` and ``pg_isolation_regress``, before 16 in words of their own and since 16 as TAP.

What follows is from ``src/test/regress/pg_regress.c``:

- 15 prints ``test NAME ... ok  12 ms``, and behind ``parallel group (20 tests):  …`` a line ``     NAME ... ok  9 ms``
  each. In place of ``ok`` there may be ``FAILED``; ``failed (ignored)`` is a failure that the schedule
  allows; a psql that did not exit with 0 is noted behind it in parentheses. It ends with `` All 217 tests passed. ``
  or `` 2 of 217 tests failed. `` and the like.
- 16 and later print ``ok 1         - NAME  12 ms`` (``+`` in a parallel group) or ``not ok …``, what is to be said of
  psql in a ``#`` line that follows, and ``# All 222 tests passed.`` or ``# 2 of 222 tests failed.``. TAP's directives
  do not occur.
- psql exits with 2 when it loses its server.

A run without that last line, or one that counts otherwise, makes the run's last test fail: so a whole run has as many
cases as it says. ``make check`` heads each run with ``+++ regress check in contrib/hstore +++``; in a module that has
both kinds, the cases of its isolation tests are named ``isolation/NAME``.

What may follow is made a message of the tests that it is about: the differences (``regression.diffs``), and the
server's own word on a crash (``terminated by signal`` and ``Failed process was running`` of its log).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import text_of

_HEADING: Final = re.compile(rb"(?:# )?\+\+\+ (regress|isolation) (?:install-)?check in (\S+) \+\+\+")
_OLD: Final = re.compile(rb"(?:test| {4}) (\S+) +\.\.\. (ok|FAILED|failed \(ignored\))(.*) \d+ ms$")
_NEW: Final = re.compile(rb"(ok|not ok) \d+ +[-+] (\S+) +\d+ ms$")
_PSQL: Final = re.compile(
    rb"\(test process (exited with exit code|was terminated by|exited with unrecognized)(?: (\d+))?.*\)"
)
_SUMMARY: Final = re.compile(
    rb"(?:# )? ?(?:All (?P<all>\d+) tests passed|\d+ of (?P<of>\d+) tests passed, (?P<forgiven>\d+) failed test"
    rb"|(?P<failed>\d+) of (?P<among>\d+) tests failed)"
)
_DIFF: Final = re.compile(rb"diff -\S.* (\S+)$")
_DIED: Final = re.compile(rb"server process \(PID \d+\) (was terminated by signal .*)")
_RUNNING: Final = re.compile(rb"DETAIL:  Failed process was running: (.*)")
_LONGEST: Final = 4096  # bytes of a line that are looked at: a miscompiled program may print anything
_LINES, _WIDTH = 6, 160  # lines of a difference that are kept, of either side, and characters of each


@dataclass
class _Test:
    name: str
    outcome: CaseOutcome
    failed: bool  # as pg_regress counts it
    message: str = ""


@dataclass
class _Run:
    """What one pg_regress printed."""

    prefix: str = ""
    tests: list[_Test] = field(default_factory=list)
    counted: tuple[int, int] | None = None  # failures and tests, by the last line
    differences: dict[str, list[str]] = field(default_factory=dict)  # test -> lines

    def take(self, word: bytes, name: bytes, remark: bytes = b"") -> None:
        """A test's result."""
        failed = word in (b"FAILED", b"failed (ignored)", b"not ok")
        self.tests.append(_Test(text_of(name), CaseOutcome.FAIL if failed else CaseOutcome.PASS, failed))
        if psql := _PSQL.search(remark):
            self.ended(psql)

    def ended(self, psql: re.Match[bytes]) -> None:
        """How the last test's psql ended, which was not well, whatever it had printed until then."""
        test = self.tests[-1]
        lost = psql[1] == b"was terminated by" or psql[2] == b"2"
        test.outcome = CaseOutcome.CRASH if lost else CaseOutcome.FAIL
        test.message = text_of(psql[0])

    def sums_up(self, match: re.Match[bytes]) -> None:
        """The last line's numbers."""
        total = match["all"] or match["of"] or match["among"]
        self.counted = int(match["forgiven"] or match["failed"] or 0), int(total)

    def ending(self) -> str:
        """What is wrong with the run's end; empty where it is well."""
        if self.counted is None:
            return "the run did not come to its end"
        seen = sum(test.failed for test in self.tests), len(self.tests)
        if seen != self.counted:
            return (
                f"{seen[0]} failures of {seen[1]} tests were seen, but it counts {self.counted[0]} of {self.counted[1]}"
            )
        return ""

    def cases(self, crash: str) -> Iterator[TestCase]:
        """Its tests, in order."""
        if self.tests and (wrong := self.ending()):
            last = self.tests[-1]
            last.outcome = CaseOutcome.CRASH if self.counted is None else CaseOutcome.FAIL
            last.message = f"{wrong}; {last.message}".rstrip("; ")
        for test in self.tests:
            message = test.message
            if test.outcome is CaseOutcome.CRASH:
                message = f"{message} {crash}".strip()
            if test.outcome is not CaseOutcome.PASS:
                message = "\n".join([*([message] if message else []), *self.differences.get(test.name, ())])
            yield TestCase(name=self.prefix + test.name, outcome=test.outcome, message=message)


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """One case for each test of the runs in the output; ``failed (ignored)`` is a failure here."""
    runs = [_Run()]
    crash = ""
    difference: list[str] | None = None
    for raw in lines:
        line = raw[:_LONGEST].rstrip()
        run = runs[-1]
        if difference is not None and line[:1] in (b"+", b"-", b" ", b"@") and not _HEADING.match(line):
            if _tells(line) and sum(other.startswith(line[:1].decode()) for other in difference) < _LINES:
                difference.append(text_of(line)[:_WIDTH])
        elif match := _DIFF.match(line):
            name = text_of(match[1]).rpartition("/")[2].removesuffix(".out")
            difference = run.differences.setdefault(name, [])
        elif match := _HEADING.match(line):
            module = match[2].rpartition(b"/")[2]
            apart = match[1] == b"isolation" and module != b"isolation"
            runs.append(_Run("isolation/" if apart else ""))
            difference = None
        elif match := _NEW.match(line):
            run.take(match[1], match[2])
        elif match := _OLD.match(line):
            run.take(match[2], match[1], match[3])
        elif run.tests and line.startswith(b"#") and (match := _PSQL.search(line)):
            run.ended(match)
        elif match := _SUMMARY.match(line):
            run.sums_up(match)
        elif match := _DIED.search(line):
            crash = crash or f"the server's process {text_of(match[1])}"
        elif (match := _RUNNING.search(line)) and crash and "running" not in crash:
            crash += f", running: {text_of(match[1])[:_WIDTH]}"
    for run in runs:
        yield from run.cases(crash)


def _tells(line: bytes) -> bool:
    """Whether a line of a unified diff is a line that differs."""
    return line[:1] in (b"+", b"-") and not line.startswith((b"+++ /", b"--- /"))
