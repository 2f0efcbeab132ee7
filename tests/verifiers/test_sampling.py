"""Which tests a sample takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.recipes.base import Suite
from verifiers.results import Sample, TestCase
from verifiers.sampling import UnknownCase, repeating, sampled


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    return iter(())


def suite(name: str, count: int) -> Suite:
    def only(parts: Sequence[str]) -> tuple[str, ...]:
        return ("run", name, *parts)

    return Suite(name, ("run", name), parse, parts=tuple(f"{number}.c" for number in range(count)), only=only)


SUITES = [suite("execute", 500), suite("ieee", 60), suite("compile", 240)]


def taken(suites: Sequence[Suite]) -> set[tuple[str, str]]:
    return {(each.name, part) for each in suites for part in each.parts or ("",)}


class TestShare:
    @given(seed=st.integers(0, 1000))
    def test_is_spread_and_about_the_share(self, seed: int) -> None:
        """Each suite gives its tenth, give or take one."""
        found = taken(sampled(SUITES, Sample(percent=10, seed=seed), ()))
        for each in SUITES:
            mine = [part for name, part in found if name == each.name]
            assert abs(len(mine) - len(each.parts) / 10) <= 1

    def test_same_seed_same_tests(self) -> None:
        """In any order of the suites, and whatever else there is."""
        one = taken(sampled(SUITES, Sample(percent=10, seed=3), ()))
        assert one == taken(sampled(SUITES[::-1], Sample(percent=10, seed=3), ()))
        assert one != taken(sampled(SUITES, Sample(percent=10, seed=4), ()))
        alone = taken(sampled(SUITES[:1], Sample(percent=10, seed=3), ()))
        assert alone == {key for key in one if key[0] == "execute"}

    def test_a_larger_share_holds_the_smaller(self) -> None:
        """Ten per cent are among the fifty."""
        small = taken(sampled(SUITES, Sample(percent=10, seed=3), ()))
        assert small <= taken(sampled(SUITES, Sample(percent=50, seed=3), ()))

    def test_all_is_all(self) -> None:
        """With the commands as they were."""
        assert sampled(SUITES, Sample(percent=100), ()) == SUITES

    def test_never_nothing(self) -> None:
        """A thousandth of few is one."""
        assert len(taken(sampled([suite("a", 5)], Sample(percent=0.001), ()))) == 1

    def test_the_command_is_for_those_alone(self) -> None:
        """And the parts say which."""
        (narrowed,) = sampled([suite("a", 50)], Sample(percent=10, seed=1), ())
        assert narrowed.argv == ("run", "a", *narrowed.parts)


class TestNumber:
    @given(count=st.integers(1, 900), seed=st.integers(0, 50))
    def test_is_that_many(self, count: int, seed: int) -> None:
        """Or all there are."""
        assert len(taken(sampled(SUITES, Sample(count=count, seed=seed), ()))) == min(count, 800)


class TestFailed:
    def test_are_always_in(self) -> None:
        """A case belongs to the part that its name begins with."""
        failed = ["execute/499.c/-O2", "ieee/7.c", "execute/49"]
        found = taken(sampled(SUITES, Sample(percent=1, seed=9), failed))
        assert {("execute", "499.c"), ("ieee", "7.c")} <= found

    def test_alone(self) -> None:
        """--failed takes nothing else; a suite without parts as a whole."""
        suites = [*SUITES, Suite("check", ("make", "check"), parse)]
        found = sampled(suites, Sample(failed_only=True), ["ieee/7.c/-O0", "check/boolean"])
        assert taken(found) == {("ieee", "7.c"), ("check", "")}
        assert found[1].argv == ("make", "check")

    def test_one_that_no_suite_claims(self) -> None:
        """Renamed, or of another depth: all are taken, for without it a run would be green."""
        assert sampled(SUITES, Sample(failed_only=True), ["ieee/7.c", "renamed"]) == SUITES
        assert len(taken(sampled(SUITES, Sample(count=5), ["renamed"]))) == 5

    def test_parts_that_cannot_be_run_alone(self) -> None:
        """All of the suite is taken, or nothing: it is never left out for being drawn in part."""
        whole = Suite("a", ("run",), parse, parts=("x", "y"))
        assert sampled([whole], Sample(failed_only=True), ["a/x"]) == [whole]
        assert sampled([whole], Sample(percent=1), ()) == [whole]
        assert sampled([whole], Sample(cases=("a/x",)), ()) == [whole]


class TestRepeating:
    def test_parts_of_the_cases(self) -> None:
        """What a confirming run repeats; a suite that did not complete is repeated whole."""
        found = repeating(SUITES, ["ieee/7.c/-O0", "compile/completed"])
        assert [(each.name, len(each.parts)) for each in found] == [("ieee", 1), ("compile", 240)]

    def test_bare_names(self) -> None:
        """A group's own name is no part of its cases' names."""
        groups = [replace(suite("group-1", 0), parts=("execute/a.c", "execute/b.c"), bare=True), *SUITES]
        found = repeating(groups, ["execute/b.c/-O2"])
        assert [(each.name, each.parts) for each in found] == [("group-1", ("execute/b.c",))]

    def test_unknown_cases_repeat_all(self) -> None:
        """A recipe may rename its cases so that nobody can tell."""
        assert repeating(SUITES, ["renamed"]) == SUITES
        assert repeating(SUITES, ["ieee/7.c/-O0", "renamed"]) == SUITES  # else that one would be missing: red again

    def test_a_name_that_occurred_before(self) -> None:
        """Its number is the engine's own, and the part is the same."""
        assert taken(repeating(SUITES, ["ieee/7.c#2"])) == {("ieee", "7.c")}


class TestNamedCases:
    """--case: tests by name, or by one of their cases'."""

    @pytest.mark.parametrize("case", ["ieee/7.c", "ieee/7.c/-O2"])
    def test_one(self, case: str) -> None:
        """Its test alone, in its own suite."""
        assert taken(sampled(SUITES, Sample(cases=(case,)), ())) == {("ieee", "7.c")}

    @pytest.mark.parametrize(("case", "count"), [("ieee", 60), ("ieee/*", 60), ("ieee/1?.c", 10), ("*/[78].c", 6)])
    def test_many(self, case: str, count: int) -> None:
        """A suite's name, or a pattern over names of tests."""
        assert len(taken(sampled(SUITES, Sample(cases=(case,)), ()))) == count

    def test_a_name_that_looks_like_a_pattern(self) -> None:
        """Is a name where there is one."""
        suites = [Suite("a", ("run",), parse, parts=("x[1]", "x1"), only=lambda parts: tuple(parts))]
        assert taken(sampled(suites, Sample(cases=("a/x[1]",)), ())) == {("a", "x[1]")}

    def test_a_pattern_over_bare_names(self) -> None:
        """What counts is how the cases are called."""
        groups = [replace(suite("group-1", 0), parts=("execute/a.c", "compile/b.c"), bare=True)]
        assert taken(sampled(groups, Sample(cases=("execute/*",)), ())) == {("group-1", "execute/a.c")}

    def test_one_that_is_not_there(self) -> None:
        """Nothing is run in its place, and the nearest is named."""
        with pytest.raises(UnknownCase, match=r"ieee/77\.d \(did you mean ieee/\d+\.c"):
            sampled(SUITES, Sample(cases=("ieee/77.d",)), ())

    def test_names(self) -> None:
        """A cell's name tells them apart."""
        assert str(Sample(cases=("a/b",))) == "a/b"
        assert str(Sample(cases=("a", "b"))) != str(Sample(cases=("a", "c")))
