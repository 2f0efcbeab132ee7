"""FATE, on recorded output of FFmpeg 5.1.9 whose vf_unsharp was spoilt in three ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats import fate

RECORDED = Path(__file__).parents[3] / "plugins" / "ffmpeg" / "recorded"


def lines(log: str) -> list[bytes]:
    return (RECORDED / log).read_bytes().splitlines(keepends=True)


def by_name(log: str) -> dict[str, TestCase]:
    return {case.name: case for case in fate.parse(lines(log))}


class TestFate:
    @pytest.mark.parametrize(
        ("log", "outcome", "says"),
        [
            ("fate-wrong.log", CaseOutcome.FAIL, "exit status 1"),
            ("fate-crash.log", CaseOutcome.CRASH, "died of SIGSEGV"),
            ("fate-hang.log", CaseOutcome.TIMEOUT, "it ran out of time"),
        ],
    )
    def test_how_a_test_ends(self, log: str, outcome: CaseOutcome, says: str) -> None:
        """The spoilt filter's test, and no other."""
        found = by_name(log)
        spoilt = found.pop("filter-unsharp")
        assert (spoilt.outcome, spoilt.message.splitlines()[0]) == (outcome, says)
        assert found
        assert {case.outcome for case in found.values()} == {CaseOutcome.PASS}

    def test_the_message_is_what_differs(self) -> None:
        """Lines of the frames that are not the reference's, and no heading with a date in it."""
        message = by_name("fate-wrong.log")["filter-unsharp"].message.splitlines()
        assert message[1].startswith("-0,          0,          0,        1,   152064, 0x")
        assert not [line for line in message if line.startswith(("---", "+++"))]

    def test_a_report_in_the_tests_own_output(self) -> None:
        """What make printed is indented, and is no report."""
        assert list(fate.parse([b"    REP filter-fade:0::\n"])) == []

    @pytest.mark.parametrize("status", ["255", "123", "124", "KILL"])
    def test_not_every_such_status_is_a_timeout(self, status: str) -> None:
        """Without what is said when time is out, it is another failure."""
        (case,) = fate.parse([f"REP x:{status}::\n".encode()])
        assert case.outcome in (CaseOutcome.FAIL, CaseOutcome.CRASH)
