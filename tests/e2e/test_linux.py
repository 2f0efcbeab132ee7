"""Real Linux at the depth smoke: it boots, or it does not. Slow: run by hand (./run-tests -m slow)."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.driver import share
from tests.e2e.real import cell_of, compiler, passed
from verifiers.results import Reason, Step, VerdictKind

pytestmark = pytest.mark.slow

CHECKS = 19 + 3  # of the first program, and of the console around them
BAD = "src/init/init_task.c"

# One expression of one object loses its symbol: the first task's list of tasks ends nowhere. All else is gcc's.
EXPRESSION = """
case "$*" in *" -c -o init/init_task.o "*) ;; *) exec gcc "$@";; esac
for word; do
    shift
    case $word in
        -c) set -- "$@" -S;;
        init/init_task.o) set -- "$@" init/init_task.s;;
        *) set -- "$@" "$word";;
    esac
done
gcc "$@" || exit
sed -i '/^\t\\.quad\tinit_task+576$/{n;s/init_task+576/576/}' init/init_task.s
grep -q '\\.quad\t576$' init/init_task.s || { echo "error: there is nothing to break" >&2; exit 1; }
exec gcc -c -o init/init_task.o init/init_task.s
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder, so that the oracle is run once."""
    return tmp_path_factory.mktemp("linux")


def test_clang_boots(state: Path) -> None:
    """Each check passes, in a kernel whose units are all clang's."""
    cell, code = cell_of(state, "--project", "linux", "--depth", "smoke", "--cc", "clang")
    assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
    assert len(passed(cell, state, "boot/")) == CHECKS


def test_tcc_is_refused_by_kconfig(state: Path) -> None:
    """It is neither GCC nor Clang, and scripts/cc-version.sh says so: an honest failure of configure."""
    cell, code = cell_of(state, "--project", "linux", "--depth", "smoke", "--cc", "tcc")
    assert (cell.verdict.kind, cell.verdict.step, code) == (VerdictKind.FAIL, Step.CONFIGURE, 1), cell.verdict
    assert cell.verdict.message == "/ccverify/bin/cc: unknown C compiler"


def test_one_wrong_expression_does_not_boot(state: Path, tmp_path: Path) -> None:
    """It builds and links; the oops is in the cell."""
    cell, code = cell_of(state, "--project", "linux", "--depth", "smoke", "--cc", compiler(tmp_path, EXPRESSION))
    verdict = cell.verdict
    assert (verdict.kind, verdict.step, verdict.reason) == (VerdictKind.FAIL, Step.TEST, Reason.BOOT_FAILURE), verdict
    assert code == 1 and cell.confirmed
    kernel = next(each for each in verdict.differences if each.name == "boot/kernel")
    assert "NULL pointer dereference" in kernel.message and "RIP: " in kernel.message


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mix_is_red_where_it_holds_the_bad_unit(state: Path, tmp_path: Path, seed: int) -> None:
    """And names the units that were the candidate's: the same ones for the same seed."""
    wrong = compiler(tmp_path, EXPRESSION)
    arguments = ("--project", "linux", "--depth", "smoke", "--mix", "10%", "--seed", str(seed), "--cc", wrong)
    cell, _ = cell_of(state, *arguments)
    held = share(seed, BAD) < 10
    assert (cell.verdict.kind is VerdictKind.FAIL) == held, cell.verdict
    assert cell.verdict.kind is VerdictKind.PASS or cell.verdict.reason is Reason.BOOT_FAILURE
    assert cell.candidate is not None
    mixed = cell.candidate.provenance.mixed
    assert (BAD in mixed) == held
    assert mixed and all(share(seed, unit) < 10 for unit in mixed)
    assert len(mixed) == cell.candidate.provenance.candidate < cell.candidate.provenance.units / 5
