"""fuzzcheck's verbose output, on recorded logs."""

from __future__ import annotations

import pytest

from tests.verifiers.testformats.recorded import cases, lines, outcomes
from verifiers.results import CaseOutcome
from verifiers.testformats import fuzzcheck


def digests(output: list[bytes]) -> dict[str, str]:
    return {case.name: case.digest for case in fuzzcheck.parse(output)}


class TestCases:
    @pytest.mark.parametrize(("log", "count"), [("fuzz1.log", 5), ("fuzz4.log", 12), ("fuzz8.log", 3)])
    def test_a_case_a_header(self, log: str, count: int) -> None:
        """There are as many cases as the summary counts, all passed and with a digest."""
        found = cases(fuzzcheck.parse, lines(log))
        assert len(found) == count
        assert all(case.outcome is CaseOutcome.PASS and case.digest for case in found)

    def test_one_wrong_row_shows_in_its_case_alone(self) -> None:
        """A changed byte in the trace changes that case's digest and no other."""
        output = lines("fuzz4.log")
        changed = [line.replace(b"End@F", b"End@G") for line in output]
        before, after = digests(output), digests(changed)
        assert [name for name in before if before[name] != after[name]] == ["sqlid=1,dbid=1"]

    def test_a_lost_row_shows(self) -> None:
        """A line less is another digest."""
        output = lines("fuzz4.log")
        before, after = digests(output), digests(output[:4] + output[5:])
        assert [name for name in before if before[name] != after[name]] == ["sqlid=2,dbid=1"]


class TestNotCompared:
    def test_times(self) -> None:
        """The time in the summary is in no digest."""
        output = lines("fuzz4.log")
        later = [line.replace(b" seconds", b"9 seconds") for line in output]
        assert digests(output) == digests(later)

    def test_peak_memory(self) -> None:
        """What the allocator needed is in no digest."""
        output = lines("fuzz8.log")
        assert any(line.startswith(b"Peak memory") for line in output)
        other = [b"Peak memory usages: 9.9 MB\n" if line.startswith(b"Peak") else line for line in output]
        assert digests(output) == digests(other)

    def test_addresses(self) -> None:
        """EXPLAIN's pointer to a virtual table is in no digest, that there is one is."""

        def trace(pointer: bytes) -> list[bytes]:
            return [b"sqlid=1,dbid=1\n", b"p4 = TEXT [" + pointer + b"]\n", b"fuzzcheck: 0 errors out of 1 tests\n"]

        assert digests(trace(b"vtab:563DE7B439A0")) == digests(trace(b"vtab:25CBC310"))
        assert digests(trace(b"vtab:563DE7B439A0")) != digests(trace(b"intarray"))

    def test_volatile_cases(self) -> None:
        """A case named as volatile is run, but has no digest; the others keep theirs."""
        output = lines("fuzz4.log")
        found = {case.name: case.digest for case in fuzzcheck.parser({"sqlid=2,dbid=1"})(output)}
        assert found.pop("sqlid=2,dbid=1") == ""
        assert found.items() <= digests(output).items()
        assert all(found.values())

    def test_corrupt_databases(self) -> None:
        """What SQLite finds in one depends on heap addresses: the case must pass, its output is not compared."""
        text = (
            b"sqlid=1,dbid=1\nTRACE: SELECT 1; (error: database disk image is malformed)\n"
            b"sqlid=1,dbid=2\nTRACE: SELECT 1;\nfuzzcheck: 0 errors out of 2 tests in 0.1 seconds\n"
        )
        first, second = fuzzcheck.parse(text.splitlines(keepends=True))
        assert (first.outcome, second.outcome) == (CaseOutcome.PASS, CaseOutcome.PASS)
        assert not first.digest
        assert second.digest


class TestEnds:
    def test_a_segfault(self) -> None:
        """The case that was running crashed; those before it passed."""
        found = cases(fuzzcheck.parse, lines("fuzz-segfault.log"))
        assert [case.outcome for case in found] == [CaseOutcome.PASS, CaseOutcome.PASS, CaseOutcome.CRASH]
        assert found[-1].message.endswith("(sqlid=1,dbid=168): segfault")

    def test_an_error(self) -> None:
        """An error that fuzzcheck found ends it, and fails the case."""
        (case,) = cases(fuzzcheck.parse, lines("fuzz-error.log"))
        assert case.outcome is CaseOutcome.FAIL
        assert case.message.endswith("simulated failure")

    def test_a_leak(self) -> None:
        """A memory leak fails the case after which it was found."""
        output = [b"sqlid=6\n", b"Memory leak: 48 bytes in 1 allocations\n"]
        assert outcomes(fuzzcheck.parse, output) == {"sqlid=6": CaseOutcome.FAIL}

    def test_output_that_just_ends(self) -> None:
        """Without the summary the last case has not passed, whatever it printed."""
        output = lines("fuzz4.log")[:-2]
        assert outcomes(fuzzcheck.parse, output)["sqlid=12,dbid=1"] is CaseOutcome.CRASH

    def test_a_summary_that_counts_otherwise(self) -> None:
        """A lost header fails the last case."""
        output = [line for line in lines("fuzz4.log") if line != b"sqlid=5,dbid=1\n"]
        assert outcomes(fuzzcheck.parse, output)["sqlid=12,dbid=1"] is CaseOutcome.FAIL

    def test_nothing(self) -> None:
        """No output has no cases."""
        assert cases(fuzzcheck.parse, []) == []
