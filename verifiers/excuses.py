"""Excuses: expected failures, each with its bug and its last day, and the pure function that applies them.

An excuse changes how a failure counts, never the verdict: the cell stays ``fail``, is shown as ``excused``, and does
not make the exit code red. Only a failure that was seen twice can be excused; flaky, broken and error cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from verifiers.results import COMPLETED, CellId, Excused, Frozen, Reason, Ruling, Step, Verdict, VerdictKind
from verifiers.words import stem

_NAMED: Final = 20  # unexpectedly passing cases that are told by name


def _link(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>\"]+", text):
        raise ValueError('a bug is a link, such as "https://example.org/bugs/1"')
    return text


def _day(value: object) -> object:
    """TOML has dates of its own; a text in their form will do."""
    if isinstance(value, date):  # a time of day too, otherwise
        return value.isoformat()[:10]
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("a day is written as 2026-12-31")
    return value


class Excuse(Frozen):
    """[[excuse]]: what fails as expected. Patterns are the shell's (``*``, ``?``), or the name itself."""

    project: str
    case: str = ""  # pattern of case names
    step: Literal[Step.CONFIGURE, Step.BUILD] | None = None  # instead of a case: that the cell fails in this step
    reason: Reason | None = None  # of a step: only for this reason
    arch: str = "*"
    candidate: str = "*"  # with its version, or without
    bug: Annotated[str, AfterValidator(_link)]
    expires: Annotated[date, BeforeValidator(_day)]  # the last day on which it excuses
    note: str = ""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if bool(self.case) == bool(self.step):
            raise ValueError('say what fails: case = "PATTERN" or step = "build", one of them')
        if self.reason and not self.step:
            raise ValueError("a reason goes with step, not with case")
        return self

    def fits(self, cell: CellId) -> bool:
        """Whether it speaks of the cell."""
        names = {cell.candidate, stem(cell.candidate)}
        return (
            _matches(self.project, {cell.project, f"{cell.project}@{cell.version}"})
            and _matches(self.arch, {cell.arch})
            and _matches(self.candidate, names)
        )

    def of(self, cases: Iterable[str]) -> tuple[str, ...]:
        """Those of some cases that it speaks of."""
        return tuple(name for name in cases if self.case and _matches(self.case, {name}))

    def told(self, cases: Sequence[str] = ()) -> Excused:
        """It, as a ruling names it."""
        return Excused(bug=self.bug, until=self.expires.isoformat(), cases=tuple(cases))


def idle(excuses: Sequence[Excuse], cells: Sequence[CellId], today: date) -> Iterator[str]:
    """What is to be done about excuses that excuse nothing: those of no cell, and those that expired."""
    for each in excuses:
        what = f"the excuse of {each.project} {each.case or each.step} ({each.bug})"
        if today > each.expires:
            yield f"{what} expired after {each.expires}; renew it, or take it away"
        elif cells and not any(each.fits(cell) for cell in cells):
            yield f"{what} fits no cell of this run"


def rule(
    cell: CellId, verdict: Verdict, excuses: Sequence[Excuse], today: date, passed: Callable[[], Collection[str]]
) -> Ruling:
    """What the excuses make of a verdict; ``passed`` gives the names of the candidate's cases that passed."""
    fitting = [each for each in excuses if each.fits(cell)]
    if not fitting or verdict.kind not in (VerdictKind.PASS, VerdictKind.FAIL):
        return Ruling()
    valid = [each for each in fitting if today <= each.expires]
    failing = [*(each.name for each in verdict.differences), *verdict.flaky]
    steps, by = set(_steps(verdict, valid)), list(_covering(verdict, valid, failing))
    covered = {name for each in by for name in each.cases}
    whole = verdict.step is Step.TEST or verdict.step in steps
    return Ruling(
        excused=verdict.kind is VerdictKind.FAIL and whole and bool(by) and covered.issuperset(failing),
        by=tuple(by),
        expired=tuple(_covering(verdict, [each for each in fitting if each not in valid], failing)),
        # a mix may pass because the unit at fault was not the candidate's
        unexpected=() if cell.mix else tuple(_unexpected(verdict, valid, failing, cache(passed))),
    )


def _covering(verdict: Verdict, excuses: Iterable[Excuse], failing: Sequence[str]) -> Iterable[Excused]:
    """The excuses of something that fails."""
    if verdict.kind is VerdictKind.FAIL:
        for each in excuses:
            cases = each.of(failing)
            if cases or set(_steps(verdict, [each])):
                yield each.told(cases)


def _steps(verdict: Verdict, excuses: Iterable[Excuse]) -> Iterable[Step]:
    """The step that the cell failed in, where an excuse covers it."""
    for each in excuses:
        reasons = {verdict.reason, *(fault.reason for fault in verdict.faults)}
        if each.step and each.step is verdict.step and (each.reason is None or reasons == {each.reason}):
            yield each.step


def _unexpected(
    verdict: Verdict, excuses: Iterable[Excuse], failing: Sequence[str], passed: Callable[[], Collection[str]]
) -> Iterable[Excused]:
    """The excuses of which nothing fails and something passes."""
    order = list(Step)
    for each in excuses:
        if each.step:
            if verdict.kind is VerdictKind.PASS or (
                verdict.step and order.index(verdict.step) > order.index(each.step)
            ):
                yield each.told()
        elif verdict.compared and not each.of(failing):
            cases = each.of(name for name in passed() if not name.endswith(COMPLETED))
            if cases:
                yield each.told(sorted(cases)[:_NAMED])


def _matches(pattern: str, names: Collection[str]) -> bool:
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)
