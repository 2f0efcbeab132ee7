"""What changed between two runs, or lies between two compilers: a pure function, like with like only.

The rule that orders everything: what cannot be held against each other is named, and never counted as unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from verifiers.results import (
    COMPLETED,
    SCHEMA,
    CaseOutcome,
    CaseTable,
    CellId,
    CellResult,
    Frozen,
    Reason,
    Ruling,
    Step,
    VerdictKind,
)
from verifiers.words import stem

Cases = Callable[[CellResult], CaseTable | None]
"""Reads a cell's case table; None where it is gone."""

Neighbours = dict[tuple[str, str], list[CellId]]
"""A side's cells by project and arch."""

_GREEN_OR_RED = (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY)


class Change(StrEnum):
    """What became of a cell or a case."""

    NEWLY_FAILING = "newly failing"
    NEWLY_PASSING = "newly passing"
    STILL_FAILING = "still failing"
    STILL_PASSING = "still passing"
    FLAKY = "flaky"
    GONE = "gone"
    NEW = "new"
    INCOMPARABLE = "not comparable"


class CaseChanges(Frozen):
    """Names of a cell's cases by what became of them; those that passed both times are only counted."""

    newly_failing: tuple[str, ...] = ()
    newly_passing: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()  # the oracle has it no more either: another set of tests
    new: tuple[str, ...] = ()
    new_failing: tuple[str, ...] = ()  # not there before, and fails
    undecided: tuple[str, ...] = ()  # counted before, and now fails with the oracle too or is skipped
    still_passing: int = 0


class CellChange(Frozen):
    """A cell of two runs. ``cell`` is the new one's name, or the old one's where it is gone."""

    cell: CellId
    change: Change
    counterpart: str = ""  # the old candidate, where it is called otherwise
    old: VerdictKind | None = None
    new: VerdictKind | None = None
    old_reason: Reason | None = None
    new_reason: Reason | None = None
    message: str = ""  # the new verdict's, or the old one's where there is no new one
    cases: CaseChanges = CaseChanges()
    messages: dict[str, str] = Field(default_factory=dict)  # of the cases that failed now and had not
    folder: str = ""  # of the new cell, relative to the state folder
    why: str = ""  # it could not be compared, or its cases could not
    notes: tuple[str, ...] = ()
    ruling: Ruling = Ruling()  # what the excuses say of the new one

    @property
    def regressed(self) -> bool:
        """Whether something fails that did not, and is not excused."""
        failing = {*self.cases.newly_failing, *self.cases.new_failing} - self.ruling.cases
        return not self.ruling.excused and (self.change is Change.NEWLY_FAILING or bool(failing))

    @property
    def lost(self) -> bool:
        """Whether it passed and came to no verdict this time: nobody knows whether it still does."""
        return self.change is Change.INCOMPARABLE and self.old is VerdictKind.PASS


class Comparison(Frozen):
    """Two runs, or two compilers, held against each other."""

    schema_version: int = SCHEMA
    old: str
    new: str
    cells: tuple[CellChange, ...]
    cut_short: bool = False  # the new run did not come to its end: what is gone may only not have run
    notes: tuple[str, ...] = ()

    def of(self, change: Change) -> tuple[CellChange, ...]:
        """The cells that changed so."""
        return tuple(each for each in self.cells if each.change is change)

    @property
    def totals(self) -> dict[Change, int]:
        """Number of cells by change, every change named; adds up to ``len(cells)``."""
        return {change: len(self.of(change)) for change in Change}

    @property
    def exit_code(self) -> int:
        """For gates: 0 nothing newly failing, 1 something is, 3 nothing comparable, or what passed has no verdict."""
        if any(each.regressed for each in self.cells):
            return 1
        compared = [each for each in self.cells if each.old in _GREEN_OR_RED and each.new in _GREEN_OR_RED]
        passed = [each for each in self.of(Change.GONE) if each.old is VerdictKind.PASS]
        if not compared or any(each.lost for each in self.cells) or (self.cut_short and passed):
            return 3
        return 0


def compare_runs(
    old: Mapping[CellId, CellResult],
    new: Mapping[CellId, CellResult],
    cases: Cases = lambda result: None,
    *,
    names: tuple[str, str] = ("old", "new"),
    across: bool = False,
    cut_short: bool = False,
    not_run: Collection[CellId] = (),
) -> Comparison:
    """Hold two runs' cells against each other.

    Cells are alike where project, version, arch, depth, accommodation and mix are the same, and the candidate: the same
    name, or another version of it where that is the only one; ``across`` candidates its name does not count.
    ``not_run`` are cells that the new run was to have and did not come to. The
    mappings may read what they give on demand: each cell is asked for once.
    """
    pairs = list(_pairs(old, new, across))
    near = _neighbours(old), _neighbours(new)
    changes = tuple(_cell_change(old, new, before, after, cases, not_run, near) for before, after in pairs)
    oracles = {note for each in changes for note in each.notes if note.startswith("oracle ")}
    return Comparison(old=names[0], new=names[1], cells=changes, cut_short=cut_short, notes=tuple(sorted(oracles)))


def _pairs(
    old: Mapping[CellId, CellResult], new: Mapping[CellId, CellResult], across: bool
) -> Iterator[tuple[CellId | None, CellId | None]]:
    """Old cells beside new ones, in the new run's order, and those of the old run that are gone behind them."""
    partner = {cell: cell for cell in new if cell in old and not across}
    theirs, ours = _by_place(old, partner, across), _by_place(new, partner, across)
    for place, cells in ours.items():
        if len(cells) == 1 and len(theirs.get(place, ())) == 1:
            partner[cells[0]] = theirs[place][0]
    for cell in new:
        yield partner.get(cell), cell
    met = set(partner.values())
    yield from ((cell, None) for cell in old if cell not in met)


def _by_place(
    cells: Mapping[CellId, CellResult], taken: Mapping[CellId, CellId], across: bool
) -> dict[CellId, list[CellId]]:
    found: dict[CellId, list[CellId]] = {}
    for cell in cells:
        if cell not in taken:
            place = cell.model_copy(update={"candidate": ""}) if across else cell.lasting
            found.setdefault(place, []).append(cell)
    return found


def _cell_change(
    old: Mapping[CellId, CellResult],
    new: Mapping[CellId, CellResult],
    before: CellId | None,
    after: CellId | None,
    cases: Cases,
    not_run: Collection[CellId],
    near: tuple[Neighbours, Neighbours],
) -> CellChange:
    if after is None:
        assert before is not None
        if before in not_run:
            why = "NEW was to have it, and did not come to it"
            return CellChange(cell=before, change=Change.INCOMPARABLE, old=old[before].verdict.kind, why=why)
        return _alone(old[before], before, Change.GONE, near[1], "NEW")
    if before is None:
        return _alone(new[after], after, Change.NEW, near[0], "OLD")
    return compare_cell(old[before], new[after], cases)


def _alone(result: CellResult, cell: CellId, change: Change, others: Neighbours, where: str) -> CellChange:
    """A cell that only one side has, with the reason where something like it is on the other."""
    verdict = result.verdict
    side = "old" if change is Change.GONE else "new"
    given = {side: verdict.kind, f"{side}_reason": verdict.reason}
    return CellChange.model_validate(
        {
            "cell": cell,
            "change": change,
            "message": verdict.message,
            "ruling": result.ruling if change is Change.NEW else Ruling(),
            "folder": result.folder if change is Change.NEW else "",
            "why": _unlike(cell, others, where),
            **given,
        }
    )


def _neighbours(cells: Iterable[CellId]) -> Neighbours:
    found: Neighbours = {}
    for cell in cells:
        found.setdefault((cell.project, cell.arch), []).append(cell)
    return found


def _unlike(cell: CellId, others: Neighbours, where: str) -> str:
    """In what the nearest cell of the other side differs."""
    near = others.get((cell.project, cell.arch), [])
    near = [each for each in near if stem(each.candidate) == stem(cell.candidate)] or near
    for field in ("version", "depth", "accommodate", "mix", "levels", "sample", "seed", "candidate"):
        values = {getattr(each, field) for each in near}
        if near and getattr(cell, field) not in values:
            return f"{where} has it with another {field}: {', '.join(sorted(_word(value) for value in values))}"
    return f"not in {where}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == () else " ".join(value) if isinstance(value, tuple) else str(value)


def compare_cell(old: CellResult, new: CellResult, cases: Cases) -> CellChange:
    """One cell of two runs."""
    before, after = old.verdict, new.verdict
    base = {
        "cell": new.cell,
        "counterpart": old.cell.candidate if old.cell.candidate != new.cell.candidate else "",
        "old": before.kind,
        "new": after.kind,
        "old_reason": before.reason,
        "new_reason": after.reason,
        "message": after.message,
        "folder": new.folder,
        "ruling": new.ruling,
        "notes": _notes(old, new),
    }
    for side, verdict in (("OLD", before), ("NEW", after)):
        if verdict.kind not in _GREEN_OR_RED:
            why = f"{side} is {verdict.kind}: {verdict.message or verdict.reason}"
            return CellChange.model_validate({**base, "change": Change.INCOMPARABLE, "why": why})
    found, messages, why = _case_changes(old, new, cases)
    change = _of_cell(old, new, found if not why else None)
    return CellChange.model_validate({**base, "change": change, "cases": found, "messages": messages, "why": why})


def _of_cell(old: CellResult, new: CellResult, cases: CaseChanges | None) -> Change:
    """What became of a cell; ``cases`` is None where they could not be told.

    A flaky cell stays flaky only where its cases explain it: a case that failed twice and had passed is no flake.
    """
    before, after = old.verdict.kind, new.verdict.kind
    red = VerdictKind.FAIL
    if before is VerdictKind.PASS and after is VerdictKind.PASS:
        return Change.STILL_PASSING
    if after is red and before is VerdictKind.PASS:
        return Change.NEWLY_FAILING
    if after is red and before is VerdictKind.FLAKY:
        explained = cases is not None and not (cases.newly_failing or cases.new_failing)
        return Change.FLAKY if explained else Change.NEWLY_FAILING
    if VerdictKind.FLAKY in (before, after):
        return Change.NEWLY_PASSING if after is VerdictKind.PASS and before is red else Change.FLAKY
    if after is VerdictKind.PASS:
        return Change.NEWLY_PASSING
    return Change.NEWLY_FAILING if _earlier(new, old) else Change.STILL_FAILING


def _earlier(one: CellResult, other: CellResult) -> bool:
    """Whether a cell failed in an earlier step than another, so that less of it works."""
    order = list(Step)
    steps = (one.verdict.step, other.verdict.step)
    return None not in steps and order.index(steps[0] or Step.TEST) < order.index(steps[1] or Step.TEST)


def _case_changes(old: CellResult, new: CellResult, read: Cases) -> tuple[CaseChanges, dict[str, str], str]:
    """The cases of two cells, the messages of those that newly fail, and why they could not be told, if so."""
    if _same(old, new):
        return CaseChanges(still_passing=new.verdict.compared), {}, ""
    for side, result in (("OLD", old), ("NEW", new)):
        if not _tested(result):
            return CaseChanges(), {}, f"no cases in {side}: it failed in {result.verdict.step or 'an earlier step'}"
    failing = {each.name: each.message for each in new.verdict.differences}
    failed = {each.name for each in old.verdict.differences}
    tables = read(old), read(new)
    if tables[0] is None or tables[1] is None:
        # without them a case that is new and fails cannot be told from one that passed before: taken for the worse
        flaky = _flaky(old, failed) | _flaky(new, failing.keys())
        found = CaseChanges(
            newly_failing=tuple(name for name in failing if name not in failed and name not in flaky),
            still_failing=tuple(name for name in failing if name in failed),
            flaky=tuple(sorted(flaky)),
        )
        return found, _messages(failing, found), "the list of all cases is gone; what failed is known from the verdicts"
    found = _told(old, new, tables[0], tables[1])
    return found, _messages(failing, found), ""


def _told(old: CellResult, new: CellResult, before: CaseTable, after: CaseTable) -> CaseChanges:
    """By name, from both lists. A case that neither side's verdict counts (skipped, failing with both) is none."""
    failed = {each.name for each in old.verdict.differences}
    failing = {each.name for each in new.verdict.differences}
    flaky = _flaky(old, failed) | _flaky(new, failing)
    if old.verdict.kind is VerdictKind.FLAKY:
        flaky |= failed
        failed = set()
    if new.verdict.kind is VerdictKind.FLAKY:
        flaky |= failing
        failing = set()
    passed = {name for name in before.passed if name not in failed and name not in flaky}
    passing = {name for name in after.passed if name not in failing and name not in flaky}
    known, now = before.passed.keys() | before.others.keys(), after.passed.keys() | after.others.keys()
    failing -= flaky
    return CaseChanges(
        newly_failing=_sorted((failing - failed) & known),
        newly_passing=_sorted(passing & failed),
        still_failing=_sorted(failing & failed),
        flaky=_sorted(flaky),
        gone=_sorted((passed | failed) - now - failing),
        new=_sorted(passing - known - failed),
        new_failing=_sorted(failing - failed - known),
        undecided=_sorted((passed | failed) & after.others.keys() - failing - flaky),
        still_passing=sum(1 for name in passed & passing if not name.endswith(COMPLETED)),
    )


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _same(old: CellResult, new: CellResult) -> bool:
    """Whether both pass with as many cases, so that nothing can be learned from the lists."""
    green = old.verdict.kind is VerdictKind.PASS and new.verdict.kind is VerdictKind.PASS
    return green and old.verdict.compared == new.verdict.compared and old.counts == new.counts


def _tested(result: CellResult) -> bool:
    """Whether it came as far as having cases."""
    return result.verdict.kind is VerdictKind.PASS or result.verdict.compared > 0 or bool(result.verdict.differences)


def _flaky(result: CellResult, failing: Collection[str]) -> set[str]:
    """Cases that failed in the first run and not in the confirming one; the verdict speaks of the others only."""
    if result.candidate is None or not result.confirmed:
        return set()
    neither = {*result.verdict.both_fail, *result.verdict.extra, *failing}
    red = (CaseOutcome.FAIL, CaseOutcome.CRASH, CaseOutcome.TIMEOUT)
    others = result.candidate.cases.others
    return {name for name, case in others.items() if case.outcome in red and name not in neither}


def _messages(failing: Mapping[str, str], found: CaseChanges) -> dict[str, str]:
    names = (*found.newly_failing, *found.new_failing)
    return {name: failing[name] for name in names if failing.get(name)}


def _notes(old: CellResult, new: CellResult) -> tuple[str, ...]:
    notes = []
    if old.oracle and new.oracle and old.oracle.compiler.fingerprint != new.oracle.compiler.fingerprint:
        notes.append(f"oracle {old.oracle.compiler.name} -> {new.oracle.compiler.name}: another compiler now")
    if old.verdict.reason is not new.verdict.reason and old.verdict.reason and new.verdict.reason:
        notes.append(f"the reason was {old.verdict.reason}")
    if old.verdict.step is not new.verdict.step and old.verdict.step and new.verdict.step:
        notes.append(f"it failed in {old.verdict.step}")
    return tuple(notes)
