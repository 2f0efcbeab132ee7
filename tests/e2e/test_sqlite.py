"""Real SQLite. The smoke cell runs with all tests; the rest is slow and run by hand (./run-tests -m slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.real import cell_of, compiler, passed
from verifiers.results import CellResult, Reason, Step, VerdictKind

FUZZ_SMOKE = 14_616
FUZZ = 46_217
EXTRAQUICK = 254_024


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once a depth."""
    return tmp_path_factory.mktemp("sqlite")


def run(state: Path, *arguments: str) -> tuple[CellResult, int]:
    """The one cell of SQLite."""
    return cell_of(state, "--project", "sqlite", "--arch", "x86_64", *arguments)


class TestSmoke:
    """About a minute of testing."""

    def test_clang_passes(self, state: Path) -> None:
        """With the oracle's counts, every unit its own, and the second time from the cache."""
        cell, code = run(state, "--depth", "smoke", "--cc", "clang")
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert len(passed(cell, state, "fuzzdata")) == FUZZ_SMOKE
        assert cell.candidate is not None
        assert cell.candidate.provenance.leaks == ()
        again, _ = run(state, "--depth", "smoke", "--cc", "clang")
        assert again.cached

    def test_tcc_is_red_in_the_build(self, state: Path) -> None:
        """The true first reason, with file and line."""
        cell, code = run(state, "--depth", "smoke", "--cc", "tcc")
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, verdict.reason, code) == (
            VerdictKind.FAIL,
            Step.BUILD,
            Reason.REJECTS_VALID,
            1,
        )
        assert "pread64" in verdict.message
        assert "sqlite3.c:" in verdict.message


@pytest.mark.slow
class TestSaboteur:
    """One constant flipped in one function of sqlite3.c."""

    SCRIPT = """
# sqlite3Atoi64 multiplies by eleven
[ -e sqlite3.c ] || exec gcc "$@"
sed 's/u = u\\*10 + c/u = u*11 + c/' sqlite3.c > sabotaged.c
for word; do
    shift
    case $word in *sqlite3.c) set -- "$@" sabotaged.c;; *) set -- "$@" "$word";; esac
done
exec gcc "$@"
"""

    def test_is_caught_by_its_output(self, state: Path, tmp_path: Path) -> None:
        """Nothing crashes; only the results are not the oracle's."""
        cell, code = run(state, "--depth", "smoke", "--cc", compiler(tmp_path, self.SCRIPT))
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, code) == (VerdictKind.FAIL, Step.TEST, 1)
        assert verdict.reason in (Reason.WRONG_RESULT, Reason.TEST_CRASH)


@pytest.mark.slow
class TestStandard:
    """What convinces."""

    @pytest.mark.parametrize("cc", ["gcc", "clang"])
    def test_passes(self, state: Path, cc: str) -> None:
        """With the counts measured by hand."""
        cell, code = run(state, "--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert len(passed(cell, state, "fuzzdata")) == FUZZ
        assert len(passed(cell, state, "extraquick")) == EXTRAQUICK

    def test_tcc_accommodated(self, state: Path) -> None:
        """One test name differs, and that is known."""
        cell, code = run(state, "--cc", "tcc", "--accommodate")
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert cell.cell.accommodate
        assert cell.accommodations
