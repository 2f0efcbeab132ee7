"""Real QEMU at the depth smoke: its guests' answers are right, or not. Slow: run by hand (./run-tests -m slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.real import cell_of, compiler, passed
from verifiers.results import Reason, Step, VerdictKind

pytestmark = pytest.mark.slow

ARGUMENTS = ("--project", "qemu", "--depth", "smoke")
ANSWERS = 714 + 1  # of the guest, and its end

# One operator of one helper of TCG's: PDEP puts bits beside their places. All else is gcc's.
OPERATOR = """
for word; do case $word in */target/i386/tcg/int_helper.c) source=$word;; esac; done
[ "$source" ] || exec gcc "$@"
sed 's/dest |= ((src >> i) & 1) << o;/dest |= ((src >> i) \\& 1) << (o ^ 1);/' "$source" > sabotaged.c
cmp -s "$source" sabotaged.c && { echo "error: there is nothing to break" >&2; exit 1; }
for word; do
    shift
    case $word in "$source") set -- "$@" sabotaged.c;; *) set -- "$@" "$word";; esac
done
exec gcc "$@" -I"${source%/*}"
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once."""
    return tmp_path_factory.mktemp("qemu")


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_a_good_compiler_passes(state: Path, cc: str) -> None:
    """The guest's answers are the known ones, and the emulator's lists the oracle's."""
    cell, code = cell_of(state, *ARGUMENTS, "--cc", cc)
    assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
    assert len(passed(cell, state, "guest-x86_64/")) == ANSWERS
    assert len(passed(cell, state, "lists-x86_64/")) == 6


def test_tcc_is_refused_by_configure(state: Path) -> None:
    """What it says is the verdict's reason."""
    cell, code = cell_of(state, *ARGUMENTS, "--cc", "tcc")
    assert (cell.verdict.kind, cell.verdict.step, code) == (VerdictKind.FAIL, Step.CONFIGURE, 1), cell.verdict
    assert cell.verdict.message == "ERROR: You need at least GCC v7.4 or Clang v6.0 (or XCode Clang v10.0)"


def test_a_compiler_that_meson_does_not_know(state: Path, tmp_path: Path) -> None:
    """It compiles all that configure asks for, but its --version is nobody's: meson's own words are the reason."""
    script = 'for word; do [ "$word" = --version ] && { echo "mycc 1.0"; exit; }; done\nexec gcc "$@"\n'
    cell, code = cell_of(state, *ARGUMENTS, "--cc", compiler(tmp_path, script))
    verdict = cell.verdict
    assert (verdict.kind, verdict.step, verdict.reason, code) == (
        VerdictKind.FAIL,
        Step.CONFIGURE,
        Reason.CONFIGURE_FAILED,
        1,
    ), verdict
    assert "Unknown compiler(s): [['/ccverify/bin/cc" in verdict.message


def test_one_wrong_operator_of_a_helper(state: Path, tmp_path: Path) -> None:
    """It builds, and the emulator starts; exactly the instruction's case fails, in two runs."""
    cell, code = cell_of(state, *ARGUMENTS, "--cc", compiler(tmp_path, OPERATOR))
    verdict = cell.verdict
    assert (verdict.kind, verdict.step, verdict.reason) == (VerdictKind.FAIL, Step.TEST, Reason.WRONG_RESULT), verdict
    assert {each.name for each in verdict.differences} == {"guest-x86_64/pdep"}
    assert code == 1 and cell.confirmed
