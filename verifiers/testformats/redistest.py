"""Redis' own tests: ``runtest`` (Tcl), one unit file a run, and ``redis-server test all``.

``runtest`` (``tests/test_helper.tcl``) prints what its clients report, a line a test, and of tests that several
clients run side by side it does not say which file each is from. So it has to be run with ``--clients 1 --single
UNIT``, a run a file; then the suite's name is the file's, and the order is the file's own.

- ``[ok]: NAME (N ms)``; ``[skip]: NAME``; ``[ignore]: NAME: REASON``, or the reason alone for a group of tests.
- ``[err]: NAME in tests/FILE.tcl``, then what was expected, over several lines. Errors that are no test's (a server
  that did not start, a sanitizer's report) have no `` in tests/...``.
- ``[exception]: ...`` is an error that no test expects, such as a server that died. It ends the run.
- ``[TIMEOUT]: ...`` ends it too, when there was no progress; then comes what each client was doing.
- ``[1/1 done]: UNIT (N seconds)``, and last ``All tests passed without errors!`` or a list of the failed tests.

A case ``summary`` passes when that end was reached and says what was seen before. A unit without any test has it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import text_of

SUMMARY: Final = "summary"
_LINE: Final = re.compile(rb"\[(ok|err|skip|ignore|exception|TIMEOUT|ready|\d+/\d+ done)\]: (.*)")
_MILLISECONDS: Final = re.compile(r" \(\d+ ms\)$")
_FILE: Final = re.compile(r" in tests/\S+\.tcl$")
_WHY_IGNORED: Final = re.compile(
    r"(?:(.*): )?(Tag: .+ denied|Tag: none of the tags allowed|[Ll]arge memory .*|Not supp.*)$"
)
_DOING: Final = re.compile(rb"\S+ => \(IN PROGRESS\) (.*)")
_CRASH: Final = re.compile(rb"(?:Redis \S+ crashed by signal: \d+|=== ASSERTION FAILED|Guru Meditation: ).*")
_COLOUR: Final = re.compile(rb"\x1b\[[\d;]*m")
_LINES, _MESSAGE = 40, 2000  # lines and characters of a failure that are kept


class _Run:
    """What was seen of a run so far."""

    def __init__(self) -> None:
        self.open = ""  # a failed test whose description goes on
        self.outcome = CaseOutcome.FAIL
        self.lines: list[str] = []
        self.failed = 0
        self.listed = 0  # failed tests in the list at the end
        self.done = self.passed = self.warned = False
        self.last = ""  # the last test that ended
        self.crash = ""  # what a server's crash report says first

    def begin(self, name: str, outcome: CaseOutcome, line: str) -> None:
        """A failure, which the lines after it describe."""
        self.open, self.outcome, self.lines = name, outcome, [line] if line else []
        self.failed += 1

    def settle(self) -> Iterator[TestCase]:
        """The failure that has been described, if there is one."""
        if self.open:
            message = "\n".join(self.lines)[:_MESSAGE]
            yield TestCase(name=self.open, outcome=self.outcome, message=message)
            self.open = ""

    @property
    def problem(self) -> str:
        """Why the end is not the one that belongs to what was seen; "" where it is."""
        if not (self.passed or self.warned):
            return "the output ends without the summary"
        if not self.done:
            return "the unit did not come to its end"
        if self.passed and self.failed:
            return f"all tests are said to have passed, but {self.failed} failed"
        if self.warned and self.listed != self.failed:
            return f"the summary names {self.listed} failed tests, but {self.failed} were seen"
        return ""


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of one unit's run, and ``summary``."""
    run = _Run()
    for raw in lines:
        line = _COLOUR.sub(b"", raw) if b"\x1b" in raw else raw
        if run.passed or run.warned:
            run.listed += line.startswith(b"*** ")
        elif found := _LINE.match(line):
            yield from run.settle()
            yield from _result(run, found[1].decode(), text_of(found[2]))
        elif line.startswith((b"\\o/ All tests passed", b"!!! WARNING The following tests failed")):
            yield from run.settle()
            run.passed, run.warned = line[:1] == b"\\", line[:1] == b"!"
        elif doing := _DOING.match(line):
            yield from run.settle()
            yield TestCase(name=text_of(doing[1]), outcome=CaseOutcome.TIMEOUT, message="no progress")
        elif crash := _CRASH.search(line):
            run.crash = run.crash or text_of(crash[0])
        elif run.open and len(run.lines) < _LINES:
            run.lines.append(text_of(line))
    yield from run.settle()
    problem = run.problem
    yield TestCase(name=SUMMARY, outcome=CaseOutcome.FAIL if problem else CaseOutcome.PASS, message=problem)


def _result(run: _Run, word: str, rest: str) -> Iterator[TestCase]:
    if word == "ok":
        run.last = _MILLISECONDS.sub("", rest)
        yield TestCase(name=run.last, outcome=CaseOutcome.PASS)
    elif word == "err":
        test = _FILE.search(rest)
        run.begin(rest[: test.start()] if test else "error", CaseOutcome.FAIL, "" if test else rest)
    elif word == "exception":
        context = f"{f'{run.crash}; ' if run.crash else ''}after the test {run.last!r}: "
        run.begin("exception", CaseOutcome.CRASH, context + rest)
    elif word == "skip":
        yield TestCase(name=rest, outcome=CaseOutcome.SKIP, message="not to be run")
    elif word == "ignore":
        why = _WHY_IGNORED.match(rest)
        name, reason = (why[1] or f"ignored: {why[2]}", why[2]) if why else (rest, "ignored")
        yield TestCase(name=name, outcome=CaseOutcome.SKIP, message=reason)
    elif word == "TIMEOUT":
        run.begin("timeout", CaseOutcome.TIMEOUT, rest)
    elif word.endswith("done"):
        run.done = True


_UNIT: Final = re.compile(rb"\[(ok|failed)\] Test - (\S+)")
_TOTALS: Final = re.compile(rb"(\d+) tests, (\d+) passed, (\d+) failed")
_CONDITION: Final = re.compile(rb"\d+ - .*: FAILED")


def parse_unit_tests(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of ``redis-server test all`` (built with ``-DREDIS_TEST``), and ``summary``.

    Its end is a line ``[ok] Test - NAME`` or ``[failed] Test - NAME`` a module and ``N tests, N passed, N failed``.
    Before it the modules print what they like, among it ``N - NAME: FAILED``; some end the program then.
    """
    names: dict[str, bool] = {}
    problems: list[str] = []
    totals: tuple[int, ...] = ()
    for line in lines:
        if found := _UNIT.match(line):
            names[text_of(found[2])] = found[1] == b"ok"
        elif counted := _TOTALS.match(line):  # a module's own, too
            totals = tuple(map(int, counted.groups())) if names else ()
        elif _CONDITION.match(line) and len(problems) < _LINES:
            problems.append(text_of(line))
    for name, passed in names.items():
        yield TestCase(name=name, outcome=CaseOutcome.PASS if passed else CaseOutcome.FAIL)
    good = sum(names.values())
    if totals != (len(names), good, len(names) - good):
        problems.insert(0, f"the summary {f'counts {totals}' if totals else 'is missing'}, but {len(names)} ended")
    outcome = CaseOutcome.FAIL if problems else CaseOutcome.PASS
    yield TestCase(name=SUMMARY, outcome=outcome, message="\n".join(problems)[:_MESSAGE])
