"""The small parts of reports: hidden characters, groups, ratios, health, names, drawings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifiers.report.made import cell, result, run
from verifiers.report.casepage import case_page
from verifiers.report.detail import detail
from verifiers.report.drawing import Series, case_trend, plot, trend
from verifiers.report.groups import groups, normalise
from verifiers.report.health import age, health
from verifiers.report.names import safe, slug
from verifiers.report.ratios import ratios, times
from verifiers.report.visible import LINE, lines, one, visible
from verifiers.report.wording import headline, line
from verifiers.results import Leak, MatrixResult, Mix, Provenance, Reason, Ruling, Sample, Step, VerdictKind
from verifiers.store import CASES, Costs, Place


def place(kind: VerdictKind = VerdictKind.PASS, **more: object) -> Place:
    """A cell in a run."""
    base = Place(
        run="20261122-010000-0000",
        name=1,
        cell=cell(),
        cell_row=1,
        cached=False,
        verdict=kind,
        reason=None,
        step=None,
        started="2026-11-22T01:00:00+00:00",
        differ=0,
        candidate=Costs(2.0, 40_000, 700.0),
        oracle=Costs(1.0, 20_000, 1.0),
    )
    return dataclasses.replace(base, **more)  # type: ignore[arg-type]


class TestVisible:
    """Text that would do harm unseen."""

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\0b", "a␀b"),
            ("\x1b[31mred", "␛[31mred"),
            ("\x7f", "␡"),
            ("\u202egnp.exe", "[U+202E RIGHT-TO-LEFT OVERRIDE]gnp.exe"),
            ("\u200b", "[U+200B ZERO WIDTH SPACE]"),
            ("\x9b", "[U+009B]"),
            ("\ud800", "[U+D800]"),
            ("\uffff", "[U+FFFF]"),
            ("tab\tand ünïcode ✓ 漢", "tab\tand ünïcode ✓ 漢"),
        ],
    )
    def test_is_shown(self, text: str, shown: str) -> None:
        """By a picture, or by number and name."""
        assert visible(text) == shown

    @given(st.text())
    def test_what_is_shown_is_xml(self, text: str) -> None:
        """Nothing is left that XML 1.0 forbids, and doing it twice changes nothing."""
        shown = visible(text)
        assert not re.search("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", shown)
        assert visible(shown) == shown

    def test_a_line_without_end_is_cut(self) -> None:
        """And its length told."""
        assert len(one("x" * 1_000_000)) < LINE + 40
        assert one("x" * 1_000_000).endswith("… (1,000,000 characters)")
        (line,) = lines(b"\xff" * 1_000_000, 5)
        assert len(line) < LINE + 40

    def test_the_last_lines(self) -> None:
        """Of a log with other systems' line ends."""
        assert lines(b"one\r\ntwo\nthree", 2) == ["two", "three"]


class TestGroups:
    """Same-looking failures."""

    @pytest.mark.parametrize(
        ("one_way", "another"),
        [
            ("/tmp/x/a.c:12:3: error: unknown type name 'foo'", "src/deep/b.c:7:1: error: unknown type name 'bar_t'"),
            ("internal error at 0x7ffe01 in pass 3", "internal error at 0x55aa in pass 12"),
            ("3 of 5 cases differ, first check/x: got 8", "1 of 9,000 cases differ, first check/x: got 12"),
            ("undefined reference to `a'", "undefined reference to `b'"),
            ("\x1b[1merror:\x1b[0m no", "error: no"),
            ("cannot open /usr/lib/x/y.so", "cannot open /opt/z/w/q.so"),
        ],
    )
    def test_alike(self, one_way: str, another: str) -> None:
        """Paths, numbers, addresses and quoted names do not tell failures apart."""
        assert normalise(one_way) == normalise(another)

    @pytest.mark.parametrize(
        ("one_way", "another"),
        [
            ("a.c:1: error: unknown type name 'x'", "a.c:1: error: expected expression"),
            ("check/json: wrong", "check/tree: wrong"),
        ],
    )
    def test_unlike(self, one_way: str, another: str) -> None:
        """What they say does."""
        assert normalise(one_way) != normalise(another)

    def test_ranked_by_size(self) -> None:
        """The largest first; green cells are in none, and every red one is in one."""
        red = [
            result(
                cell(f"p{n}"),
                VerdictKind.FAIL,
                reason=Reason.REJECTS_VALID,
                step=Step.BUILD,
                message=f"x.c:{n}: error: no",
            )
            for n in range(3)
        ]
        lone = result(cell("q"), VerdictKind.FAIL, reason=Reason.COMPILER_CRASH, step=Step.BUILD, message="crashed")
        found = groups([lone, *red, result(cell("r")), result(cell("s"), VerdictKind.SKIP)])
        assert [len(group.cells) for group in found] == [3, 1]
        assert found[0].candidates == "mycc-1.0 ×3"
        assert found[0].signature == "FILE:N: error: no"

    def test_the_same_words_for_another_reason_are_another_group(self) -> None:
        """A crash is no rejection."""
        pair = [
            result(cell(name), VerdictKind.FAIL, reason=reason, step=Step.BUILD, message="boom")
            for name, reason in (("p", Reason.COMPILER_CRASH), ("q", Reason.REJECTS_VALID))
        ]
        assert len(groups(pair)) == 2


class TestRatios:
    """Costs as multiples of the oracle's."""

    def test_seven_hundred_times_is_costly(self) -> None:
        """And twice is dear."""
        found = ratios(place())
        assert {name: (each.text, each.level) for name, each in found.items()} == {
            "compile": ("2.0×", "dear"),
            "memory": ("2.0×", "dear"),
            "test": ("700×", "costly"),
        }

    def test_too_little_is_noise(self) -> None:
        """Ten times nothing is nothing; but not where the candidate's side is much."""
        tiny = place(candidate=Costs(0.05, 1, 5.0), oracle=Costs(0.005, 1, 0.005))
        found = ratios(tiny)
        assert (found["compile"].text, found["compile"].level) == ("~10×", "")
        assert (found["test"].text, found["test"].level) == ("1,000×", "costly")

    def test_half_a_build_is_not_compared(self) -> None:
        """Nor the tests of a program that crashed; one side alone has no ratio."""
        assert ratios(place(VerdictKind.FAIL, candidate=Costs(0.5, 10, None))) == {}
        assert "test" not in ratios(place(VerdictKind.FAIL, reason=Reason.TEST_CRASH))
        assert ratios(place(oracle=Costs())) == {}

    @pytest.mark.parametrize(("value", "shown"), [(0.04, "0.04×"), (1.0, "1.0×"), (9.96, "10×"), (1234.5, "1,234×")])
    def test_words(self, value: float, shown: str) -> None:
        """Short at any size."""
        assert times(value) == shown


class TestHealth:
    """The first line."""

    NOW = "2026-11-22T07:00:00+00:00"

    def test_well(self) -> None:
        """Nothing is amiss, and the counts add up."""
        found = health([place(), place(VerdictKind.FAIL)], self.NOW, disk=(50 << 30, 100 << 30))
        assert found.well
        assert found.line == (
            "harness well; 2 cells = 1 pass + 1 fail; oracle red 0; not run 0; 50.0 GiB of 100 GiB disk free; "
            "results 6 h to 6 h old"
        )

    @pytest.mark.parametrize("kind", VerdictKind)
    def test_the_sum_is_the_number_of_cells(self, kind: VerdictKind) -> None:
        """Whatever they came to, and also those that were not run."""
        found = health([place(), place(kind), place(kind)], self.NOW, not_run=4)
        assert sum(found.counts.values()) + found.not_run == found.cells == 7
        numbers = [int(word) for word in re.findall(r"\d+", found.sum)]
        assert numbers[0] == sum(numbers[1:])

    @pytest.mark.parametrize(
        ("cells", "more", "trouble"),
        [
            ([place(), place(VerdictKind.BROKEN)], {}, "oracle red in 1 cells"),
            ([place(), place(VerdictKind.ERROR, reason=Reason.DOWNLOAD)], {}, "sources not to be had in 1 cells"),
            ([place(), place(VerdictKind.ERROR, reason=Reason.LEAK)], {}, "no verdict in 1 cells: 1 leak"),
            ([place()], {"not_run": 3}, "3 cells not run"),
            ([place()], {"not_run": 2, "note": "its time was over"}, "2 cells not run: its time was over"),
            ([place()], {"note": "it was broken off: no disk"}, "it was broken off: no disk"),
            ([place()], {"answering": (0, 2)}, "none of 2 mirrors answers"),
            ([place()], {"stale": ["mycc-1.2"]}, "not rebuilt lately: mycc-1.2"),
            ([place()], {"cut_short": True}, "the run did not come to its end"),
            ([place()], {"disk": (1 << 30, 100 << 30)}, "only 1.0 GiB of disk free"),
            ([place(started="2026-11-19T01:00:00+00:00")], {}, "newest result 3 d old"),
            ([], {}, "no cell came to a verdict"),
            ([place(VerdictKind.SKIP)], {}, "no cell came to a verdict"),
        ],
    )
    def test_not_well(self, cells: list[Place], more: dict[str, int], trouble: str) -> None:
        """It says what, and says it first."""
        found = health(cells, self.NOW, **more)  # type: ignore[arg-type]
        assert not found.well
        assert trouble in found.troubles
        assert found.line.startswith("HARNESS NOT WELL: ")

    def test_excused_failures_are_counted_apart(self) -> None:
        """They are neither passes nor among the failures, and the sum stays the number of cells."""
        cells = [place(), place(VerdictKind.FAIL), place(VerdictKind.FAIL, ruling=Ruling(excused=True))]
        found = health(cells, self.NOW)
        assert found.sum == "3 cells = 1 pass + 1 fail + 1 excused"
        assert found.counts[VerdictKind.FAIL] == 2

    def test_mirrors_and_the_age_of_the_toolchain(self) -> None:
        """Are told in any case."""
        found = health([place()], self.NOW, answering=(2, 3), toolchain={"mycc-1.2": "2026-11-20", "gcc": "2023-01-08"})
        assert "2 of 3 mirrors answer; toolchain mycc-1.2 2 d, gcc 1414 d old" in found.line

    def test_a_red_candidate_is_no_trouble_of_the_harness(self) -> None:
        """It is what the harness is for."""
        assert health([place(VerdictKind.FAIL), place(VerdictKind.FLAKY)], self.NOW).well

    def test_cells_from_the_history_are_as_old_as_they_are(self) -> None:
        """But the run is not."""
        old = place(started="2026-10-01T00:00:00+00:00", cached=True)
        found = health([old], self.NOW, began="2026-11-22T06:00:00+00:00")
        assert found.well
        assert "results 60 min to 52 d old" in found.line

    @pytest.mark.parametrize(
        ("then", "words"), [("2026-11-22T06:59:00+00:00", "1 min"), ("nonsense", "0 min"), ("", "0 min")]
    )
    def test_age(self, then: str, words: str) -> None:
        """A time that cannot be read is none."""
        assert age(then, self.NOW) == words


class TestShown:
    """What `verify show` prints."""

    @pytest.mark.parametrize(
        ("mix", "words"),
        [
            (Mix(percent=10, seed=3), "--mix 10% --seed 3 --fresh"),
            (Mix(files=("a.c",)), "/mixed.txt --fresh"),
            (None, "--case a --fresh"),
        ],
    )
    def test_a_case_is_repeated_as_it_was(self, tmp_path: Path, mix: Mix | None, words: str) -> None:
        """With the same share of the units."""
        page = list(case_page(result(cell(mix=mix), VerdictKind.FAIL, failing=["a"]), "a", tmp_path))
        assert page[-2].startswith("repeat it: verify --project p@1.0") and page[-2].endswith(words)

    def test_a_damaged_list_of_cases(self, tmp_path: Path) -> None:
        """Leaves the rest to be read."""
        made = result(cell(), run_id="r")
        (tmp_path / made.folder).mkdir(parents=True)
        (tmp_path / made.folder / CASES).write_bytes(b"torn")
        assert "5 cases held against" in detail(made, tmp_path, 5)


class TestNames:
    """File names."""

    def test_hostile_names_stay_in_their_folder(self) -> None:
        """Whatever a candidate is called."""
        for name in ("../../etc/passwd", "a/b", ".", "", "x" * 500, "\0", "a b|c"):
            found = slug(cell(candidate=name))
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}", found), found

    def test_two_cells_have_two_names(self) -> None:
        """Also where what is safe of them is the same."""
        names = [cell(candidate=name) for name in ("a/b", "a b", "a-b")]
        names += [cell(mix=mix) for mix in (None, Mix(percent=10), Mix(files=("x",)), Mix(files=("y",)))]
        names += [cell(accommodate=True)]
        assert len({slug(name) for name in names}) == len(names)
        assert safe("a/b") != safe("a b")


class TestDrawings:
    """SVG."""

    def test_marks_have_words(self) -> None:
        """For who cannot see them."""
        drawn = trend([VerdictKind.PASS, VerdictKind.PASS, VerdictKind.FAIL])
        assert 'aria-label="last 3 runs, oldest first: 2× pass, then fail"' in drawn
        assert "last 2 runs, oldest first: not tested, then did not fail" in case_trend([None, ""])
        ElementTree.fromstring(drawn)

    @pytest.mark.parametrize(
        "values", [[1.0], [0.0, 0.0], [1.0, None, 3.0], [0.001, 900.0], [None], [5.0, 5.0], [1e-9, 1e9]]
    )
    def test_plots_are_well_formed(self, values: list[float | None]) -> None:
        """Also of one value, of none and of equal ones."""
        drawn = plot("t <&> \0", ["11-01"] * len(values), [Series("</svg><script>", values)], "×")
        assert "<script" not in drawn
        if drawn:
            tree = ElementTree.fromstring(drawn)
            numbers = [float(each.get("cy", "0")) for each in tree.iter("circle")]
            assert all(0 <= number <= 130 for number in numbers)


@pytest.mark.parametrize(
    ("samples", "said"), [(0, "3 cells: "), (2, "3 cells, 2 of samples: "), (3, "3 cells of samples: ")]
)
def test_the_headline_says_how_much_of_it_are_samples(samples: int, said: str) -> None:
    """A night has both."""
    drawn = [Sample(percent=2.0) if number < samples else None for number in range(3)]
    cells = tuple(result(cell(f"p{number}", sample=sample)) for number, sample in enumerate(drawn))
    text = headline(MatrixResult(run="r", started="", seconds=1.0, cells=cells))
    assert text.startswith(f"{said}3 pass, 0 fail")


def test_a_red_cell_tells_what_is_not_the_candidates() -> None:
    """What passes in it may be another compiler's work; a cell that is red for that says so anyway."""
    leak = Leak(unit="a.c", how="it ran /usr/bin/gcc")
    made = Provenance(units=2, candidate=1, leaks=(leak,))
    for reason, told in ((Reason.WRONG_RESULT, True), (Reason.LEAK, False)):
        red = result(cell(), VerdictKind.FAIL, reason=reason, candidate=run("mycc", provenance=made))
        assert ("; and a unit is not the candidate's: a.c: it ran /usr/bin/gcc" in line(red)) is told
