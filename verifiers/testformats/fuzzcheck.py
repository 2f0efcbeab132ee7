"""SQLite's ``fuzzcheck -v -v -v --result-trace FILE.db``: a line ``sqlid=N[,dbid=N]`` a case, then all it printed.

``fuzzcheck`` itself only looks for crashes, failed assertions and memory leaks. Here each case's digest is the hash of
its trace (every statement, error message and result row), so that a wrong result is seen too, and which case gave it.

The output ends with ``fuzzcheck: 0 errors out of N tests in S seconds``; any fault ends the program before. So a last
case that this line does not follow, or does not count, has not passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import digest_of, passed_maker, text_of

_CASE: Final = re.compile(rb"sqlid=\d+(?:,dbid=\d+)?$")
_TOTALS: Final = re.compile(rb"fuzzcheck: (\d+) errors out of (\d+) tests")
_FAULT: Final = re.compile(rb"\S*fuzzcheck\S*(?: \S+)?(?: \(sqlid=\d+(?:,dbid=\d+)?\))?: ")
_LEAK: Final = re.compile(rb"(?i)memory leak")
_ADDRESS: Final = re.compile(rb"\bvtab:[0-9A-F]+")  # EXPLAIN's p4 of a virtual table is a pointer
_MEMORY: Final = re.compile(rb"^Peak memory usages: .*\n", re.MULTILINE)  # what malloc makes of it, by compiler
# What SQLite finds in a corrupt file depends on what a failed read left in a reused buffer, such as bytes of heap
# addresses: one and the same program answers now so, now so. Such cases must pass, but their output is not compared.
_CORRUPT: Final = re.compile(
    rb"malformed|On (?:tree )?page|btreeInitPage|Freelist|Fragmentation|out of order|never used|2nd reference"
    rb"|not a database|corrupt"
)
_DIED: Final = (b": segfault", b": abort", b": signal")


def parser(volatile: Container[str] = frozenset()) -> Callable[[Iterable[bytes]], Iterator[TestCase]]:
    """A parser that leaves the digest of the cases named in ``volatile`` empty."""

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        return _parse(lines, volatile)

    return parse


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of a run over one file, all with a digest."""
    return _parse(lines, frozenset())


def _parse(lines: Iterable[bytes], volatile: Container[str]) -> Iterator[TestCase]:
    passed = passed_maker()
    name = ""
    count = 0
    totals: tuple[int, int] | None = None
    trace: list[bytes] = []
    append = trace.append
    for line in lines:
        if line[:6] == b"sqlid=" and _CASE.match(line):
            if name:
                yield passed(name, "" if name in volatile else _digest(trace))
            trace.clear()
            name = line[:-1].decode()
            count += 1
        elif line[:11] == b"fuzzcheck: " and (match := _TOTALS.match(line)):
            totals = int(match[1]), int(match[2])
        elif totals is None and line[:11] != b"fuzzcheck: ":
            append(line)
    if not name:
        return
    outcome, message = _ending(trace, totals, count)
    if outcome is CaseOutcome.PASS:
        yield passed(name, "" if name in volatile else _digest(trace))
    else:
        yield TestCase(name=name, outcome=outcome, message=message)


def _digest(trace: list[bytes]) -> str:
    output = b"".join(trace)
    if _CORRUPT.search(output):
        return ""
    if b"vtab:" in output:
        output = _ADDRESS.sub(b"vtab:P", output)
    if b"Peak memory" in output:
        output = _MEMORY.sub(b"", output)
    return digest_of(output)


def _ending(trace: list[bytes], totals: tuple[int, int] | None, count: int) -> tuple[CaseOutcome, str]:
    """What the last case came to, which is known from what follows it."""
    if totals is None:
        for line in reversed(trace):
            if _LEAK.search(line):
                return CaseOutcome.FAIL, text_of(line)
            if _FAULT.match(line):
                died = line.rstrip().endswith(_DIED)
                return CaseOutcome.CRASH if died else CaseOutcome.FAIL, text_of(line)
        return CaseOutcome.CRASH, "the output ends in this case"
    errors, tests = totals
    if errors or tests != count:
        return CaseOutcome.FAIL, f"{count} cases began, but the summary says {errors} errors out of {tests} tests"
    return CaseOutcome.PASS, ""
