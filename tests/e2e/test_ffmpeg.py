"""Real FFmpeg at the depth smoke. Slow: run by hand (./run-tests -m slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.real import cell_of, compiler, passed
from verifiers.results import CellResult, Reason, Step, VerdictKind

pytestmark = pytest.mark.slow

FATE = 186  # tests of the depth smoke, 5.1.9


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once an arch."""
    return tmp_path_factory.mktemp("ffmpeg")


def run(state: Path, *arguments: str, arch: str = "x86_64") -> tuple[CellResult, int]:
    """The one cell of FFmpeg."""
    return cell_of(state, "--project", "ffmpeg", "--depth", "smoke", "--arch", arch, *arguments)


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

    SCRIPT = """
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
        cell, code = run(state, "--cc", compiler(tmp_path, self.SCRIPT))
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
