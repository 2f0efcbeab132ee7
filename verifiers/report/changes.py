"""A comparison for people: text and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from verifiers.report.regress import CellChange, Change, Comparison
from verifiers.report.visible import one
from verifiers.report.wording import excused
from verifiers.results import VerdictKind

_HEADS = (
    (Change.NEWLY_FAILING, "newly failing"),
    (Change.STILL_FAILING, "still failing"),
    (Change.FLAKY, "flaky"),
    (Change.NEWLY_PASSING, "newly passing"),
    (Change.INCOMPARABLE, "not comparable"),
    (Change.GONE, "gone"),
    (Change.NEW, "new"),
)
_KINDS = {
    "newly_failing": "newly failing",
    "new_failing": "new, and failing",
    "newly_passing": "newly passing",
    "still_failing": "still failing",
    "flaky": "flaky",
    "gone": "gone",
    "new": "new",
    "undecided": "not comparable: now failing with the oracle too, or skipped",
}


def headline(comparison: Comparison) -> str:
    """The counts, which add up to the number of cells."""
    totals = comparison.totals
    counts = ", ".join(f"{count} {change}" for change, count in totals.items() if count)
    failing = sum(len(each.cases.newly_failing) + len(each.cases.new_failing) for each in comparison.cells)
    cases = f"; {failing:,} {'case' if failing == 1 else 'cases'} newly failing" if failing else ""
    return f"{comparison.old} -> {comparison.new}: {len(comparison.cells)} cells: {counts or 'none'}{cases}"


def text(comparison: Comparison, cases: int) -> str:
    """A line a cell and its cases below, at most ``cases`` of a kind; cells that pass both times are counted only."""
    return "\n".join(_text(comparison, cases))


def _text(comparison: Comparison, limit: int) -> Iterator[str]:
    for change, head in _HEADS:
        for each in comparison.of(change):
            if _skipped(each):
                continue
            yield f"{_mark(each, head)} {name(each)}: {finding(each)}"
            yield from (f"  {one(words)}" for words in excused(each.ruling))
            yield from (f"  note: {one(note)}" for note in each.notes if not note.startswith("oracle "))
            for _, title, names in _cases(each):
                yield f"  {title} ({len(names):,})"
                for case in islice(names, limit):
                    message = each.messages.get(case, "")
                    yield f"    {one(case)}{': ' + one(message, 300) if message else ''}"
                if len(names) > limit:
                    yield f"    … and {len(names) - limit:,} more"
    for each in comparison.of(Change.STILL_PASSING):
        for _, title, names in _cases(each):
            yield f"still passing {name(each)}: {len(names):,} cases {title}"
    if skipped := sum(1 for each in comparison.cells if _skipped(each)):
        yield f"note: {skipped:,} of those not comparable are skipped in both"
    yield from (f"note: {one(note)}" for note in comparison.notes)
    if comparison.cut_short:
        yield f"note: {comparison.new} did not come to its end: what is gone may only not have been run"
    yield headline(comparison)


def _skipped(change: CellChange) -> bool:
    return change.old is VerdictKind.SKIP and change.new is VerdictKind.SKIP


def _mark(change: CellChange, head: str) -> str:
    """The line's first words: FAIL or ERROR, for grep, where it decides a gate."""
    if change.lost:
        return f"ERROR {head}"
    if change.regressed:
        return f"FAIL {head}" if change.change is Change.NEWLY_FAILING else f"FAIL {head}, but worse"
    return f"{head}, excused" if change.ruling.excused else head


def markdown(comparison: Comparison, cases: int) -> str:
    """For a pull request or a job's summary."""
    from verifiers.report.markdown import code, pre

    totals = comparison.totals
    out = [f"### ccverify: {code(comparison.old)} → {code(comparison.new)}", ""]
    out += ["| " + " | ".join(str(change) for change in totals) + " |", "|" + "---:|" * len(totals)]
    out += ["| " + " | ".join(f"{count:,}" for count in totals.values()) + " |", ""]
    for change, _ in _HEADS:
        found = [each for each in comparison.of(change) if not _skipped(each)]
        if not found:
            continue
        out.append(f"**{change}** ({len(found)})\n")
        for each in found[:100]:
            rows = [finding(each), *excused(each.ruling), *(f"note: {note}" for note in each.notes)]
            for _, title, names in _cases(each):
                rows.append(f"{title} ({len(names):,})")
                rows += [f"  {case}: {each.messages.get(case, '')}".rstrip(": ") for case in names[:cases]]
                rows += [f"  … and {len(names) - cases:,} more"] if len(names) > cases else []
            worse = " (worse)" if each.regressed and change is not Change.NEWLY_FAILING else ""
            worse = " (excused)" if each.ruling.excused else worse
            out.append(f"<details><summary>{code(name(each))}{worse}</summary>\n\n{pre(rows)}\n\n</details>")
        if len(found) > 100:
            out.append(f"… and {len(found) - 100:,} more")
        out.append("")
    out += [f"- {code(note)}" for note in comparison.notes]
    if comparison.cut_short:
        out.append(f"- {code(comparison.new)} did not come to its end: what is gone may only not have been run")
    return "\n".join(out).rstrip() + "\n"


def name(change: CellChange) -> str:
    """The cell, and which candidate it was held against where that has another name."""
    return one(f"{change.cell}{f' (was {change.counterpart})' if change.counterpart else ''}")


def finding(change: CellChange) -> str:
    """From what to what, and why."""
    way = f"{change.old or 'none'} -> {change.new or 'none'}"
    reason = f" {change.new_reason}" if change.new_reason and change.new else ""
    message = f": {change.message}" if change.message and change.change is not Change.INCOMPARABLE else ""
    return one(f"{way}{reason}{message}{f' ({change.why})' if change.why else ''}")


def _cases(change: CellChange) -> Iterator[tuple[str, str, Sequence[str]]]:
    for kind, title in _KINDS.items():
        if names := getattr(change.cases, kind):
            yield kind, title, names
