"""Real FFmpeg at the depth smoke. Slow: run by hand (./run-tests -m slow)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifiers.results import COMPLETED, CellResult, MatrixResult, Reason, Step, VerdictKind
from verifiers.store import read_cases

pytestmark = pytest.mark.slow

FATE = 187  # tests of the depth smoke, 5.1.9


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once an arch."""
    return tmp_path_factory.mktemp("ffmpeg")


def run(state: Path, *arguments: str, arch: str = "x86_64") -> tuple[CellResult, int]:
    """The one cell's result and the exit code of the real command."""
    words = ("--project", "ffmpeg", "--depth", "smoke", "--arch", arch, "--json", "--state", str(state))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "verifiers", *words, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=7200)
    assert done.stdout, done.stderr
    (cell,) = MatrixResult.model_validate_json(done.stdout).cells
    return cell, done.returncode


def passed(cell: CellResult, state: Path, suite: str) -> set[str]:
    """The candidate's passed cases of a suite, without the suite's name."""
    names = read_cases(state / cell.folder / "cases.json.gz").passed
    return {name.removeprefix(suite) for name in names if name.startswith(suite) and not name.endswith(COMPLETED)}


class TestCompilers:
    @pytest.mark.parametrize("cc", ["gcc", "clang"])
    def test_passes(self, state: Path, cc: str) -> None:
        """All tests of FATE, and every unit its own."""
        cell, code = run(state, "--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert len(passed(cell, state, "fate/")) == FATE
        assert cell.candidate is not None
        made = cell.candidate.provenance
        assert (made.leaks, made.candidate) == ((), made.units)

    def test_tcc(self, state: Path) -> None:
        """The true first reason."""
        cell, code = run(state, "--cc", "tcc")
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, code) == (VerdictKind.FAIL, Step.BUILD, 1)


class TestSaboteur:
    """One filter rounds otherwise."""

    SCRIPT = """#!/bin/sh
for word; do case $word in */libavfilter/vf_unsharp.c) source=$word;; esac; done
[ "$source" ] || exec gcc "$@"
sed 's/halfscale = 1 << (fp->scalebits - 1)/halfscale = 1 << (fp->scalebits - 2)/' "$source" > sabotaged.c
for word; do
    shift
    case $word in "$source") set -- "$@" sabotaged.c;; *) set -- "$@" "$word";; esac
done
exec gcc "$@" -I"${source%/*}"
"""

    def test_exactly_its_tests_fail(self, state: Path, tmp_path: Path) -> None:
        """The one that uses it, in two runs, and none of the others."""
        for path in (tmp_path, *tmp_path.parents[:2]):
            path.chmod(path.stat().st_mode | 0o011)
        cc = tmp_path / "mycc"
        cc.write_text(self.SCRIPT)
        cc.chmod(0o755)
        cell, code = run(state, "--cc", str(cc))
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, verdict.reason, code) == (
            VerdictKind.FAIL,
            Step.TEST,
            Reason.WRONG_RESULT,
            1,
        )
        assert {each.name for each in verdict.differences} == {"fate/filter-unsharp"}
        assert cell.confirmed


class TestArches:
    @pytest.mark.parametrize("arch", ["i686", "aarch64", "riscv64"])
    def test_cross_gcc_passes(self, state: Path, arch: str) -> None:
        """Built for another machine, its tests run there."""
        cell, code = run(state, "--cc", "gcc", arch=arch)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert len(passed(cell, state, "fate/")) == FATE
