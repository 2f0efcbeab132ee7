"""One cell, one line: the same words on a terminal, in a log and in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from verifiers.results import EXCUSED, CellResult, Leak, MatrixResult, Reason, Ruling, Share, VerdictKind

LABEL: Final[Mapping[str, str]] = {
    VerdictKind.PASS: "pass",
    VerdictKind.FAIL: "FAIL",
    EXCUSED: "fail excused",
    VerdictKind.FLAKY: "FAIL flaky",
    VerdictKind.BROKEN: "ERROR broken",
    VerdictKind.SKIP: "skip",
    VerdictKind.ERROR: "ERROR",
}
"""What a line begins with, by how its cell is shown: ``grep -E '^(FAIL|ERROR)'`` finds all that is red or ours."""


def duration(seconds: float) -> str:
    """``7.3s``, ``4m09s`` or ``2h05m``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"
    return f"{int(seconds) // 3600}h{int(seconds) % 3600 // 60:02d}m"


def one_line(text: str, *, strip: bool = True) -> str:
    """Text from elsewhere on one line, without control characters that could forge or garble another."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line.strip() if strip else line.rstrip()


def finding(result: CellResult) -> str:
    """What was found, without the cell's name."""
    verdict = result.verdict
    if verdict.kind is VerdictKind.PASS:
        return compared(result)
    where = f"{verdict.step}, " if verdict.step else ""
    reason = f"{verdict.reason}: " if verdict.reason else ""
    return one_line(f"{where}{reason}{verdict.message}")


def compared(result: CellResult) -> str:
    """One line saying what was held against what."""
    verdict, candidate, oracle = result.verdict, result.candidate, result.oracle
    if candidate is None or oracle is None:
        return "nothing was compared"
    differ = len(verdict.differences)
    made = candidate.provenance
    share = "all" if made.candidate == made.units else f"{made.candidate}"
    drawn = f", a sample ({result.cell.sample})," if result.cell.sample else ""
    text = (
        f"{counted(verdict.compared, 'case')}{drawn} held against {oracle.compiler.name}, {differ or 'none'} differ; "
        f"{share} of {counted(made.units, 'unit')} made by the candidate"
    )
    if verdict.both_fail:
        text += f"; {counted(len(verdict.both_fail), 'case')} not passed by either"
    if result.share:
        text += f"; {passes(result.share)}"
    if result.configuration_differences:
        text += f"; otherwise configured in {counted(len(result.configuration_differences), 'line')}"
    return text


def passes(share: Share) -> str:
    """``96.0 % of 1,653 pass, 99.1 % of the 1,590 it claims to support (not nested-function, vla-in-struct)``."""
    text = f"{_percent(share.passed, share.total)} of {share.total:,} pass"
    if not share.lacks:
        return text
    claimed = f"{_percent(share.claimed_passed, share.claimed)} of the {share.claimed:,} it claims to support"
    return f"{text}, {claimed} (not {', '.join(share.lacks)})"


def _percent(part: int, whole: int) -> str:
    """To a tenth, rounded down: 100 % is all."""
    return f"{int(1000 * part / whole) / 10:g} %" if whole else "none"


def counted(number: int, noun: str) -> str:
    """``1 line``, ``2,000 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def line(result: CellResult, state: str = "") -> str:
    """A finished cell as one line, for grep; the log's folder at its end where it is not green."""
    cost = "cached" if result.cached else duration(result.seconds)
    text = f"{LABEL[result.shown]} {result.cell}: {finding(result)} ({cost})"
    if result.share and result.verdict.kind is not VerdictKind.PASS:
        text += f"; {passes(result.share)}"
    if result.candidate and result.candidate.provenance.leaks and result.verdict.reason is not Reason.LEAK:
        text += f"; {_leaked(result.candidate.provenance.leaks)}"
    text += "".join(f"; {each}" for each in excused(result.ruling))
    if result.verdict.kind not in (VerdictKind.PASS, VerdictKind.SKIP) and result.folder:
        text += f" log: {state}{log_of(result)}"
    return text


def _leaked(leaks: Sequence[Leak]) -> str:
    """What of a cell that is red anyway is not the candidate's."""
    made = "a unit is" if len(leaks) == 1 else f"{len(leaks):,} units are"
    return one_line(f"and {made} not the candidate's: {leaks[0].unit}: {leaks[0].how}")


def excused(ruling: Ruling) -> Iterator[str]:
    """What the excuses say of a cell, each in a few words."""
    for each in ruling.by:
        what = f" for {counted(len(each.cases), 'case')}" if each.cases else ""
        yield one_line(f"excused{what} until {each.until} by {each.bug}")
    for each in ruling.expired:
        yield one_line(f"its excuse expired after {each.until}: {each.bug}")
    for each in ruling.unexpected:
        what = f"{each.cases[0]} passes" if each.cases else "that step passes"
        yield one_line(f"unexpected pass: {what}, excused until {each.until} by {each.bug}; take the excuse away")


def log_of(result: CellResult) -> str:
    """The log to read first: the failed step's, else the cell's folder."""
    for run in (result.candidate, result.oracle):
        step = run.failed if run else None
        if step and step.log:
            return step.log
    return result.folder


def headline(matrix: MatrixResult) -> str:
    """The counts, which add up to the number of cells."""
    cells = len(matrix.cells)
    counts = ", ".join(f"{count} {word}" for word, count in matrix.counts.items() if count or word in ("pass", "fail"))
    samples = sum(bool(cell.cell.sample) for cell in matrix.cells)
    some = f", {samples:,}" if samples < cells else ""
    drawn = f"{some} of samples" if samples else ""
    return f"{counted(cells, 'cell')}{drawn}: {counts} ({duration(matrix.seconds)}, run {matrix.run})"
