"""Building, configuring and installing the driver, and reading its log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.driver import BadDriverConfig, DriverConfig, DriverLimits, DriverNotBuilt, build_driver, read_log
from tests.compiler.driver_rig import GCC, Rig


class TestBuild:
    def test_twice_is_once(self, tmp_path: Path) -> None:
        """The second answer is the first one's file, untouched."""
        first = build_driver([GCC], tmp_path)
        stamp = first.stat().st_mtime_ns
        assert build_driver([GCC], tmp_path) == first and first.stat().st_mtime_ns == stamp
        assert [path.name for path in tmp_path.iterdir()] == [first.name]

    def test_another_compiler_is_another_driver(self, tmp_path: Path) -> None:
        """The key holds the command."""
        assert build_driver([GCC], tmp_path) != build_driver([GCC, "-g0"], tmp_path)

    def test_two_at_once(self, tmp_path: Path) -> None:
        """Each gets a whole driver."""
        code = (
            "import sys; from pathlib import Path; from compiler.driver import build_driver;"
            "print(build_driver(['gcc'], Path(sys.argv[1])))"
        )
        running = [
            subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        paths = {process.communicate(timeout=120)[0].strip() for process in running}
        assert len(paths) == 1 and os.access(paths.pop(), os.X_OK)
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("cc", [["/nowhere/gcc"], ["/bin/false"]])
    def test_compiler_that_cannot(self, tmp_path: Path, cc: list[str]) -> None:
        """One line with the compiler and what to do."""
        with pytest.raises(DriverNotBuilt, match=rf"cannot compile the driver with {cc[0]}: .*verify doctor"):
            build_driver(cc, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_compiles_without_a_warning(self, tmp_path: Path) -> None:
        """As strictly as gcc can look."""
        source = Path(__file__).parents[2] / "compiler" / "driver" / "driver.c"
        subprocess.run(
            [GCC, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-c", source, "-o", tmp_path / "x.o"], check=True
        )

    def test_a_build_that_damages_its_driver_harms_no_other(self, tmp_path: Path) -> None:
        """The installed one is a copy."""
        rig = Rig(tmp_path)
        Path(rig.cc).chmod(0o777)
        Path(rig.cc).write_bytes(b"")
        (tmp_path / "other").mkdir()
        assert Rig(tmp_path / "other").run("--version").returncode == 0


class TestConfig:
    @pytest.mark.parametrize("word", ["a\tb", "a\nb", "a\0b"])
    def test_words_that_no_line_can_hold(self, word: str) -> None:
        """Refused, never cut up into two."""
        with pytest.raises(BadDriverConfig):
            DriverConfig(log="l", root="/", candidate=("cc", word), oracle=("gcc",)).text()

    def test_is_replaced_whole(self, tmp_path: Path) -> None:
        """A call at the same time sees one or the other, and others may read it."""
        path = tmp_path / "driver.conf"
        for seconds in (1.0, 2.0):
            limits = DriverLimits(seconds=seconds)
            DriverConfig(log="l", root="/", candidate=("cc",), oracle=("gcc",), limits=limits).write(path)
        assert "limit\tseconds\t2.0\n" in path.read_text()
        assert [file.name for file in tmp_path.iterdir()] == ["driver.conf"] and path.stat().st_mode & 0o444 == 0o444


class TestLog:
    def line(self, tmp_path: Path) -> bytes:
        rig = Rig(tmp_path)
        rig.write("a.c")
        rig.run("-c", "a.c")
        return rig.log.read_bytes()

    def test_no_log_is_no_calls(self, tmp_path: Path) -> None:
        """A build that never called the compiler."""
        assert list(read_log(tmp_path / "none")) == []

    def test_torn_lines(self, tmp_path: Path) -> None:
        """Left out; a whole line glued to a torn one is found again."""
        line = self.line(tmp_path)
        torn = tmp_path / "torn"
        torn.write_bytes(line + line[:100] + line + b'{"v":1,"id":"1-1"}\n' + b"\xff\n" + line[:-20])
        assert [call.unit for call in read_log(torn)] == ["a.c", "a.c"]

    def test_a_long_one(self, tmp_path: Path) -> None:
        """As a kernel's log has lines. What they cost: benchmarks/parsing.py."""
        log = tmp_path / "many"
        log.write_bytes(self.line(tmp_path) * 10_000)
        assert sum(1 for _ in read_log(log)) == 10_000
