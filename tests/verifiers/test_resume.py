"""What a cut leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

from verifiers.resume import Cut, clear_torn, find, read, write
from verifiers.state import State

CUT = Cut(
    key="k",
    steps=(),
    commands=(),
    written={"a.config": "A=y\n"},
    unpacked=None,
    began=1000.0,
    seconds=100.0,
    last=1100.0,
)


def file(path: Path, mtime: float) -> Path:
    """A file of that age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (mtime, mtime))
    return path


def test_what_may_be_torn_is_deleted(tmp_path: Path) -> None:
    """Files of the last half minute, but none from before the build, and no journal."""
    kept = [file(tmp_path / "a/old.o", 1069.0), file(tmp_path / ".ninja_log", 1100.0)]
    torn = [file(tmp_path / "a/new.o", 1071.0), file(tmp_path / "b/c/last.o", 1101.5)]
    outside = file(tmp_path.parent / f"{tmp_path.name}-outside", 1100.0)
    (tmp_path / "link").symlink_to(outside)
    assert clear_torn(tmp_path, CUT) == 2
    assert all(path.exists() for path in (*kept, outside, tmp_path / "link"))
    assert not any(path.exists() for path in torn)


def test_what_configure_made_stays(tmp_path: Path) -> None:
    """However short the time between it and the cut."""
    made = file(tmp_path / "Makefile", 999.0)
    assert clear_torn(tmp_path, CUT.model_copy(update={"last": 1001.0})) == 0
    assert made.exists()


def test_find(tmp_path: Path) -> None:
    """The folder of that passage, unless another process has it; damaged notes are none."""
    state = State(tmp_path)
    folder = state.new_work()
    write(folder.path, CUT)
    other = state.new_work()
    write(other.path, CUT.model_copy(update={"key": "other"}))
    (state.new_work().path / "cut.json").write_text("{")
    assert find(state, "k") is None
    folder.leave()
    other.leave()
    found = find(state, "k")
    assert found and found.path == folder.path
    assert read(found.path) == CUT
    assert find(state, "unknown") is None


def test_a_kept_folder_is_not_gone_on_with(tmp_path: Path) -> None:
    """What is left for the user to look at is no beginning of another run's."""
    state = State(tmp_path)
    folder = state.new_work()
    write(folder.path, CUT)
    folder.keep()
    assert find(state, "k") is None
    assert folder.path.exists()


def test_a_new_run_clears_it_away(tmp_path: Path) -> None:
    """One that resumes does not."""
    state = State(tmp_path)
    folder = state.new_work()
    write(folder.path, CUT)
    folder.leave()
    state.open(resuming=True)
    assert folder.path.exists()
    state.open()
    assert not folder.path.exists()
