"""Files of a project that are no longer as they were."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from verifiers.untouched import remember, touched


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree, complete, and copied into the build folder."""
    for name in ("a.test", "sub/b.c", "sub/c.c"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text("1\n")
    (tmp_path / "src/link").symlink_to("/nowhere")
    time.sleep(0.02)  # the clock of files is a coarse one
    remember(tmp_path, tmp_path / "src")
    time.sleep(0.02)
    shutil.copytree(tmp_path / "src", tmp_path / "build", symlinks=True)
    return tmp_path


def found(folder: Path) -> tuple[str, ...]:
    return touched(folder, folder / "src", folder / "build")


def test_nothing(folder: Path) -> None:
    """A copy is none, nor a file that the build made, or removed where it had copied it."""
    (folder / "build/new").touch()
    (folder / "src/new").touch()
    (folder / "build/sub/c.c").unlink()
    assert found(folder) == ()


def test_another_content_of_the_same_size_and_times(folder: Path) -> None:
    """Of a file itself, and of its copy."""
    for path in (folder / "src/a.test", folder / "build/sub/b.c"):
        before = path.stat()
        path.write_text("2\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found(folder) == ("a.test", "sub/b.c")


def test_a_program_called_as_a_folder_of_the_tree(folder: Path) -> None:
    """What is built there is no copy of what is in that folder; a link to itself in the copy's place is none either."""
    shutil.rmtree(folder / "build/sub")
    (folder / "build/sub").write_text("a program")
    assert found(folder) == ()
    (folder / "build/sub").unlink()
    (folder / "build/sub").symlink_to("sub")
    assert found(folder) == ("sub/b.c", "sub/c.c")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """It is told so that a result can hold it."""
    name = os.fsdecode(b"latin1-\xe9.c")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / name).write_text("1\n")
    remember(tmp_path, tmp_path / "src")
    (tmp_path / "src" / name).unlink()
    assert found(tmp_path) == (r"latin1-\xe9.c",)


def test_a_copy_that_is_no_file_any_more(folder: Path) -> None:
    """A link to other answers, or to the very same, which can be turned later; a folder; one that leads nowhere."""
    for name, target in (("a.test", "new"), ("sub/b.c", "../../src/sub/b.c"), ("sub/c.c", "/nowhere")):
        (folder / "build" / name).unlink()
        (folder / "build" / name).symlink_to(target)
    assert found(folder) == ("a.test", "sub/b.c", "sub/c.c")
    (folder / "build/a.test").unlink()
    (folder / "build/a.test").mkdir()
    assert found(folder) == ("a.test", "sub/b.c", "sub/c.c")


def test_a_file_in_the_place_of_another_or_of_none(folder: Path) -> None:
    """It is a new one, whatever it says."""
    (folder / "src/a.test").unlink()
    (folder / "other").write_text("2\n")
    (folder / "other").rename(folder / "src/sub/b.c")
    assert found(folder) == ("a.test", "sub/b.c")


def test_nothing_was_unpacked(tmp_path: Path) -> None:
    """A project that generates its sources has none."""
    assert touched(tmp_path, tmp_path / "src", tmp_path / "build") == ()
