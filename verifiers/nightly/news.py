"""What is to be told of a night: a pure function of what was told before and what is now.

Each thing is told once when it breaks and once when it is mended. A cell that was not run, or is flaky, is as it was.
A candidate's other version is the same candidate where there is no doubt, so that a nightly compiler stays itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from pydantic import ConfigDict, Field

from verifiers.report.visible import one
from verifiers.report.wording import excused
from verifiers.results import CellId, CellResult, Frozen, Ruling, Step, VerdictKind
from verifiers.words import stem


class Kind(StrEnum):
    """What is new of a thing, most serious first."""

    NEWLY_FAILING = "newly failing"
    WORSE = "failing in more"
    NO_VERDICT = "without a verdict now"
    HARNESS = "harness not well"
    EXPIRED = "excuse expired"
    UNEXPECTED = "unexpected pass"
    EXCUSED = "excused now"
    MENDED = "mended"
    AGAIN = "with a verdict again"
    WELL = "harness well again"


class Item(Frozen):
    """One thing to tell."""

    kind: Kind
    cell: CellId | None = None
    text: str = ""
    cases: tuple[str, ...] = ()  # that newly fail


class Standing(Frozen):
    """How a cell stands: what of it fails, and whether that is still known."""

    fails: tuple[str, ...] = ()  # marks of cases, or of the step and its reason
    trouble: str = ""  # why there is no verdict
    excuses: tuple[str, ...] = ()  # marks of those that expired, or of what passes


class Told(Frozen):
    """What was told up to a run."""

    model_config = ConfigDict(extra="ignore")  # what an older ccverify kept beside it is no reason to tell all again

    run: str = ""
    cells: dict[str, Standing] = Field(default_factory=dict)  # by the cell's name
    troubles: tuple[str, ...] = ()


def news(
    told: Told,
    run: str,
    results: Iterable[CellResult],
    planned: Collection[CellId],
    troubles: Sequence[str],
    whole: bool = True,
) -> tuple[list[Item], Told]:
    """What to tell, most serious first, and what has been told then.

    ``planned`` are all cells of the run, also those without a result; ``troubles`` what is amiss with the harness.
    A ``whole`` night forgets the cells that it no longer has; one of some cells only does not.
    """
    items: list[Item] = []
    names = _names(planned, told.cells)
    cells = {} if whole and planned else {name: told.cells[name] for name in told.cells.keys() - names.values()}
    cells |= {str(cell): told.cells[name] for cell, name in names.items()}
    for result in results:
        before = cells.get(str(result.cell))
        after = _standing(result, before)
        if after is not None:
            items += _changes(result, before, after)
            items += [item for mark, item in _of_excuses(result) if before is None or mark not in before.excuses]
            cells[str(result.cell)] = after
    kinds = tuple(sorted({re.sub(r"[\d,.]+", "#", each) for each in troubles}))
    if set(kinds) - set(told.troubles):
        items.append(Item(kind=Kind.HARNESS, text="; ".join(troubles)))
    if told.troubles and not kinds:
        items.append(Item(kind=Kind.WELL))
    order = list(Kind)
    items.sort(key=lambda each: order.index(each.kind))
    return items, Told(run=run, cells=cells, troubles=kinds)


def _names(cells: Iterable[CellId], told: Collection[str]) -> dict[CellId, str]:
    """By what name each cell was told: its own, or that with another version where both sides have but one of them."""
    found, others, strangers = dict[CellId, str](), dict[str, list[CellId]](), dict[str, list[str]]()
    for cell in dict.fromkeys(cells):
        if str(cell) in told:
            found[cell] = str(cell)
        else:
            others.setdefault(_bare(str(cell)), []).append(cell)
    for name in set(told).difference(found.values()):
        strangers.setdefault(_bare(name), []).append(name)
    for bare, same in others.items():
        if len(same) == len(strangers.get(bare, ())) == 1:
            found[same[0]] = strangers[bare][0]
    return found


def _bare(name: str) -> str:
    """A cell's name without its candidate's version."""
    project, arch, candidate, rest = name.split(" ", 3)
    return " ".join([project, arch, stem(candidate), rest])


def headline(items: Sequence[Item]) -> str:
    """``2 newly failing, 1 mended``."""
    counts = {kind: sum(1 for each in items if each.kind is kind) for kind in Kind}
    own = (Kind.HARNESS, Kind.WELL)
    return ", ".join(str(kind) if kind in own else f"{count} {kind}" for kind, count in counts.items() if count)


def lines(items: Iterable[Item], cases: int, links: Mapping[CellId, str]) -> Iterator[str]:
    """A line a thing, with at most ``cases`` of its cases below it, and the page of its cell where that is known."""
    for each in items:
        red = "FAIL " if each.kind in (Kind.NEWLY_FAILING, Kind.WORSE) else ""
        yield one(f"{red}{each.kind}{f' {each.cell}' if each.cell else ''}{f': {each.text}' if each.text else ''}")
        yield from (f"  {one(case)}" for case in each.cases[:cases])
        if len(each.cases) > cases:
            yield f"  … and {len(each.cases) - cases:,} more"
        if each.cell in links and each.cell:
            yield f"  {links[each.cell]}"


def _standing(result: CellResult, before: Standing | None) -> Standing | None:
    """How the cell stands now; None where it says nothing new."""
    verdict = result.verdict
    excuses = tuple(mark for mark, _ in _of_excuses(result))
    if verdict.kind is VerdictKind.PASS or result.ruling.excused:
        return Standing(excuses=excuses)
    if verdict.kind is VerdictKind.FAIL:
        return Standing(fails=tuple(sorted(_marks(result))), excuses=excuses)
    if verdict.kind is VerdictKind.FLAKY or (verdict.kind is VerdictKind.SKIP and before is None):
        return None
    return (before or Standing()).model_copy(update={"trouble": f"{verdict.kind} {verdict.reason}"})


def _marks(result: CellResult) -> dict[str, str]:
    """What fails and is not excused, by a short mark of it."""
    verdict = result.verdict
    what = [each.name for each in verdict.differences if each.name not in result.ruling.cases]
    if verdict.step is not Step.TEST or not what:
        what.append(f"{verdict.step}: {verdict.reason}")
    return {hashlib.sha256(each.encode("utf-8", "replace")).hexdigest()[:10]: each for each in what}


def _changes(result: CellResult, before: Standing | None, after: Standing) -> Iterator[Item]:
    cell, verdict = result.cell, result.verdict
    where = f"{verdict.step}, " if verdict.step else ""
    text = f"{where}{verdict.reason}: {verdict.message}" if verdict.reason else verdict.message
    known = set(before.fails) if before else set()
    if after.trouble:
        if not (before and before.trouble):
            yield Item(kind=Kind.NO_VERDICT, cell=cell, text=text)
        return
    added = set(after.fails) - known
    if added:
        marks = _marks(result)
        new = tuple(sorted(marks[each] for each in added)) if verdict.differences else ()
        yield Item(kind=Kind.WORSE if known else Kind.NEWLY_FAILING, cell=cell, text=text, cases=new)
    elif known and not after.fails:
        if result.ruling.excused:
            yield Item(kind=Kind.EXCUSED, cell=cell, text="; ".join(excused(result.ruling)))
        else:
            yield Item(kind=Kind.MENDED, cell=cell)
    if before and before.trouble and not added:
        yield Item(kind=Kind.AGAIN, cell=cell, text=str(verdict.kind))


def _of_excuses(result: CellResult) -> Iterator[tuple[str, Item]]:
    ruling: Ruling = result.ruling
    for kind, found in ((Kind.EXPIRED, ruling.expired), (Kind.UNEXPECTED, ruling.unexpected)):
        for each in found:
            yield (
                f"{kind} {each.bug}",
                Item(kind=kind, cell=result.cell, text=f"until {each.until}, {each.bug}", cases=each.cases),
            )
