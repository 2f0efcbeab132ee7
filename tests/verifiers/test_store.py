"""The history."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from verifiers.errors import CcverifyError
from verifiers.results import CellId, CellResult, Depth, Reason, Verdict, VerdictKind
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
