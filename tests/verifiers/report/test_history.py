"""What the history keeps for reports: places, trends, failing cases; old histories; names of runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.verifiers.report.made import cell, history, matrix, result, run, table
from verifiers.report.selection import Ambiguous, NoSuchRun, Results, find_run, select
from verifiers.report.sides import Mixed, NoPrevious, UnknownSide, sides
from verifiers.results import CellResult, Reason, Step, VerdictKind
from verifiers.schema import MIGRATIONS
from verifiers.state import State
from verifiers.store import RunRow, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty history."""
    state = State(tmp_path)
    state.open()
    return Store(state)


def night(store: Store, *cells: CellResult, request: str = "{}", finish: bool = True) -> str:
    """A run with some cells; its id."""
    run_id = store.begin(request)
    for each in cells:
        store.save(each.model_copy(update={"run": run_id}))
    if finish:
        store.finish(run_id)
    return run_id


class TestPlaces:
    """A cell in a run."""

    def test_what_is_kept_is_what_the_result_says(self, store: Store) -> None:
        """So that reports need not read it."""
        saved = result(cell(), VerdictKind.FAIL, failing=["a", "b"], cost=3.0)
        run_id = night(store, saved)
        (place,) = store.places(run_id)
        assert (place.cell, place.verdict, place.reason, place.step) == (
            saved.cell,
            VerdictKind.FAIL,
            Reason.WRONG_RESULT,
            Step.TEST,
        )
        assert (place.differ, place.cached, place.candidate.build_cpu, place.oracle.test_cpu) == (2, False, 3.0, 2.0)
        assert store.failing([place]) == {place.cell_row: {"a": "fail", "b": "fail"}}
        assert [each and each.cell for each in store.load([place])] == [saved.cell]

    def test_a_cell_taken_from_the_history_is_in_the_run(self, store: Store) -> None:
        """With its own result, and marked."""
        first = night(store, result(cell()))
        second = store.begin("{}")
        (known,) = store.of_run(first)
        store.reuse(second, known)
        store.reuse(second, known)  # a resumed run meets it again
        (place,) = store.places(second)
        assert (place.cached, place.run) == (True, second)
        (loaded,) = store.load([place])
        assert loaded is not None
        assert (loaded.cached, loaded.run) == (True, first)
        third = store.begin("{}")
        store.reuse(third, loaded)
        assert [place.run for place in store.trends(store.places(third), 9)[place.name]] == [first, second, third]

    def test_a_cell_that_ran_twice_in_a_run_counts_once(self, store: Store) -> None:
        """The last time: the compiler was changed before the run was resumed."""
        run_id = night(store, result(cell(), VerdictKind.FAIL), result(cell()))
        assert [place.verdict for place in store.places(run_id)] == [VerdictKind.PASS]

    def test_the_newest_of_every_cell(self, store: Store) -> None:
        """From whichever run."""
        first = night(store, result(cell("p")), result(cell("q")))
        second = night(store, result(cell("p"), VerdictKind.FAIL))
        assert {(place.cell.project, place.run) for place in store.places()} == {("p", second), ("q", first)}

    def test_a_trend_ends_at_its_run(self, store: Store) -> None:
        """What came later is not known there; the oldest come first."""
        kinds = [VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY, VerdictKind.PASS]
        runs = [night(store, result(cell(), kind)) for kind in kinds]
        (place,) = store.places(runs[2])
        assert [each.verdict for each in store.trends([place], 2)[place.name]] == kinds[1:3]

    def test_cases_that_fail_with_both_do_not_differ(self, store: Store) -> None:
        """Skipped ones are not kept at all."""
        ran = run("mycc-1.0")
        cases = table(a="fail", b="skip")
        steps = tuple(
            each.model_copy(update={"cases": cases}) if each.step is Step.TEST else each for each in ran.steps
        )
        run_id = night(store, result(cell(), candidate=ran.model_copy(update={"steps": steps})))
        assert store.failing(store.places(run_id)) == {}
        with sqlite3.connect(store._state.database) as db:
            kept = db.execute("SELECT n.name, f.outcome, f.differs FROM failing f JOIN case_names n ON n.id = f.name")
            assert kept.fetchall() == [("a", "fail", 0)]

    def test_a_result_of_another_version(self, store: Store) -> None:
        """It is shown as what it is: nobody knows."""
        run_id = night(store, result(cell()))
        with sqlite3.connect(store._state.database) as db:
            db.execute("UPDATE cells SET result = '{}'")
        found = Results(store, store.places(run_id))[cell()]
        assert found.verdict.kind is VerdictKind.ERROR
        assert "another ccverify" in found.verdict.message


class TestMigration:
    """Histories that were written before places were kept."""

    def test_an_old_history_has_the_same_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if it had been written today."""
        new = history(tmp_path / "new", matrix(4, ["a-1", "b-1"]), 3, cases=50)
        shown = [place for row in new.runs() for place in new.places(row.id)]
        (tmp_path / "old").mkdir()
        with sqlite3.connect(tmp_path / "old" / "history.db") as db:
            for statement in filter(str.strip, MIGRATIONS[0].split(";")):
                db.execute(statement)
            db.execute("PRAGMA user_version = 1")
            db.execute("ATTACH ? AS new", (str(tmp_path / "new" / "history.db"),))
            db.execute("INSERT INTO runs SELECT id, started, finished, request FROM new.runs")
            db.execute("INSERT INTO cells SELECT * FROM new.cells")
        old = Store(State(tmp_path / "old"))
        again = [place for row in old.runs() for place in old.places(row.id)]
        assert [
            (each.run, each.cell, each.verdict, each.reason, each.step, each.differ, each.started) for each in again
        ] == [(each.run, each.cell, each.verdict, each.reason, each.step, each.differ, each.started) for each in shown]
        assert [each.oracle for each in again] == [each.oracle for each in shown]
        assert [each.candidate for each in again] == [each.candidate for each in shown]
        assert list(old.failing(again).values()) == list(new.failing(shown).values())
        assert any(place.differ for place in again)


class TestNames:
    """How runs are named."""

    RUNS = tuple(
        RunRow(id=name, started="", finished="x", request="", cells=cells)
        for name, cells in (
            ("20261120-010000-aaaa", 3),
            ("20261121-010000-bbbb", 3),
            ("20261121-020000-cccc", 2),
            ("20261121-030000-dddd", 0),
            ("20261122-010000-eeee", 0),
        )
    )

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("latest", "cccc"),
            ("20261120-010000-aaaa", "aaaa"),
            ("20261121-01", "bbbb"),
            ("2026-11-21", "cccc"),
            ("20261121", "cccc"),
            ("2026-11-22", "eeee"),
        ],
    )
    def test_found(self, name: str, found: str) -> None:
        """By id, its beginning, a date (the newest with cells), or latest."""
        assert find_run(name, self.RUNS).id.endswith(found)

    def test_several(self) -> None:
        """More of the id is asked for."""
        with pytest.raises(Ambiguous, match="beginning of 3 runs"):
            find_run("20261121-0", self.RUNS)

    @pytest.mark.parametrize(
        ("name", "hint"), [("20261120-010000-aaab", "aaaa"), ("lastest", "latest"), ("2026-11-12", "2026-11-")]
    )
    def test_unknown(self, name: str, hint: str) -> None:
        """With the nearest."""
        with pytest.raises(NoSuchRun, match=rf"did you mean [^)]*{hint}"):
            find_run(name, self.RUNS)

    def test_sides(self, store: Store) -> None:
        """Runs, previous, compilers, and what is wrong with others."""
        gcc, clang = cell(candidate="gcc-12.2.0"), cell(candidate="clang-14.0.6")
        first = night(store, result(gcc), result(clang))
        night(store, result(cell("alone")))
        third = night(store, result(gcc))
        assert [side.name for side in sides(store, "previous", "latest")] == [first, third]
        assert [side.name for side in sides(store, "latest", "previous")] == [third, first]
        assert [side.name for side in sides(store, "gcc", "clang-14.0.6")] == ["gcc-12.2.0", "clang-14.0.6"]
        assert [side.name for side in sides(store, first, "latest")] == [first, third]
        with pytest.raises(Mixed):
            sides(store, "gcc", "latest")
        with pytest.raises(UnknownSide, match="did you mean clang"):
            sides(store, "gcc", "clong")
        with pytest.raises(NoPrevious):
            sides(store, "previous", first)

    def test_previous_has_much_of_it(self, store: Store) -> None:
        """Not one of a few of its cells, where an earlier one has more."""
        whole = [result(cell(project)) for project in ("p", "q", "r")]
        first, _, third = night(store, *whole), night(store, whole[0]), night(store, *whole)
        assert [side.name for side in sides(store, "previous", third)] == [first, third]
        last = night(store, whole[0], result(cell("s")), result(cell("t")))
        assert [side.name for side in sides(store, "previous", last)] == [third, last]

    def test_a_selection_knows_what_was_not_run(self, store: Store) -> None:
        """What the last run that was asked the same had, and this one has not."""
        ask = '{"projects": ["p", "q"], "jobs": 2}'
        night(store, result(cell("p")), result(cell("q")), request=ask)
        night(store, result(cell("r")), request='{"projects": ["r"]}')
        cut = night(store, result(cell("p")), request=ask.replace("2", "8"), finish=False)
        found = select(store, "latest")
        assert found.run is not None
        assert (found.run.id, found.run.finished) == (cut, None)
        assert [place.cell.project for place in found.not_run] == ["q"]
        assert len(found.alike) == 2
        assert [place.cell.project for place in select(store, "all").places] == ["q", "r", "p"]
