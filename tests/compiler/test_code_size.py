"""The size of an object's code, held against binutils' ``size``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.elf import code_size

SOURCE = 'int table[1000] = {1}; int zero[5000]; const char *name = "hello"; int f(int x) { return x * table[x]; }\n'


@pytest.mark.parametrize(
    "command", [["gcc", "-O2", "-g"], ["tcc"], ["clang"], ["aarch64-linux-gnu-gcc"], ["riscv64-linux-gnu-gcc", "-Os"]]
)
def test_as_binutils_counts_it(tmp_path: Path, command: list[str]) -> None:
    """Text and data, and nothing of what is zero or for a debugger."""
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    (tmp_path / "a.c").write_text(SOURCE)
    subprocess.run([*command, "-c", "a.c", "-o", "a.o"], cwd=tmp_path, check=True)
    told = subprocess.run(["size", "a.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    text, data = told.splitlines()[1].split()[:2]
    assert code_size(tmp_path / "a.o") == int(text) + int(data)


def test_what_is_no_object(tmp_path: Path) -> None:
    """Text, a torn file, a link, a pipe that nobody writes to: None, at once."""
    (tmp_path / "text").write_text("no")
    (tmp_path / "torn").write_bytes(b"\x7fELF\x02\x01" + b"\0" * 20)
    (tmp_path / "hostile").write_bytes(b"\x7fELF\x02\x01" + b"\xff" * 90)
    (tmp_path / "link").symlink_to("/bin/true")
    os.mkfifo(tmp_path / "pipe")
    for name in ("text", "torn", "hostile", "link", "pipe", "none"):
        assert code_size(tmp_path / name) is None
