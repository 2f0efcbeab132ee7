"""The small project on every architecture: cross-built, run under the emulator, held against the cross oracle."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from compiler.arches import arches
from tests.e2e.conftest import Verify
from tests.e2e.test_saboteurs import PARSE
from verifiers.results import CellResult, MatrixResult, Reason, Step, VerdictKind

pytestmark = pytest.mark.skipif(
    not all(shutil.which(each.oracle[0]) for each in arches().values()),
    reason="cross compilers are missing; `verify doctor --install --for-tests` brings them",
)


def matrix(verify: Verify, *arguments: str) -> tuple[dict[str, CellResult], int]:
    """The cells by arch, and the exit code; each arch has one cell."""
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--json", *arguments)
    assert done.stdout, done.stderr
    cells = MatrixResult.model_validate_json(done.stdout).cells
    assert len({cell.cell.arch for cell in cells}) == len(cells)
    return {cell.cell.arch: cell for cell in cells}, done.returncode


def targets(verify: Verify, **own: str) -> None:
    """An entry ``mycc`` of verify.toml: gcc for each arch but those that are given."""
    commands = {name: own.get(name, each.oracle[0]) for name, each in arches().items()}
    lines = "\n".join(f'{name} = "{command}"' for name, command in commands.items())
    verify.config += f'\n[compiler.mycc]\ncommand = "{commands["x86_64"]}"\n[compiler.mycc.targets]\n{lines}\n'


class TestAll:
    def test_clang_passes_everywhere(self, verify: Verify) -> None:
        """One program, four targets, each against its own oracle; the result says what ran, assembled and linked."""
        cells, code = matrix(verify, "--arch", "all", "--cc", "clang")
        assert {name: cell.verdict.kind for name, cell in cells.items()} == dict.fromkeys(arches(), VerdictKind.PASS)
        assert code == 0
        for name, cell in cells.items():
            assert cell.candidate and cell.oracle
            assert cell.verdict.compared == 5
            assert cell.candidate.provenance.candidate == cell.candidate.provenance.units == 6
            assert cell.candidate.compiler.assembler == "its own"
            assert arches()[name].triple in cell.candidate.compiler.linker
            assert arches()[name].triple in cell.oracle.compiler.assembler
        assert cells["x86_64"].candidate and not cells["x86_64"].candidate.ran_by
        assert cells["i686"].candidate and cells["i686"].candidate.ran_by == "the kernel"
        fingerprints = {cell.candidate.compiler.fingerprint for cell in cells.values() if cell.candidate}
        assert len(fingerprints) == 4, "each target's files are other files"

    def test_what_cannot_be_targeted_is_skipped(self, verify: Verify) -> None:
        """tcc's own program makes code for one machine; the reason is told, and nothing is green by that."""
        cells, code = matrix(verify, "--arch", "aarch64", "--cc", "tcc")
        assert cells["aarch64"].verdict.kind is VerdictKind.SKIP
        assert "no command for aarch64; name one under targets" in cells["aarch64"].verdict.message
        assert code == 3

    @pytest.mark.skipif(not shutil.which("i386-tcc"), reason="Debian's tcc brings i386-tcc")
    def test_a_guess_that_finds_no_libraries_is_no_failure(self, verify: Verify) -> None:
        """Nobody said that i386-tcc is installed for this layout of libraries."""
        cells, _ = matrix(verify, "--arch", "i686", "--cc", "tcc")
        assert cells["i686"].verdict.kind in (VerdictKind.SKIP, VerdictKind.PASS)
        if cells["i686"].verdict.kind is VerdictKind.SKIP:
            assert "cannot link for i686 here" in cells["i686"].verdict.message


class TestSaboteurs:
    def test_of_one_arch(self, verify: Verify) -> None:
        """A constant that only the aarch64 command gets wrong turns the aarch64 cell red, at the test step."""
        script = (
            PARSE + 'if [ "$source" = scale.c ]; then\n'
            '  for word in "$@"; do case $word in */scale.c) d=$(dirname "$word");; esac; done\n'
            '  sed "s/+ 7/+ 8/" "$d/scale.c" > scale-bad.c\n'
            '  exec aarch64-linux-gnu-gcc -DSCALE=3 -I"$d" -c scale-bad.c -o "$output"\n'
            'fi\nexec aarch64-linux-gnu-gcc "$@"'
        )
        targets(verify, aarch64=verify.compiler(script))
        cells, code = matrix(verify, "--arch", "all", "--cc", "mycc")
        verdicts = {name: cell.verdict for name, cell in cells.items()}
        assert code == 1
        assert {name for name, verdict in verdicts.items() if verdict.kind is not VerdictKind.PASS} == {"aarch64"}
        assert verdicts["aarch64"].kind is VerdictKind.FAIL
        assert (verdicts["aarch64"].step, verdicts["aarch64"].reason) == (Step.TEST, Reason.WRONG_RESULT)
        assert cells["aarch64"].confirmed

    def test_of_argument_passing(self, verify: Verify) -> None:
        """Two objects of i686 take their arguments in registers: it links, and is seen."""
        script = PARSE + 'case $source in scale.c|table.c) set -- "$@" -mregparm=3;; esac\nexec i686-linux-gnu-gcc "$@"'
        targets(verify, i686=verify.compiler(script))
        cells, _ = matrix(verify, "--arch", "i686", "--arch", "x86_64", "--cc", "mycc")
        assert cells["x86_64"].verdict.kind is VerdictKind.PASS
        assert (cells["i686"].verdict.kind, cells["i686"].verdict.step) == (VerdictKind.FAIL, Step.TEST)
        assert cells["i686"].verdict.reason in (Reason.WRONG_RESULT, Reason.TEST_CRASH)

    def test_that_makes_code_for_the_host(self, verify: Verify) -> None:
        """A command said to be for aarch64 that makes x86-64 objects is no aarch64 compiler, and nothing passes."""
        targets(verify, aarch64=verify.compiler('exec gcc "$@"'))
        cells, code = matrix(verify, "--arch", "aarch64", "--cc", "mycc")
        verdict = cells["aarch64"].verdict
        assert (verdict.kind, verdict.reason, code) == (VerdictKind.FAIL, Reason.FALSE_SUCCESS, 1), verdict
        assert "is for x86-64, 64 bits, not for aarch64" in verdict.message

    def test_that_calls_the_oracle(self, verify: Verify) -> None:
        """A cross candidate that has the oracle compile one file is a leak, as on the host."""
        clang = shutil.which("clang")
        script = (
            PARSE
            + '[ "$source" = text.c ] && exec aarch64-linux-gnu-gcc "$@"\n'
            + f'exec {clang} --target=aarch64-linux-gnu "$@"'
        )
        targets(verify, aarch64=verify.compiler(script))
        cells, _ = matrix(verify, "--arch", "aarch64", "--cc", "mycc")
        assert (cells["aarch64"].verdict.kind, cells["aarch64"].verdict.reason) == (VerdictKind.ERROR, Reason.LEAK)


class TestWays:
    def test_wrapper_scripts(self, verify: Verify) -> None:
        """Without a sandbox, scripts in the place of the built programs start the emulator."""
        cells, code = matrix(verify, "--arch", "aarch64", "--cc", "clang", "--sandbox", "none")
        assert (cells["aarch64"].verdict.kind, code) == (VerdictKind.PASS, 0), cells["aarch64"].verdict
        assert cells["aarch64"].candidate
        assert cells["aarch64"].candidate.ran_by == "wrapper scripts"

    def test_oracle_links(self, verify: Verify) -> None:
        """A compiler that cannot link has the oracle do so, where verify.toml says it; the result tells."""
        script = (
            'for word; do case $word in -c) exec clang --target=riscv64-linux-gnu "$@";; esac; done\n'
            'for word; do case $word in *.c) exec clang --target=riscv64-linux-gnu "$@";; esac; done\n'
            'echo "mycc: error: linking is not implemented" >&2; exit 1'
        )
        targets(verify, riscv64=verify.compiler(script))
        verify.config = verify.config.replace("[compiler.mycc]\n", '[compiler.mycc]\nlinker = "oracle"\n')
        cells, code = matrix(verify, "--arch", "riscv64", "--cc", "mycc")
        assert (cells["riscv64"].verdict.kind, code) == (VerdictKind.PASS, 0), cells["riscv64"].verdict
        assert cells["riscv64"].candidate
        assert cells["riscv64"].candidate.compiler.linker == "the oracle"

    def test_kill_leaves_nothing(self, verify: Verify) -> None:
        """kill -9 in an emulated test: no process, mount or binfmt entry is left, and the next run is whole."""
        before = Path("/proc/mounts").read_text()
        verify.changes = {"text.c": "int length(const char *t) { (void)t; for (volatile int i = 1; i;) ; return 4; }\n"}
        process = verify.start(
            "--project", "tally", "--plugin", str(verify.plugin()), "--arch", "aarch64", "--cc", "clang"
        )
        deadline = time.monotonic() + 240
        while not emulated(verify) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert emulated(verify)
        process.send_signal(signal.SIGKILL)
        process.wait()
        while emulated(verify) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not emulated(verify)
        assert Path("/proc/mounts").read_text() == before
        assert not list(Path("/proc/sys/fs/binfmt_misc").glob("ccverify*"))
        verify.changes = {}
        cells, code = matrix(verify, "--arch", "aarch64", "--cc", "clang")
        assert (cells["aarch64"].verdict.kind, code) == (VerdictKind.PASS, 0)


def emulated(verify: Verify) -> bool:
    """Whether a process of the emulator works in this test's state folder."""
    found = subprocess.run(
        ["pgrep", "-f", "^/usr/bin/qemu-aarch64.* /cell/build/tally"], capture_output=True, check=False
    )
    return any(_is_ours(pid, verify) for pid in found.stdout.split())


def _is_ours(pid: bytes, verify: Verify) -> bool:
    """By the mount behind its /cell: other runs of this machine have one, too."""
    try:
        mounts = Path(f"/proc/{int(pid)}/mountinfo").read_text()
    except OSError:
        return False
    return any(str(verify.folder) in line and " /cell " in line for line in mounts.splitlines())


class TestMatrix:
    def test_side_by_side(self, verify: Verify) -> None:
        """Several projects' and compilers' cells in one run: each once, in the order asked for, adding up."""
        done = verify.run(
            "--project", "tally", "--plugin", str(verify.plugin()), "--arch", "i686", "--arch", "x86_64",
            "--cc", "gcc", "--cc", "clang", "--jobs", "4", "--json",
        )  # fmt: skip
        found = MatrixResult.model_validate_json(done.stdout)
        names = [(cell.cell.arch, cell.cell.candidate.split("-")[0]) for cell in found.cells]
        assert names == [("i686", "gcc"), ("i686", "clang"), ("x86_64", "gcc"), ("x86_64", "clang")]
        assert found.totals[VerdictKind.PASS] == 4

    def test_one_bad_cell_is_one_bad_cell(self, verify: Verify) -> None:
        """A candidate that cannot start is an error of its own; the other's cell runs."""
        good, broken = verify.compiler('exec gcc "$@"', "good"), verify.compiler('exec gcc "$@"', "other")
        Path(broken).write_text(f"#!/bin/sh\nexec {verify.folder}/compiler/missing-part\n")
        done = verify.run(
            "--project", "tally", "--plugin", str(verify.plugin()), "--cc", good, "--cc", broken, "--json"
        )
        found = {
            cell.cell.candidate.split("-")[0]: cell.verdict
            for cell in MatrixResult.model_validate_json(done.stdout).cells
        }
        assert found["good"].kind is VerdictKind.PASS
        assert found["other"].kind is not VerdictKind.PASS
        assert done.returncode in (1, 3)
