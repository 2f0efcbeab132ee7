"""pg_regress and pg_isolation_regress, on recorded logs of PostgreSQL 15 and 17."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifiers.testformats.recorded import cases, outcomes
from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.pg_regress import parse

RECORDED = Path(__file__).parents[3] / "plugins" / "postgresql" / "recorded"


def lines(name: str) -> list[bytes]:
    return (RECORDED / name).read_bytes().splitlines(keepends=True)


def by_name(output: list[bytes]) -> dict[str, TestCase]:
    return {case.name: case for case in cases(parse, output)}


def not_passed(output: list[bytes]) -> dict[str, CaseOutcome]:
    return {name: outcome for name, outcome in outcomes(parse, output).items() if outcome is not CaseOutcome.PASS}


WHOLE = {"check-15.log": 217, "isolation-15.log": 115}


class TestPasses:
    @pytest.mark.parametrize(("log", "count"), WHOLE.items())
    def test_counts_as_the_summary_does(self, log: str, count: int) -> None:
        """A whole run has as many cases as it says, all different."""
        found = cases(parse, lines(log))
        assert b"All %d tests passed." % count in b"".join(lines(log))
        assert len({case.name for case in found}) == len(found) == count
        assert {case.outcome for case in found} == {CaseOutcome.PASS}

    def test_single_and_parallel_tests(self) -> None:
        """Both kinds of line are read, in the order of the output."""
        names = [case.name for case in cases(parse, lines("check-15.log"))]
        assert names[:4] == ["test_setup", "tablespace", "boolean", "char"]
        assert "select_parallel" in names

    def test_nothing(self) -> None:
        """No output has no cases, and so has a run that could not begin."""
        assert cases(parse, []) == []
        assert cases(parse, [b"pg_regress: initdb failed\n", b"Examine log/initdb.log for the reason.\n"]) == []


class TestFailures:
    def test_wrong_results(self) -> None:
        """A constant of numeric.c was changed: these tests fail, and the rest passes."""
        assert not_passed(lines("session-failed-15.log")) == {"numeric": CaseOutcome.FAIL, "regex": CaseOutcome.FAIL}
        assert len(by_name(lines("session-failed-15.log"))) == 16

    def test_the_message_is_what_differs(self) -> None:
        """The first lines that differ, and of the test that they are of."""
        message = by_name(lines("session-failed-15.log"))["numeric"].message
        assert message.splitlines() == [
            f"{side} | 0.001 | 10.000"
            for side in (
                "- 50005.000 | 5.0005000000000000 | 8.3341666666666667 | 2.8868956799071675 | 2.8867513315143721",
                "+ 50006.002 | 5.0006002000000000 | 8.3341659283527953 | 2.8868955520338444 | 2.8867512036474428",
            )
        ]
        assert by_name(lines("session-failed-15.log"))["integers"].message == ""

    def test_a_crash_of_the_server(self) -> None:
        """Who lost the server crashed; what the server was doing when it died is said."""
        failed = not_passed(lines("session-crash-15.log"))
        assert set(failed.values()) == {CaseOutcome.CRASH}
        assert len(failed) == 7
        message = by_name(lines("session-crash-15.log"))["numeric"].message
        assert message.startswith(
            "(test process exited with exit code 2) the server's process was terminated by signal 11: "
            "Segmentation fault, running: SELECT sqrt(2::numeric(120,100)) AS sqrt2;"
        )

    def test_psql_itself(self) -> None:
        """A psql that died is a crash even where all that it should print was there; another status is a failure."""
        line = b"test a                            ... ok     (test process %s)      12 ms\n"
        end = [b" All 1 tests passed. \n"]
        for how, outcome in (
            (b"was terminated by signal 11: Segmentation fault", CaseOutcome.CRASH),
            (b"exited with exit code 2", CaseOutcome.CRASH),
            (b"exited with exit code 3", CaseOutcome.FAIL),
            (b"exited with unrecognized status 7", CaseOutcome.FAIL),
        ):
            assert outcomes(parse, [line % how, *end]) == {"a": outcome}

    def test_ignored_failures(self) -> None:
        """What a schedule lets fail has still failed; the oracle's result decides what that means."""
        output = [
            b"parallel group (2 tests):  b a\n",
            b"     a                            ... failed (ignored)      12 ms\n",
            b"     b                            ... ok           10 ms\n",
            b" 1 of 2 tests passed, 1 failed test(s) ignored. \n",
        ]
        assert outcomes(parse, output) == {"a": CaseOutcome.FAIL, "b": CaseOutcome.PASS}


class TestEnds:
    @pytest.mark.parametrize("log", WHOLE)
    def test_a_run_that_is_cut_off(self, log: str) -> None:
        """Cut anywhere, the last test that was seen has not passed."""
        output = lines(log)
        for cut in range(16, len(output) - 6, 7):
            found = cases(parse, output[:cut])
            assert found[-1].outcome is CaseOutcome.CRASH
            assert "did not come to its end" in found[-1].message

    def test_a_line_that_is_cut_off(self) -> None:
        """A test without its result is no case."""
        output = [*lines("check-15.log")[:15], b"     float4                       ... "]
        assert "float4" not in outcomes(parse, output)

    @pytest.mark.parametrize("log", WHOLE)
    def test_a_summary_that_counts_otherwise(self, log: str) -> None:
        """A test that was not seen, or seen twice, fails the last one."""
        output = lines(log)
        at = next(index for index, line in enumerate(output) if b" ok " in line)
        for other in (output[:at] + output[at + 1 :], [output[at], *output]):
            assert cases(parse, other)[-1].outcome is CaseOutcome.FAIL

    def test_a_failure_that_was_not_seen(self) -> None:
        """Corrupted lines are no passes."""
        output = [line.replace(b"FAILED  ", b"ok      ") for line in lines("session-failed-15.log")]
        assert cases(parse, output)[-1].outcome is CaseOutcome.FAIL

    def test_a_line_without_end(self) -> None:
        """What a miscompiled program prints costs no more than its length."""
        output = [
            b"test a" + b" " * 5_000_000 + b"... ok 1 ms\n",
            b"test b ... ok     1 ms\n",
            b" All 1 tests passed. \n",
        ]
        assert outcomes(parse, output) == {"b": CaseOutcome.PASS}
