"""The history."""

from __future__ import annotations

import resource
import sqlite3
from pathlib import Path

import pytest

from tests.verifiers.report.made import cell
from tests.verifiers.report.made import result as made
from verifiers.errors import CcverifyError
from verifiers.results import CellId, CellResult, Depth, Reason, Sample, Step, Verdict, VerdictKind
from verifiers.state import State
from verifiers.store import DamagedHistory, NewerHistory, Store


def result(run: str, kind: VerdictKind, fingerprint: str = "f") -> CellResult:
    """A finished cell."""
    cell = CellId(project="p", version="1", arch="x86_64", candidate="mycc", depth=Depth.SMOKE)
    reason = None if kind is VerdictKind.PASS else Reason.WRONG_RESULT
    return CellResult(cell=cell, fingerprint=fingerprint, verdict=Verdict(kind=kind, reason=reason), run=run)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty history."""
    state = State(tmp_path)
    state.open()
    return Store(state)


class TestStore:
    """Runs and cells."""

    def test_an_unfinished_run_is_found(self, store: Store) -> None:
        """Until it is finished."""
        run = store.begin('{"projects": ["p"]}')
        assert store.unfinished() == (run, '{"projects": ["p"]}')
        store.finish(run)
        assert store.unfinished() is None

    @pytest.mark.parametrize("kind", VerdictKind)
    def test_only_settled_verdicts_are_trusted(self, store: Store, kind: VerdictKind) -> None:
        """What was flaky, broken or our own fault is run again."""
        run = store.begin("{}")
        store.save(result(run, kind))
        found = store.trusted("f")
        assert (found is not None) == (kind in (VerdictKind.PASS, VerdictKind.FAIL))

    def test_what_was_flaky_since_is_no_longer_believed(self, store: Store) -> None:
        """A run that our own side spoiled says nothing; a confirmed one later is believed again."""
        kinds = [VerdictKind.PASS, VerdictKind.ERROR, VerdictKind.FLAKY, VerdictKind.ERROR, VerdictKind.FAIL]
        believed = [True, True, False, False, True]
        for kind, answered in zip(kinds, believed, strict=True):
            store.save(result(store.begin("{}"), kind))
            assert (store.trusted("f") is not None) == answered

    @pytest.mark.parametrize("reason", [Reason.LEAK, Reason.SOURCES_CHANGED, Reason.NO_UNITS])
    def test_what_was_not_its_own_since_is_no_longer_believed(self, store: Store, reason: Reason) -> None:
        """An error, but one that the compiler shows."""
        store.save(result(store.begin("{}"), VerdictKind.PASS))
        shaken = result(store.begin("{}"), VerdictKind.ERROR)
        store.save(shaken.model_copy(update={"verdict": shaken.verdict.model_copy(update={"reason": reason})}))
        assert store.trusted("f") is None

    def test_another_fingerprint_is_another_cell(self, store: Store) -> None:
        """However alike."""
        run = store.begin("{}")
        store.save(result(run, VerdictKind.PASS))
        assert store.trusted("g") is None
        assert [each.run for each in store.of_run(run)] == [run]

    def test_a_newer_history(self, store: Store, tmp_path: Path) -> None:
        """It is said, not overwritten."""
        store.begin("{}")
        with sqlite3.connect(tmp_path / "history.db") as db:
            db.execute("PRAGMA user_version = 99")
        with pytest.raises(NewerHistory, match="newer ccverify"):
            store.begin("{}")

    def test_a_damaged_history(self, store: Store, tmp_path: Path) -> None:
        """One line with what to do."""
        (tmp_path / "history.db").write_bytes(b"this is no database, but long enough to be looked at" * 100)
        with pytest.raises(DamagedHistory, match="move it away") as caught:
            store.begin("{}")
        assert isinstance(caught.value, CcverifyError)

    def test_the_failures_of_the_last_time(self, store: Store) -> None:
        """Of the last time that they were to be seen."""
        run, one = store.begin("{}"), cell(levels=("-O2",))
        store.save(made(cell(), VerdictKind.FAIL, failing=["a/-O0", "b/-O2"], run_id=run))
        store.save(made(cell(), VerdictKind.FAIL, reason=Reason.BAD_FLAG, step=Step.BUILD, run_id=run))
        store.save(made(cell(sample=Sample(cases=("c/-O1",))), run_id=run))
        store.save(made(cell(levels=("-O1",)), run_id=run))
        assert store.failed_cases(cell()) == store.failed_cases(one) == ("a/-O0", "b/-O2")
        store.save(made(one, VerdictKind.FAIL, failing=["b/-O2"], run_id=run))
        assert store.failed_cases(one) == ("b/-O2",)
        store.save(made(cell(sample=Sample(failed_only=True)), run_id=run))
        assert store.failed_cases(cell()) == store.failed_cases(one) == ()

    def test_without_room_it_is_shrunk_another_time(self, store: Store, tmp_path: Path) -> None:
        """Which ends no night."""
        with store._connection() as db:
            db.execute("CREATE TABLE filler(x)")
            db.executemany("INSERT INTO filler VALUES(?)", ((bytes(10_000),) for _ in range(400)))
            db.execute("DELETE FROM filler WHERE rowid > 100")
        size = (tmp_path / "history.db").stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            assert store.forget("2000-01-01") == 0
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (tmp_path / "history.db").stat().st_size == size
        store.forget("2000-01-01")
        assert (tmp_path / "history.db").stat().st_size < size / 2


class TestWorkFolders:
    """What a killed run leaves."""

    def test_stale_folders_go_and_kept_ones_stay(self, tmp_path: Path) -> None:
        """The next run clears up."""
        state = State(tmp_path)
        state.open()
        kept, stale, busy = state.new_work(), state.new_work(), state.new_work()
        kept.keep()
        stale.lock.close()  # as the kernel does when its process dies
        state.open()
        assert [folder.path.exists() for folder in (kept, stale, busy)] == [True, False, True]
        busy.remove()
