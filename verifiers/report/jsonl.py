"""A line of JSON for each case as soon as it is known, and for each cell, for programs that read along.

``docs/formats.md`` names the keys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from verifiers import hookimpl
from verifiers.compare import held
from verifiers.results import COMPLETED, CaseOutcome, CaseTable, CellId, CellResult, CompilerInfo, MatrixResult


class JsonLines:
    """Prints what happens, one object a line, each line flushed."""

    @hookimpl
    def ccverify_suite_finished(
        self, cell: CellId, compiler: CompilerInfo, role: str, suite: str, cases: CaseTable, oracle: CaseTable | None
    ) -> None:
        """Its cases; beside a candidate's what the oracle's came to, and whether they differ."""
        common = {"type": "case", "cell": str(cell), "role": role, "compiler": compiler.name, "suite": suite}
        theirs = oracle.only({*cases.passed, *cases.others}) if oracle else CaseTable()
        differing = {each.name: each.message for each in held(cases, theirs).differences} if oracle else {}
        for name in (*cases.passed, *cases.others):
            if name.endswith(COMPLETED) and name in cases.passed:
                continue
            case = cases.others.get(name)
            line: dict[str, object] = {
                **common,
                "case": name,
                "outcome": case.outcome if case else CaseOutcome.PASS,
                "digest": cases.passed.get(name, ""),
                "message": differing.get(name) or (case.message if case else ""),
            }
            if oracle:
                line |= {"oracle": _outcome(theirs, name), "differs": name in differing}
            _say(line)

    @hookimpl
    def ccverify_cell_finished(self, result: CellResult) -> None:
        """Its verdict."""
        _say({"type": "cell", "cell": str(result.cell), "result": result.model_dump(mode="json")})

    @hookimpl
    def ccverify_matrix_finished(self, result: MatrixResult) -> None:
        """The counts."""
        totals = {str(kind): count for kind, count in result.totals.items()}
        _say({"type": "run", "run": result.run, "seconds": result.seconds, "totals": totals})


def _outcome(table: CaseTable, name: str) -> str | None:
    """What a case came to; None where it is not there."""
    if name in table.passed:
        return CaseOutcome.PASS
    return table.others[name].outcome if name in table.others else None


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
