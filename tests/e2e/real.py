"""Runs the real command on real projects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from verifiers.results import COMPLETED, CellResult, MatrixResult
from verifiers.store import read_cases


def cell_of(state: Path, *arguments: str) -> tuple[CellResult, int]:
    """The one cell's result and the exit code."""
    command = [sys.executable, "-m", "verifiers", "--json", "--state", str(state), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=7200)
    assert done.stdout, done.stderr
    (cell,) = MatrixResult.model_validate_json(done.stdout).cells
    return cell, done.returncode


def passed(cell: CellResult, state: Path, prefix: str) -> list[str]:
    """The candidate's passed cases whose names begin so, but for those of the framework."""
    names = read_cases(state / cell.folder / "cases.json.gz").passed
    return [name for name in names if name.startswith(prefix) and not name.endswith(COMPLETED)]


def compiler(folder: Path, script: str) -> str:
    """A compiler that is a shell script, where an unprivileged user can start it; returns its path."""
    for path in (folder, *folder.parents[:2]):
        path.chmod(path.stat().st_mode | 0o011)
    cc = folder / "mycc"
    cc.write_text("#!/bin/sh\n" + script)
    cc.chmod(0o755)
    return str(cc)
