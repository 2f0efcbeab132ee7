"""Meson's log of its tests, as meson 1.0.1 writes it of a project with a test for each way to end."""

from __future__ import annotations

from pathlib import Path

from verifiers.results import CaseOutcome
from verifiers.testformats import meson

LOG = Path(__file__).with_name("meson-testlog.json").read_bytes().splitlines(keepends=True)


def cases() -> dict[str, CaseOutcome]:
    return {case.name: case.outcome for case in meson.parse(LOG)}


class TestParse:
    def test_every_way_to_end(self) -> None:
        """Tests are named without project and suite."""
        assert {name: outcome for name, outcome in cases().items() if "/" not in name} == {
            "good": CaseOutcome.PASS,
            "bad": CaseOutcome.FAIL,
            "skipped": CaseOutcome.SKIP,
            "dies": CaseOutcome.CRASH,
            "expected": CaseOutcome.SKIP,
            "unexpected": CaseOutcome.FAIL,
            "hangs": CaseOutcome.TIMEOUT,
            "points": CaseOutcome.FAIL,
            "all-points": CaseOutcome.PASS,
            "broken-off": CaseOutcome.CRASH,
        }

    def test_points_are_cases(self) -> None:
        """Of a test that speaks TAP each point is a case; a plan that is not kept is one too."""
        assert {name: outcome for name, outcome in cases().items() if "/" in name} == {
            "points/a/one": CaseOutcome.PASS,
            "points/a/two": CaseOutcome.FAIL,
            "points/a/three": CaseOutcome.SKIP,
            "points/b": CaseOutcome.PASS,
            "all-points/a/one": CaseOutcome.PASS,
            "all-points/a/two": CaseOutcome.PASS,
            "broken-off/a/one": CaseOutcome.PASS,
            "broken-off/plan": CaseOutcome.FAIL,
        }

    def test_a_failure_says_how_and_what(self) -> None:
        """Its own last words go with it."""
        found = {case.name: case.message for case in meson.parse(LOG)}
        assert found["bad"].splitlines() == ["FAIL: exit status 1", "assertion failed: 2 == 3"]
        assert found["dies"] == "FAIL: signal 11"

    def test_other_lines_and_a_torn_one(self) -> None:
        """A runner that was killed leaves half a line, and its own words are around the log."""
        lines = [b"1/10 small:unit / good OK\n", LOG[0], LOG[1][:100]]
        assert [case.name for case in meson.parse(lines)] == ["good"]


class TestNames:
    def test_of_a_list(self) -> None:
        """As ``meson test --list`` prints them."""
        listed = ["ninja: no work to do.", "small:unit / good", "small:unit+quick / all-points", "plain", ""]
        assert meson.names(listed) == ["good", "all-points", "plain"]
