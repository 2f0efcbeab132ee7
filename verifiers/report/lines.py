"""Terse output for pipes and logs: a line a step to standard error, a line a cell to standard output."""

from __future__ import annotations

import sys

from verifiers import hookimpl
from verifiers.report import alike
from verifiers.report.wording import counted, duration, headline, line
from verifiers.results import CellId, CellResult, CompilerInfo, MatrixResult, StepResult
from verifiers.store import FAILURES


class Lines:
    """Prints what happens, one line each."""

    def __init__(self, state: str) -> None:
        self._state = state

    @hookimpl
    def ccverify_step_finished(self, cell: CellId, compiler: CompilerInfo, role: str, result: StepResult) -> None:
        """A step's outcome, what it cost and how many cases it brought."""
        outcome = "ok" if result.ok else str(result.reason)
        cases = f", {counted(len(result.cases), 'case')}" if len(result.cases) else ""
        usage = result.usage
        cost = f"{duration(usage.seconds)}, CPU {duration(usage.cpu_seconds)}, peak {usage.peak_kib // 1024} MiB"
        text = f"  {cell.project} {cell.arch} {role} {compiler.name} {result.step}: {outcome}{cases} ({cost})"
        print(text, file=sys.stderr, flush=True)

    @hookimpl
    def ccverify_cell_finished(self, result: CellResult) -> None:
        """The cell's line, and below a red one's its failing cases by what they have in common."""
        print(line(result, self._state), flush=True)
        for each in alike.lines(result.verdict.differences, f"{self._state}{result.folder}/{FAILURES}"):
            print(each, flush=True)

    @hookimpl
    def ccverify_matrix_finished(self, result: MatrixResult) -> None:
        """The counts."""
        print(headline(result), flush=True)
