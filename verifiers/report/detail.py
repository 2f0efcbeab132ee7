"""A finished cell as a page of text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from verifiers.report.ratios import amount
from verifiers.report.wording import compared, duration, excused, finding, one_line
from verifiers.results import COMPLETED, CellResult, RunResult, Step, VerdictKind
from verifiers.store import MIXED, cases_of

_MANY = 10  # of anything but cases, before the rest is only counted


def detail(result: CellResult, state: Path, cases: int) -> str:
    """Verdict, both runs' steps, what differs, and how to repeat it; at most ``cases`` failing cases."""
    return "\n".join(_lines(result, state, cases))


def _lines(result: CellResult, state: Path, cases: int) -> Iterator[str]:
    verdict = result.verdict
    folder = state / result.folder
    yield f"{result.cell}: {result.shown}"
    yield f"  {finding(result)}"
    if verdict.compared and verdict.kind is not VerdictKind.PASS:
        yield f"  {compared(result)}"
    yield from _suites(state, result)
    yield from (f"  {each}" for each in excused(result.ruling))
    yield from (f"  note: {one_line(note)}" for note in verdict.notes)
    if result.confirmed:
        yield "  red again in a fresh folder"
    yield from (f"  accommodation: {reason}" for reason in result.accommodations)
    for name, run in (("oracle", result.oracle), ("candidate", result.candidate)):
        if run:
            yield from _run(name, run, state)
            yield from _mixed(run.provenance.mixed, folder)
    yield from _some("faults", [f"{each.reason} {each.line}" for each in verdict.faults], _MANY)
    texts = [
        f"{each.candidate} {each.name}: {each.message}{f' ({each.note})' if each.note else ''}"
        for each in verdict.differences
    ]
    yield from _some(f"cases the oracle passes and the candidate does not ({len(texts):,})", texts, cases)
    yield from _some("cases that pass with neither", list(verdict.both_fail), _MANY)
    yield from _some("cases that only the candidate ran", list(verdict.extra), _MANY)
    changes = [f"{each.file}: {each.oracle!r} -> {each.candidate!r}" for each in result.configuration_differences]
    yield from _some("configuration, oracle's -> candidate's", changes, _MANY)
    yield f"cell {folder}"
    if result.candidate:
        yield f"repeat it by hand: sh {shlex.quote(str(folder / 'reproduce.sh'))}"


def _suites(state: Path, result: CellResult) -> Iterator[str]:
    """How many of the candidate's tests passed, by suite."""
    test = result.candidate.step(Step.TEST) if result.candidate else None
    cases = cases_of(state, result) if test else None
    if test is None or cases is None:
        return
    names = [name for name in cases.passed if not name.endswith(COMPLETED)]
    counts = [f"{suite} {sum(name.startswith(f'{suite}/') for name in names):,}" for suite in sorted(test.suites)]
    yield f"  passed: {', '.join(counts)}"


def _run(name: str, run: RunResult, state: Path) -> Iterator[str]:
    info = run.compiler
    isolation = "" if run.sandbox == "bubblewrap" else f", sandbox {run.sandbox}"
    behind = f", which is {info.engine} behind a wrapper" if info.engine else ""
    yield f"{name} {info.name}: {shlex.join(info.command)}{behind}{isolation}"
    for step in run.steps:
        outcome = "ok" if step.ok else f"{step.reason}: {one_line(step.message)}"
        usage = step.usage
        cost = f"{duration(usage.seconds)}, CPU {duration(usage.cpu_seconds)}, peak {usage.peak_kib // 1024} MiB"
        yield f"  {step.step:9} {outcome} ({cost}) {state / step.log}"
    made = run.provenance
    yield (
        f"  units     {made.units}: {made.candidate} by the compiler under test, {made.oracle} by the oracle, "
        f"{made.host} for the build machine; {made.assembled} assembled, {made.linked} linked, {made.probes} probes"
    )
    yield f"  tools     assembled by {info.assembler}, linked by {info.linker}"
    if run.disk_kib:
        yield f"  disk      {amount('memory', run.disk_kib)} in the work folder at its end"
    if run.ran_by:
        yield f"  programs  started by {run.ran_by}"
    leaks = [f"{leak.unit}: {leak.how}" for leak in made.leaks]
    yield from (f"  {line}" for line in _some("leaks", leaks, _MANY))
    yield from (f"  note: {one_line(note)}" for note in made.notes)


def _mixed(units: Sequence[str], folder: Path) -> Iterator[str]:
    """Which units of a mix were the candidate's."""
    if units:
        more = f" … all {len(units)}" if len(units) > _MANY else ""
        yield f"  mixed     {', '.join(units[:_MANY])}{more}: {folder / MIXED}"


def _some(title: str, texts: list[str], limit: int) -> Iterator[str]:
    if not texts:
        return
    yield title
    yield from (f"  {one_line(text)}" for text in texts[:limit])
    if len(texts) > limit:
        yield f"  … and {len(texts) - limit:,} more"
