"""The end of a log, to be shown in a report: bounded, and harmless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from verifiers.report.visible import lines
from verifiers.results import CellResult, RunResult, Step, VerdictKind

LINES: Final = 80
_BYTES: Final = 256 * 1024
_SUITES: Final = 4


@dataclass(frozen=True)
class Tail:
    """The last lines of a log."""

    title: str
    name: str  # its path, relative to the state folder
    lines: list[str]
    size: int  # bytes of the whole


def tails(result: CellResult, root: Path) -> list[Tail]:
    """The logs that tell why a cell is not green: the failed step's, and those of suites with differing cases."""
    return [tail for title, name in _names(result) if (tail := _tail(title, name, root))]


def _names(result: CellResult) -> Iterator[tuple[str, str]]:
    if result.verdict.kind in (VerdictKind.PASS, VerdictKind.SKIP):
        return
    for role, run in (("candidate", result.candidate), ("oracle", result.oracle)):
        step = run.failed if run else None
        if step and step.log:
            yield f"{role}, {step.step}", step.log
    if result.candidate and result.verdict.step is Step.TEST:
        yield from _suites(result, result.candidate)


def _suites(result: CellResult, run: RunResult) -> Iterator[tuple[str, str]]:
    test = run.step(Step.TEST)
    if test is None:
        return
    names = [each.name for each in result.verdict.differences]
    suites = [suite for suite in test.suites if any(name.startswith(f"{suite}/") for name in names)]
    for suite in suites[:_SUITES]:
        yield f"candidate, suite {suite}", f"{result.folder}/candidate-test-{suite.replace('/', '-')}.log"
    if test.log and not suites:
        yield "candidate, test", test.log


def _tail(title: str, name: str, root: Path) -> Tail | None:
    path = root / name
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return None
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _BYTES))
            found = lines(file.read().rstrip(b"\n"), LINES)
    except OSError:
        return None  # removed to save space
    return Tail(title, name, found, size) if size else None
