"""The truth table of comparisons."""

from __future__ import annotations

import pytest

from tests.verifiers.report.made import cell, result, run, table
from verifiers.report.changes import headline, markdown, text
from verifiers.report.regress import Change, Comparison, compare_runs
from verifiers.results import CaseTable, CellResult, Excused, Mix, Reason, Ruling, Sample, Step, VerdictKind
from verifiers.words import stem

P, F, FLAKY, SKIP, BROKEN, ERROR = (VerdictKind(word) for word in ("pass", "fail", "flaky", "skip", "broken", "error"))
NAME = cell()


def one(
    old: CellResult, new: CellResult, before: CaseTable | None = None, after: CaseTable | None = None
) -> Comparison:
    """Two runs of one cell."""
    tables = {id(old): before, id(new): after}
    return compare_runs({old.cell: old}, {new.cell: new}, lambda each: tables[id(each)])


def in_step(step: Step, reason: Reason = Reason.REJECTS_VALID) -> CellResult:
    """A cell that failed before its tests."""
    return result(NAME, F, reason=reason, step=step, message="no")


@pytest.mark.parametrize(
    ("old", "new", "change", "code"),
    [
        (P, P, Change.STILL_PASSING, 0),
        (P, F, Change.NEWLY_FAILING, 1),
        (P, FLAKY, Change.FLAKY, 0),
        (P, SKIP, Change.INCOMPARABLE, 3),
        (P, BROKEN, Change.INCOMPARABLE, 3),
        (P, ERROR, Change.INCOMPARABLE, 3),
        (F, P, Change.NEWLY_PASSING, 0),
        (F, F, Change.STILL_FAILING, 0),
        (F, FLAKY, Change.FLAKY, 0),
        (F, ERROR, Change.INCOMPARABLE, 3),
        (FLAKY, P, Change.FLAKY, 0),
        (FLAKY, F, Change.NEWLY_FAILING, 1),
        (FLAKY, FLAKY, Change.FLAKY, 0),
        (SKIP, P, Change.INCOMPARABLE, 3),
        (ERROR, F, Change.INCOMPARABLE, 3),
        (BROKEN, BROKEN, Change.INCOMPARABLE, 3),
    ],
)
def test_verdicts(old: VerdictKind, new: VerdictKind, change: Change, code: int) -> None:
    """What became of a cell whose cases are not known, and what a gate makes of it."""
    found = one(result(NAME, old), result(NAME, new))
    assert (found.cells[0].change, found.exit_code) == (change, code)
    assert sum(found.totals.values()) == len(found.cells) == 1


@pytest.mark.parametrize(
    ("old", "new", "change", "regressed"),
    [
        (Step.BUILD, Step.BUILD, Change.STILL_FAILING, False),
        (Step.BUILD, Step.CONFIGURE, Change.NEWLY_FAILING, True),
        (Step.CONFIGURE, Step.BUILD, Change.STILL_FAILING, False),
    ],
)
def test_failing_earlier_is_worse(old: Step, new: Step, change: Change, regressed: bool) -> None:
    """Less of it works."""
    found = one(in_step(old), in_step(new)).cells[0]
    assert (found.change, found.regressed) == (change, regressed)


def test_no_longer_compiling_is_worse_than_a_failing_case() -> None:
    """Red both times, but every other case is lost."""
    found = one(result(NAME, F, failing=["a"]), in_step(Step.BUILD))
    assert found.cells[0].change is Change.NEWLY_FAILING
    assert "no cases in NEW: it failed in build" in found.cells[0].why
    assert found.exit_code == 1


class TestCases:
    """Cell red both times, so that the cases tell."""

    @pytest.mark.parametrize(
        ("before", "after", "failed", "failing", "where"),
        [
            ({"a": "pass", "b": "fail"}, {"a": "fail", "b": "fail"}, ["b"], ["a", "b"], "newly_failing"),
            ({"a": "fail", "b": "fail"}, {"a": "pass", "b": "fail"}, ["a", "b"], ["b"], "newly_passing"),
            ({"a": "fail"}, {"a": "crash"}, ["a"], ["a"], "still_failing"),
            ({"b": "fail"}, {"a": "fail", "b": "fail"}, ["b"], ["a", "b"], "new_failing"),
            ({"b": "fail"}, {"a": "pass", "b": "fail"}, ["b"], ["b"], "new"),
            ({"a": "pass", "b": "fail"}, {"b": "fail"}, ["b"], ["b"], "gone"),
            (
                {"a": "pass", "b": "fail"},
                {"b": "fail"},
                ["b"],
                ["a", "b"],
                "newly_failing",
            ),  # missing, the oracle has it
            ({"a": "pass", "b": "fail"}, {"a": "fail", "b": "fail"}, ["b"], ["b"], "undecided"),  # the oracle's too
            ({"a": "pass", "b": "fail"}, {"a": "skip", "b": "fail"}, ["b"], ["b"], "undecided"),
        ],
    )
    def test_one_case(
        self, before: dict[str, str], after: dict[str, str], failed: list[str], failing: list[str], where: str
    ) -> None:
        """Case ``a`` is in that list and in no other; ``b`` still fails."""
        old, new = result(NAME, F, failing=failed), result(NAME, F, failing=failing)
        found = one(old, new, table(**before), table(**after)).cells[0].cases
        lists = {name: names for name, names in found if isinstance(names, tuple) and "a" in names}
        assert list(lists) == [where]
        assert found.still_failing == (("a",) if where == "still_failing" else ("b",))

    @pytest.mark.parametrize(("lists", "code"), [("newly_failing", 1), ("new_failing", 1), ("gone", 0), ("new", 0)])
    def test_a_cell_red_both_times_can_regress(self, lists: str, code: int) -> None:
        """A gate looks at the cases of red cells too."""
        sides: dict[str, tuple[dict[str, str], dict[str, str], list[str]]] = {
            "newly_failing": ({"a": "pass", "b": "fail"}, {"a": "fail", "b": "fail"}, ["a", "b"]),
            "new_failing": ({"b": "fail"}, {"a": "fail", "b": "fail"}, ["a", "b"]),
            "gone": ({"a": "pass", "b": "fail"}, {"b": "fail"}, ["b"]),
            "new": ({"b": "fail"}, {"a": "pass", "b": "fail"}, ["b"]),
        }
        before, after, failing = sides[lists]
        found = one(result(NAME, F, failing=["b"]), result(NAME, F, failing=failing), table(**before), table(**after))
        assert found.cells[0].change is Change.STILL_FAILING
        assert found.exit_code == code

    def test_a_flake_that_fails_twice_is_still_a_flake(self) -> None:
        """Where the same case explains it; another one is a regression."""
        old = result(NAME, FLAKY, failing=["a"])
        both = table(a="fail", b="pass")
        same = one(old, result(NAME, F, failing=["a"]), both, both)
        assert (same.cells[0].change, same.exit_code, same.cells[0].cases.flaky) == (Change.FLAKY, 0, ("a",))
        other = one(old, result(NAME, F, failing=["b"]), both, table(a="pass", b="fail"))
        assert (other.cells[0].change, other.exit_code) == (Change.NEWLY_FAILING, 1)
        assert other.cells[0].cases.newly_failing == ("b",)

    def test_a_case_that_failed_in_one_of_two_runs(self) -> None:
        """It is flaky, not failing, though the first run's list has it as failed."""
        flaked = run("mycc-1.0")
        steps = tuple(
            step.model_copy(update={"cases": table(a="fail", b="fail")}) if step.step is Step.TEST else step
            for step in flaked.steps
        )
        ran = flaked.model_copy(update={"steps": steps})
        new = result(NAME, F, failing=["b"], confirmed=True, candidate=ran)
        found = one(result(NAME), new, table(a="pass", b="pass"), table(a="fail", b="fail")).cells[0].cases
        assert (found.newly_failing, found.flaky) == (("b",), ("a",))

    def test_without_lists_the_worse_is_believed(self) -> None:
        """A failing case that may have been new counts as newly failing, and it is said why."""
        found = one(result(NAME, F, failing=["a"]), result(NAME, F, failing=["a", "b"]))
        assert found.cells[0].cases.newly_failing == ("b",)
        assert "the list of all cases is gone" in found.cells[0].why
        assert found.exit_code == 1

    def test_a_pass_with_fewer_cases_says_so(self) -> None:
        """Tests that quietly vanished are named."""
        old, new = result(NAME, compared=2), result(NAME, compared=1)
        found = one(old, new, table(a="pass", b="pass"), table(a="pass"))
        assert found.cells[0].change is Change.STILL_PASSING
        assert found.cells[0].cases.gone == ("b",)
        assert "still passing p@1.0 x86_64 mycc-1.0 standard: 1 cases gone" in text(found, 10)


class TestPairs:
    """Like with like."""

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"version": "2.0"}, "another version: 2.0"),
            ({"depth": "full"}, "another depth: full"),
            ({"accommodate": True}, "another accommodate: yes"),
            ({"mix": Mix(percent=10)}, "another mix"),
            ({"levels": ("-O0", "-O2")}, "another levels: -O0 -O2"),
            ({"sample": Sample(percent=10)}, "another sample: 10%#0"),
            ({"arch": "i686"}, "not in NEW"),
            ({"project": "q"}, "not in NEW"),
            ({"candidate": "other-1"}, "another candidate: other-1"),
        ],
    )
    def test_unlike_cells_are_not_compared(self, more: dict[str, object], why: str) -> None:
        """One is gone, the other new, and it is said in what they differ; a gate does not pass on nothing."""
        other = cell(**more)  # type: ignore[arg-type]
        found = compare_runs({NAME: result(NAME)}, {other: result(other, F)})
        assert [each.change for each in found.cells] == [Change.NEW, Change.GONE]
        assert why in found.cells[1].why
        assert found.exit_code == 3

    def test_another_version_of_the_compiler_is_the_same_candidate(self) -> None:
        """A nightly compiler has another version each night."""
        newer = cell(candidate="mycc-1.1")
        found = compare_runs({NAME: result(NAME)}, {newer: result(newer, F)})
        assert [(each.change, each.counterpart) for each in found.cells] == [(Change.NEWLY_FAILING, "mycc-1.0")]

    def test_but_not_where_there_are_several(self) -> None:
        """Nobody can say which is which."""
        names = [cell(candidate=f"gcc-{version}") for version in (11, 12, 13, 14)]
        results = {name: result(name) for name in names}
        old, new = names[:2], names[2:]
        found = compare_runs({name: results[name] for name in old}, {name: results[name] for name in new})
        assert {each.change for each in found.cells} == {Change.NEW, Change.GONE}

    def test_across_compilers(self) -> None:
        """What one compiler fails and another does not."""
        gcc, clang = cell(candidate="gcc-12"), cell(candidate="clang-14")
        found = compare_runs({gcc: result(gcc)}, {clang: result(clang, F)}, across=True)
        assert [each.change for each in found.cells] == [Change.NEWLY_FAILING]

    def test_a_run_that_was_cut_short_proves_nothing(self) -> None:
        """What it did not come to may fail."""
        other = cell("q")
        old = {NAME: result(NAME), other: result(other)}
        new = {NAME: result(NAME)}
        assert compare_runs(old, new).exit_code == 0
        assert compare_runs(old, new, cut_short=True).exit_code == 3

    def test_what_was_to_be_run_and_was_not_is_not_gone(self) -> None:
        """It passed, and nobody knows whether it still does: the gate stays shut."""
        other = cell("q")
        found = compare_runs({NAME: result(NAME), other: result(other)}, {NAME: result(NAME)}, not_run=[other])
        (change,) = found.of(Change.INCOMPARABLE)
        assert (change.cell, change.lost, found.exit_code) == (other, True, 3)
        assert "did not come to it" in change.why

    @pytest.mark.parametrize("excused", [True, False])
    def test_an_excused_failure_closes_no_gate(self, excused: bool) -> None:
        """It is newly failing all the same, and says that it is excused."""
        by = (Excused(bug="https://bugs/1", until="2026-12-01", cases=("a",)),)
        red = result(NAME, F, failing=["a"], ruling=Ruling(excused=excused, by=by if excused else ()))
        found = one(result(NAME), red, table(a="pass"), table(a="fail"))
        assert [each.change for each in found.cells] == [Change.NEWLY_FAILING]
        assert found.exit_code == (0 if excused else 1)
        assert text(found, 5).startswith("newly failing, excused" if excused else "FAIL newly failing")

    @pytest.mark.parametrize(("now", "code"), [(P, 0), (ERROR, 3), (BROKEN, 3), (SKIP, 3), (FLAKY, 0), (F, 1)])
    def test_a_gate_does_not_open_for_what_has_no_verdict(self, now: VerdictKind, code: int) -> None:
        """Also where another cell could be compared and passes."""
        other = cell("q")
        old = {NAME: result(NAME), other: result(other)}
        assert compare_runs(old, {NAME: result(NAME), other: result(other, now)}).exit_code == code

    def test_another_oracle_is_said(self) -> None:
        """Once, not for each cell."""
        old, new = result(NAME), result(NAME, oracle=run("gcc-13.1.0"))
        assert one(old, new).notes == ("oracle gcc-12.2.0 -> gcc-13.1.0: another compiler now",)

    @pytest.mark.parametrize(
        ("name", "bare"),
        [
            ("clang-14.0.6", "clang"),
            ("mycc", "mycc"),
            ("mycc@1234abcd", "mycc"),
            ("gcc-12.2.0@00ff00ff", "gcc"),
            ("zig-cc", "zig-cc"),
            ("tcc-0.9.28rc", "tcc"),
        ],
    )
    def test_stems(self, name: str, bare: str) -> None:
        """A name without its version."""
        assert stem(name) == bare


class TestWords:
    """What people read."""

    def test_text_and_markdown_name_the_case_and_its_message(self) -> None:
        """And the counts add up."""
        old, new = result(NAME), result(NAME, F, failing=["suite/<b>"], message="1 of 5 cases differ")
        found = one(old, new, table(**{"suite/<b>": "pass"}), table(**{"suite/<b>": "fail"}))
        assert "FAIL newly failing p@1.0 x86_64 mycc-1.0 standard: pass -> fail wrong-result" in text(found, 5)
        assert "    suite/<b>: suite/<b> is wrong" in text(found, 5)
        assert headline(found) == "old -> new: 1 cells: 1 newly failing; 1 case newly failing"
        assert "suite/&lt;b&gt;: suite/&lt;b&gt; is wrong" in markdown(found, 5)
        assert "<b>" not in markdown(found, 5)

    def test_json_comes_back(self) -> None:
        """The model is what ``--json`` prints."""
        found = one(result(NAME), result(NAME, F, failing=["a"]))
        assert Comparison.model_validate_json(found.model_dump_json()) == found
