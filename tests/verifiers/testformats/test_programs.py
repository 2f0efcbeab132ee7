"""The runner's own lines, from real runs and from damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifiers.results import CaseOutcome, Reason
from verifiers.testformats.programs import parser

RECORDED = Path(__file__).parents[3] / "plugins" / "gcc_torture" / "recorded"
parse = parser("group")
GCC, CLANG = (sorted(RECORDED.glob(f"{name}-*.log"))[0] for name in ("gcc", "clang"))


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


class TestRealRuns:
    def test_the_oracle_passes_all(self) -> None:
        """As many cases as the end says, none of them twice, and no summary."""
        cases = list(parse(lines(GCC)))
        assert {case.outcome for case in cases} == {CaseOutcome.PASS}
        assert len({case.name for case in cases}) == len(cases) == int(lines(GCC)[-1].split()[1])
        assert all(case.name.startswith("execute/") and case.name.endswith(("/-O0", "/-O2")) for case in cases)

    def test_a_candidates_failures(self) -> None:
        """Every line that does not begin with PASS is a case that did not, with its message."""
        failed = [line.decode().rstrip("\n").split("\t") for line in lines(CLANG) if line.startswith(b"FAIL")]
        found = {case.name: case for case in parse(lines(CLANG)) if case.outcome is not CaseOutcome.PASS}
        assert failed
        assert {name: found[name].message for _, name, *_ in failed} == {each[1]: each[4] for each in failed}
        assert len(found) == len(failed)

    def test_their_reasons(self) -> None:
        """What the compiler refused is no wrong result, and where it died no test did."""
        recorded = [case for case in parse(lines(CLANG)) if case.outcome is not CaseOutcome.PASS]
        assert {str(case.reason) for case in recorded} == {case.message.partition(":")[0] for case in recorded}
        died = b"CRASH\ta/-O0\t-\t0.000\tcompiler-crash: died of SIGSEGV\t\nEND\t1\n".splitlines(keepends=True)
        odd = b"FAIL\ta/-O0\t-\t0.000\taccepts-invalid: it must reject it\t\nEND\t1\n".splitlines(keepends=True)
        assert [case.reason for case in (*parse(died), *parse(odd))] == [Reason.COMPILER_CRASH, None]


class TestDamage:
    @pytest.mark.parametrize("cut", [1, 2, 5])
    def test_an_end_that_is_missing(self, cut: int) -> None:
        """A runner that died is not taken for one that had fewer tests."""
        cases = list(parse(lines(GCC)[:-cut]))
        assert cases[-1].name == "group/summary"
        assert cases[-1].outcome is CaseOutcome.FAIL
        assert cases[-1].message == f"no end after {len(cases) - 1} cases"

    def test_a_line_that_is_missing(self) -> None:
        """The end counts the cases."""
        whole = lines(GCC)
        last = list(parse(whole[:3] + whole[4:]))[-1]
        assert (last.name, last.outcome) == ("group/summary", CaseOutcome.FAIL)

    def test_a_torn_line(self) -> None:
        """A case whose line is not whole has not passed, and is seen."""
        whole = lines(GCC)
        torn = [*whole[:-2], whole[-2].rstrip(b"\n")]
        names = [case.name for case in parse(torn)]
        assert names[-1] == "group/summary"
        assert len(names) == len(torn)

    def test_foreign_lines(self) -> None:
        """What a test wrote past its file would hide a case in a crowd; it is told."""
        last = list(parse([b"hello\n", *lines(GCC)]))[-1]
        assert (last.name, last.outcome) == ("group/summary", CaseOutcome.FAIL)
        assert "hello" in last.message

    def test_an_unknown_outcome(self) -> None:
        """No word but ours is a pass."""
        whole = lines(GCC)
        changed = [whole[0].replace(b"PASS", b"PASSED"), *whole[1:]]
        assert [case.name for case in parse(changed)].count("group/summary") == 1


def test_nothing() -> None:
    """No output is no success."""
    assert [(case.name, case.outcome) for case in parse([])] == [("group/summary", CaseOutcome.FAIL)]
