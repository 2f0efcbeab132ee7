"""SQLite's Tcl suite, on recorded logs."""

from __future__ import annotations

from tests.verifiers.testformats.recorded import cases, lines, outcomes
from verifiers.results import CaseOutcome
from verifiers.testformats import tcl

FAILURES = lines("tcl-failures.log")


class TestPasses:
    def test_counts_as_the_summary_does(self) -> None:
        """A complete run has as many cases as its summary counts, the summary among them."""
        output = lines("extraquick.log")
        found = cases(tcl.parse, output)
        assert b"0 errors out of 133 tests" in b"".join(output)
        assert len(found) == 133
        assert {case.outcome for case in found} == {CaseOutcome.PASS}

    def test_output_of_the_test_is_no_part_of_its_name(self) -> None:
        """Timings and text that a test prints, also over several lines, are not in its name."""
        names = outcomes(tcl.parse, lines("extraquick.log"))
        assert {"closure01-1.1-cte", "like-14.1", "swarmvtab-1.5.1.(5-seconds-or-so)"} <= set(names)
        assert not [name for name in names if "ms" in name or "Skipping" in name]
        found = outcomes(tcl.parse, FAILURES)
        assert found["demo-1.4"] is found["demo-1.5"] is CaseOutcome.PASS
        assert "says something" not in found

    def test_names_with_spaces_and_other_letters(self) -> None:
        """A name is all that stands before the dots, whatever it is made of."""
        found = outcomes(tcl.parse, [*FAILURES, b"bad-\xff... Ok\n"])
        assert {"demo-1.8 with spaces (and more)", "demo-1.9-café"} <= set(found)
        assert "bad-\\xff" in outcomes(tcl.parse, [b"bad-\xff... Ok\n"])

    def test_a_test_within_a_test(self) -> None:
        """Both the outer and the inner test are cases."""
        found = outcomes(tcl.parse, FAILURES)
        assert found["demo-1.12"] is found["demo-1.12.inner"] is CaseOutcome.PASS

    def test_names_that_occur_twice_stay(self) -> None:
        """The parser gives each occurrence; telling them apart is the engine's."""
        assert [case.name for case in cases(tcl.parse, FAILURES)].count("demo-1.1") == 2


class TestFailures:
    def test_all_failures_and_no_others(self) -> None:
        """Wrong results and errors are failures, and the summary agrees with their number."""
        failed = [case.name for case in cases(tcl.parse, FAILURES) if case.outcome is CaseOutcome.FAIL]
        assert failed == ["demo-1.2", "demo-1.3", "demo-1.6", "demo-1.7", "demo-1.10"]
        assert outcomes(tcl.parse, FAILURES)["summary"] is CaseOutcome.PASS

    def test_the_message_is_what_the_suite_said(self) -> None:
        """Expected and got are kept, over all their lines."""
        messages = {case.name: case.message for case in cases(tcl.parse, FAILURES)}
        assert messages["demo-1.2"] == "! demo-1.2 expected: [1 3]\n! demo-1.2 got:      [1 2]"
        assert messages["demo-1.3"] == "Error: no such table: nosuch"
        assert messages["demo-1.7"].endswith("[line one\nline two... Ok, not a test\n! line three]")
        assert messages["demo-1.10"] == "Error: two\nlines of error"

    def test_two_failures_in_a_row(self) -> None:
        """A failure ends where the next one begins."""
        output = [b"a...\n", b"! a expected: [1]\n", b"! a got:      [2]\n", b"b... half a line\n"]
        output += [b"! b expected: [1]\n", b"! b got:      [2]\n", b"c...\n", b"Error: x\n", b"d... Ok\n"]
        found = outcomes(tcl.parse, output)
        assert [name for name, outcome in found.items() if outcome is CaseOutcome.FAIL] == ["a", "b", "c"]
        assert found["d"] is CaseOutcome.PASS

    def test_omitted_tests_are_skipped(self) -> None:
        """`` Omitted`` is a skip, and counts in the summary."""
        found = cases(tcl.parse, lines("tcl-omitted.log"))
        assert [case.outcome for case in found].count(CaseOutcome.SKIP) == 12
        assert found[-1].outcome is CaseOutcome.PASS


class TestEnds:
    def test_a_crash_in_the_middle_of_a_line(self) -> None:
        """The test whose line has no end crashed, and there is no summary."""
        found = outcomes(tcl.parse, lines("tcl-crash.log"))
        assert found == {
            "crash-1.0": CaseOutcome.PASS,
            "crash-1.1": CaseOutcome.PASS,
            "crash-1.2": CaseOutcome.CRASH,
        }

    def test_left_memory_and_files(self) -> None:
        """What a run leaves behind makes its summary fail."""
        (last,) = [case for case in cases(tcl.parse, lines("tcl-leak.log")) if case.name == "summary"]
        assert last.outcome is CaseOutcome.FAIL
        assert "Unfreed memory: 88456 bytes" in last.message

    def test_a_summary_that_counts_otherwise(self) -> None:
        """A case that the parser did not see, or saw twice, makes the summary fail."""
        output = lines("extraquick.log")
        passes = [index for index, line in enumerate(output) if line.endswith(b"... Ok\n")]
        for other in (output[: passes[3]] + output[passes[3] + 1 :], [output[passes[0]], *output]):
            (last,) = [case for case in cases(tcl.parse, other) if case.name == "summary"]
            assert last.outcome is CaseOutcome.FAIL
            assert "counts 133 tests" in last.message

    def test_a_failure_that_was_not_seen(self) -> None:
        """A summary with more errors than were seen fails."""
        output = [line.replace(b"0 errors", b"2 errors") for line in lines("extraquick.log")]
        assert outcomes(tcl.parse, output)["summary"] is CaseOutcome.FAIL


class TestSize:
    def test_a_quarter_of_a_million_lines(self) -> None:
        """As a whole release test prints: 254,024 cases. What they cost: benchmarks/parsing.py."""
        output = [b"name-%d.1... Ok\n" % number for number in range(254_023)]
        output.append(b"0 errors out of 254024 tests on host Linux 64-bit little-endian\n")
        count = sum(1 for case in tcl.parse(output) if case.outcome is CaseOutcome.PASS)
        assert count == 254_024
