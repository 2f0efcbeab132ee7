"""Redis' runtest and ``redis-server test all``, on recorded logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.redistest import SUMMARY, parse, parse_unit_tests

RECORDED = Path(__file__).parents[3] / "plugins" / "redis" / "recorded"
FAIL, CRASH, SKIP, PASS, TIMEOUT = (
    CaseOutcome.FAIL,
    CaseOutcome.CRASH,
    CaseOutcome.SKIP,
    CaseOutcome.PASS,
    CaseOutcome.TIMEOUT,
)


def lines(name: str) -> list[bytes]:
    return (RECORDED / name).read_bytes().splitlines(keepends=True)


def cases(output: list[bytes]) -> dict[str, TestCase]:
    return {case.name: case for case in parse(output)}


def bad(output: list[bytes]) -> dict[str, CaseOutcome]:
    return {name: case.outcome for name, case in cases(output).items() if case.outcome is not PASS}


class TestPasses:
    def test_every_line_is_a_case(self) -> None:
        """As many as lines begin with [ok], and the summary; no name holds its time."""
        output = lines("acl.log")
        ok = sum(line.startswith(b"[ok]: ") for line in output)
        found = list(parse(output))
        assert len(found) == ok + 1 == 91
        assert {case.outcome for case in found} == {PASS}
        assert not [case.name for case in found if re.search(r"\d ms", case.name)]

    def test_names(self) -> None:
        """A name is all of the line but the time, brackets and colons too."""
        found = cases([b"[ok]: EXPIRE: a [b] (1) in tests (12 ms)\n", *lines("quit.log")[-8:]])
        assert "EXPIRE: a [b] (1) in tests" in found

    def test_skipped(self) -> None:
        """Tests that were not to be run, or need more memory, are skipped, under the names that they have when run."""
        assert bad(lines("quit.log")) == {"QUIT returns OK": SKIP}
        found = cases(lines("list.log"))
        assert found["Test LMOVE on plain nodes over 4GB"].outcome is SKIP
        assert sum(case.outcome is SKIP for case in found.values()) == 6
        assert found[SUMMARY].outcome is PASS

    def test_a_group_that_is_skipped(self) -> None:
        """A reason alone stands for a whole group."""
        line = b"[ignore]: Tag: slow denied\n"
        assert bad([line, *lines("quit.log")[-10:]]) == {"ignored: Tag: slow denied": SKIP}

    def test_colours(self) -> None:
        """On a terminal that has them."""
        assert cases([b"[\x1b[0;32;49mok\x1b[0m]: coloured (1 ms)\n"])["coloured"].outcome is PASS


class TestFailures:
    def test_expected_and_came(self) -> None:
        """A failed test, and then an error that ends the run: each with what was said of it."""
        found = cases(lines("error.log"))
        failed = found["Is the small hash encoded with a listpack?"]
        assert failed.outcome is FAIL
        assert failed.message.startswith("Expected 'hashtable' to match 'listpack'")
        assert found["exception"].outcome is CRASH
        assert found[SUMMARY].outcome is FAIL
        assert len(found) == 4

    def test_a_server_that_dies(self) -> None:
        """The signal and the last test before it are in the message."""
        found = cases(lines("crash.log"))
        assert found["exception"].outcome is CRASH
        assert "Redis 7.0.15 crashed by signal: 11" in found["exception"].message
        assert "HRANDFIELD with <count> against non existing key - emptyarray" in found["exception"].message
        assert found[SUMMARY].outcome is FAIL
        assert sum(case.outcome is PASS for case in found.values()) == 10

    def test_a_server_that_hangs(self) -> None:
        """The test that did not end has the timeout, not only the run."""
        assert bad(lines("timeout.log")) == {
            "timeout": TIMEOUT,
            "HRANDFIELD with <count> - hashtable": TIMEOUT,
            SUMMARY: FAIL,
        }

    def test_a_server_that_does_not_start(self) -> None:
        """It is no test's error."""
        found = cases(lines("nostart.log"))
        assert found["error"].outcome is FAIL
        assert found["error"].message.startswith("Can't start the Redis server")

    def test_the_list_at_the_end_is_not_counted_twice(self) -> None:
        """A failed test is in the list at the end again, with its lines."""
        output = [
            b"[ok]: one (1 ms)\n",
            b"[err]: two in tests/unit/x.tcl\n",
            b"Expected 'a' to be equal to 'b'\n",
            b"[ok]: three (1 ms)\n",
            b"[1/1 done]: unit/x (1 seconds)\n",
            b"!!! WARNING The following tests failed:\n",
            b"\n",
            b"*** [err]: two in tests/unit/x.tcl\n",
            b"[ok]: not a test (1 ms)\n",
        ]
        assert [(case.name, case.outcome) for case in parse(output)] == [
            ("one", PASS),
            ("two", FAIL),
            ("three", PASS),
            (SUMMARY, PASS),
        ]

    def test_a_list_that_is_not_what_was_seen(self) -> None:
        """A failure that nobody saw does not pass."""
        output = [b"[1/1 done]: unit/x (1 seconds)\n", b"!!! WARNING The following tests failed:\n", b"*** [err]: x\n"]
        assert bad(output) == {SUMMARY: FAIL}
        lying = [b"[err]: two in tests/unit/x.tcl\n", *lines("quit.log")[-9:]]
        assert bad(lying)[SUMMARY] is FAIL

    @pytest.mark.parametrize("kept", [0, 1, 5, 60, -13, -3])
    def test_truncated(self, kept: int) -> None:
        """Output that ends early never has a summary that passes."""
        output = lines("acl.log")[:kept]
        found = list(parse(output))
        last = next((line for line in output[::-1] if b"All tests passed" in line), None)
        assert found[-1].name == SUMMARY
        assert (found[-1].outcome is PASS) == (last is not None)
        if kept < 100 and not last:
            assert len(found) < 92


class TestUnitTests:
    def test_recorded(self) -> None:
        """Fifteen in 8.0.2; the modules' own counts before the end are not the summary."""
        found = list(parse_unit_tests(lines("unit-tests-8.0.2.log")))
        assert len(found) == 16
        assert {case.outcome for case in found} == {PASS}
        assert {"ziplist", "crc64", "listpack", "ebuckets", SUMMARY} <= {case.name for case in found}

    @pytest.mark.parametrize("cut", [0, 1, 5, -1, -2])
    def test_truncated(self, cut: int) -> None:
        """Without its last line it does not pass."""
        output = lines("unit-tests-8.0.2.log")
        found = {case.name: case.outcome for case in parse_unit_tests(output[:cut])}
        assert found[SUMMARY] is FAIL

    def test_a_failed_module(self) -> None:
        """It fails, and is counted."""
        output = lines("unit-tests-8.0.2.log")
        output = [line.replace(b"[ok] Test - crc64", b"[failed] Test - crc64") for line in output]
        found = {case.name: case.outcome for case in parse_unit_tests(output)}
        assert found["crc64"] is found[SUMMARY] is FAIL  # the totals still say 15 passed
        output[-1] = b"15 tests, 14 passed, 1 failed\n"
        found = {case.name: case.outcome for case in parse_unit_tests(output)}
        assert (found["crc64"], found[SUMMARY]) == (FAIL, PASS)

    def test_a_condition(self) -> None:
        """One of a module's own tests that fails is told, also where the module ends the program."""
        output = [b"2 - Strings concatenation: FAILED\n", b"40 tests, 39 passed, 1 failed\n"]
        (summary,) = parse_unit_tests(output)
        assert summary.outcome is FAIL
        assert "Strings concatenation" in summary.message
