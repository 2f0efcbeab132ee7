from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.elf import parse_elf, read_elf

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc")


class TestElf:
    def test_a_program(self) -> None:
        """Its loader and its libraries."""
        elf = read_elf("/proc/self/exe")
        assert elf is not None
        assert elf.interpreter.startswith("/lib")
        assert any(name.startswith("libc.so") for name in elf.needed)

    def test_an_object(self, tmp_path: Path) -> None:
        """Its machine and who made it."""
        subprocess.run(["gcc", "-c", "-x", "c", "/dev/null", "-o", tmp_path / "a.o"], check=True)
        elf = read_elf(tmp_path / "a.o")
        assert elf is not None
        assert (elf.kind, elf.interpreter, elf.needed) == (1, "", ())
        assert elf.comment.startswith("GCC: ")

    def test_the_search_path(self, tmp_path: Path) -> None:
        """RUNPATH as it stands in the file."""
        source = tmp_path / "a.c"
        source.write_text("int main(void) { return 0; }")
        subprocess.run(["gcc", source, "-o", tmp_path / "a", "-Wl,-rpath,$ORIGIN/../lib:/x"], check=True)
        elf = read_elf(tmp_path / "a")
        assert elf is not None
        assert elf.search == ("$ORIGIN/../lib", "/x")

    def test_a_damaged_file_is_none_or_less(self) -> None:
        """Cut anywhere, or with bytes changed, it never raises."""
        whole = Path("/bin/true").read_bytes()
        for cut in (*range(0, 600, 7), len(whole) // 2, len(whole) - 1):
            parse_elf(whole[:cut])
        for at in range(0, 1024):
            parse_elf(whole[:at] + b"\xff" + whole[at + 1 :])
        assert parse_elf(whole[:40]) is None
        assert parse_elf(b"text") is None
