"""TAP."""

from __future__ import annotations

from verifiers.results import CaseOutcome
from verifiers.testformats.tap import parse

STREAM = b"""TAP version 14
1..6
ok 1 - first
not ok 2 - second
ok 3
ok 4 - fourth # SKIP no network
not ok 5 - fifth # TODO not yet
  noise ok
"""


class TestParse:
    """A stream's cases."""

    def test_cases(self) -> None:
        """Names, numbers, directives, and a plan that was not kept."""
        cases = {case.name: case.outcome for case in parse(STREAM.splitlines(keepends=True))}
        assert cases == {
            "first": CaseOutcome.PASS,
            "second": CaseOutcome.FAIL,
            "3": CaseOutcome.PASS,
            "fourth": CaseOutcome.SKIP,
            "fifth": CaseOutcome.SKIP,
            "plan": CaseOutcome.FAIL,
        }

    def test_bail_out(self) -> None:
        """A suite that gives up fails."""
        (case,) = parse([b"Bail out! no database\n"])
        assert case.outcome is CaseOutcome.FAIL

    def test_a_line_without_end(self) -> None:
        """What a miscompiled program prints costs no more than its length."""
        (case,) = parse([b"ok 1 - " + b" " * 5_000_000 + b"x\n"])
        assert case.name == "1"

    def test_nothing(self) -> None:
        """No line, no case."""
        assert list(parse([])) == []


def test_words_that_only_begin_like_a_directive() -> None:
    """A failure is no skip for its name: a case that is skipped on both sides is held against nobody."""
    for name in (b"add #skiplist", b"move #todos", rb"a \# skip"):
        (case,) = parse([b"not ok 1 - " + name])
        assert (case.name, case.outcome) == (name.decode(), CaseOutcome.FAIL)
