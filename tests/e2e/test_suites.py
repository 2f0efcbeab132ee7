"""Suites of small programs: a compiler with one wrong operator is found by the fuzzer and by the torture tests."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Verify
from tests.e2e.test_saboteurs import PARSE, SABOTEURS
from verifiers.results import CellResult, MatrixResult, Reason, Step, VerdictKind

SHIFTS = r"""
for word; do case $word in *.c) source=$word;; -I*) folders="$folders $word";; esac; done
case "$source" in ""|*canary.c) exec gcc "$@";; esac
unit=$(mktemp --suffix .i)
gcc -E -P $folders "$source" > "$unit"
sed -i 's/ >> (/ >> 1 + (/; s/ >> \([a-z0-9]\)/ >> 1 + \1/' "$unit"
for word; do shift; [ "$word" = "$source" ] && word=$unit; set -- "$@" "$word"; done
gcc "$@"; code=$?
rm -f "$unit"
exit $code
"""
"""A compiler that shifts one too far to the right."""

ENDS = r"""
case " $* " in *" -E "*|*" -c "*|*" -S "*|*" -v "*|*" --version "*|*"canary.c "*) exec gcc "$@";; esac
case " $* " in *.c" "*) ;; *) exec gcc "$@";; esac
exec gcc "$@" -x c - <<'END'
#include <stdio.h>
#include <unistd.h>
static void __attribute__((destructor)) end(void) { fflush(0); _exit(7); }
END
"""
"""A compiler whose programs print what they should, and end with another status."""


def run(verify: Verify, cc: str, *arguments: str) -> tuple[CellResult, int]:
    """The one cell's result and the exit code."""
    verify.config = ""  # a sanitised program takes a busy machine longer than six seconds
    done = verify.run("--depth", "smoke", "--json", "--cc", cc, *arguments)
    assert done.stdout, done.stderr
    (cell,) = MatrixResult.model_validate_json(done.stdout).cells
    return cell, done.returncode


SEEDS = ("--project", "csmith", "--opt", "-O0", "--case", "seed-3", "--case", "seed-5", "--case", "seed-11")


class TestFuzzer:
    def test_a_wrong_operator(self, verify: Verify) -> None:
        """Its programs print another checksum; each finding has its seed, and is shown with its command."""
        cell, code = run(verify, verify.compiler(SHIFTS), *SEEDS)
        assert (cell.verdict.kind, cell.verdict.step, code) == (VerdictKind.FAIL, Step.TEST, 1), cell.verdict
        assert {each.note for each in cell.verdict.differences} <= {
            f"csmith --seed {seed} --output seed-{seed}.c" for seed in (3, 5, 11)
        }
        first = cell.verdict.differences[0]
        assert first.message == "its output differs from the oracle's"
        page = verify.run("show", "csmith", first.name).stdout
        assert f"made by: cd $W/build && {first.note}" in page
        assert page.count("checksum = ") == 2
        assert "-O0 -w" in page
        assert f"--case {first.name}" in page

    def test_an_honest_compiler(self, verify: Verify) -> None:
        """It passes; an unknown case is told with the nearest."""
        cell, code = run(verify, "gcc", *SEEDS)
        assert (cell.verdict.kind, cell.verdict.compared, code) == (VerdictKind.PASS, 3, 0), cell.verdict
        assert "case seed-5/-O0: does not differ" in verify.run("show", "csmith/seed-5").stdout
        told = verify.run("show", "csmith/seed-33/-O0")
        assert told.returncode == 2
        assert "did you mean seed-3/-O0" in told.stderr


class TestTccTests:
    def test_a_wrong_operator(self, verify: Verify) -> None:
        """A program that prints otherwise than its .expect says, and one that does not shift."""
        names = ("--case", "11_precedence", "--case", "55_lshift_type", "--case", "00_assignment")
        cell, code = run(verify, verify.compiler(SHIFTS), "--project", "tcc_tests", "--opt", "-O0", *names)
        assert (cell.verdict.kind, code) == (VerdictKind.FAIL, 1), cell.verdict
        assert cell.verdict.compared == 3
        failing = {each.name: each.message for each in cell.verdict.differences}
        assert "00_assignment/-O0" not in failing
        assert all(each.startswith("wrong-result: line ") for each in failing.values()), failing

    def test_a_wrong_exit_status(self, verify: Verify) -> None:
        """All is printed as it must be, and main's value is lost: no .expect tells of it, the oracle does."""
        names = ("--case", "11_precedence", "--case", "00_assignment")
        cell, code = run(verify, verify.compiler(ENDS), "--project", "tcc_tests", "--opt", "-O0", *names)
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.FAIL, Reason.WRONG_RESULT, 1), (
            cell.verdict
        )
        assert {each.message for each in cell.verdict.differences} == {"its exit status differs from the oracle's"}
        assert len(cell.verdict.differences) == 2


class TestShow:
    def test_a_case_of_any_project(self, verify: Verify) -> None:
        """What it came to with both, where their logs name it, and the command that repeats it alone."""
        cell, _ = verify.cell("--cc", verify.compiler(PARSE + SABOTEURS["flips a constant"][0]))
        name = cell.verdict.differences[0].name
        page = verify.run("show", f"tally: {name}").stdout
        assert f"case {name}: differs from the oracle" in page
        assert "oracle gcc-12.2.0: pass" in page
        assert "candidate-test-check.log" in page
        assert "oracle-test-check.log" in page
        assert f"--case {name} " in page
        assert verify.run("show", f"tally/{name}").stdout == page
        told = verify.run("show", "tally", f"{name}x")
        assert (told.returncode, f"did you mean {name}?" in told.stderr) == (2, True), told.stderr


@pytest.mark.slow
class TestTorture:
    def test_a_wrong_operator(self, verify: Verify) -> None:
        """A sample of a tenth finds it; an honest compiler passes the same one."""
        sample = ("--project", "gcc_torture", "--opt", "-O0", "--sample", "30", "--seed", "1")
        cell, code = run(verify, "gcc", *sample)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert cell.share
        assert cell.share.passed == cell.share.total == 30
        cell, code = run(verify, verify.compiler(SHIFTS), *sample)
        assert (cell.verdict.kind, cell.verdict.step, code) == (VerdictKind.FAIL, Step.TEST, 1), cell.verdict
        assert cell.verdict.compared == 30
        assert len(cell.verdict.differences) < 10
