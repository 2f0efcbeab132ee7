"""What a recipe's steps can ask of their workspace."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.conftest import Verify
from verifiers.results import VerdictKind

BODY = """
def build(self, work):
    work.run("sh", "-c", 'echo "told $0"', jobs="-j")
    work.write("guest.c", "int guest(void) { return 1; }\\n")
    work.run(work.oracle_for("aarch64"), "-c", "guest.c", "-o", "guest.o")
    work.run("sh", "-c", "readelf -h guest.o | grep Machine")
    work.run("make")

Tally.build = build
"""


@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-gcc"), reason="needs gcc-aarch64-linux-gnu")
def test_jobs_and_another_arch_s_oracle(verify: Verify) -> None:
    """A program that knows no jobserver is told how many jobs are its own; what is for another arch is no leak."""
    verify.body = BODY
    cell, code = verify.cell("--cc", "gcc", "--jobs", "3")
    assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
    folder = (verify.state or verify.folder / "state") / cell.folder
    for role in ("oracle", "candidate"):
        log = (folder / f"{role}-build.log").read_text()
        assert "\ntold -j3\n" in log
        assert "AArch64" in log
    script = (folder / "reproduce.sh").read_text()
    assert "aarch64-linux-gnu-gcc" in script and "oracle-cc-aarch64" in script
    assert "-j3" not in script
