"""The two sides of a comparison, from the words that name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from verifiers.errors import UsageError
from verifiers.report.regress import Comparison, compare_runs
from verifiers.report.selection import NoSuchRun, Results, find_run, previous
from verifiers.results import VerdictKind
from verifiers.store import Place, RunRow, Store, cases_of
from verifiers.words import stem

_VERDICTS: Final = (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY)


class NoPrevious(UsageError):
    """There is no earlier run with the same cells."""

    msg = "no run before {run} has a cell in common with it; name one: {known}"


class Mixed(UsageError):
    """A run cannot be held against a compiler."""

    msg = "{run} is a run and {candidate} a compiler; give two runs or two compilers"


class UnknownSide(UsageError):
    """Neither a run nor a candidate."""

    msg = "{name!r} is neither a run nor a compiler in the history{hint}; runs: {runs}; compilers: {candidates}"


@dataclass(frozen=True)
class Side:
    """A run's cells, or the newest cells of one candidate."""

    name: str
    places: Sequence[Place]
    run: RunRow | None  # None: a candidate

    @property
    def cut_short(self) -> bool:
        """Whether it is a run that did not come to its end."""
        return self.run is not None and self.run.finished is None


def sides(store: Store, old: str, new: str) -> tuple[Side, Side]:
    """Both sides by run id, the beginning of one, date, ``latest``, ``previous``, or candidate; raises UsageErrors."""
    runs = store.runs()
    newest = store.places()
    candidates = sorted({place.cell.candidate for place in newest})
    if "previous" in (old, new):
        return _with_previous(store, old, new, runs)
    first, second = (_candidate(name, candidates, runs) for name in (old, new))
    if first and second:
        return _of(first, newest), _of(second, newest)
    found = [None if named else _run(name, runs, candidates) for name, named in ((old, first), (new, second))]
    if first or second:
        run = next(each for each in found if each)
        raise Mixed(run=run.id, candidate=first or second)
    left, right = (Side(run.id, store.places(run.id), run) for run in found if run)
    return left, right


def held(store: Store, root: Path, old: Side, new: Side) -> Comparison:
    """The comparison of two sides; ``root`` is the state folder, where the lists of cases lie."""
    missing = store.not_run(new.run.id) if new.run else None
    return compare_runs(
        Results(store, old.places),
        Results(store, new.places),
        lambda result: cases_of(root, result),
        names=(old.name, new.name),
        across=old.run is None,
        cut_short=new.cut_short,
        not_run=[place.cell for place in missing[0]] if missing else (),
    )


def _with_previous(store: Store, old: str, new: str, runs: Sequence[RunRow]) -> tuple[Side, Side]:
    anchor = find_run("latest" if old == new else new if old == "previous" else old, runs)
    before = previous(store, anchor, runs)
    if before is None:
        raise NoPrevious(run=anchor.id, known=", ".join(run.id for run in runs[-4:]))
    there, here = (Side(run.id, store.places(run.id), run) for run in (before, anchor))
    return (there, here) if old == "previous" else (here, there)


def _candidate(name: str, candidates: Sequence[str], runs: Sequence[RunRow]) -> str | None:
    """The candidate of that name, or the only version of it; a run's id or a word for one comes first."""
    if name == "latest" or any(run.id == name for run in runs):
        return None
    if name in candidates:
        return name
    versions = [each for each in candidates if stem(each) == name]
    return versions[0] if len(versions) == 1 else None


def _run(name: str, runs: Sequence[RunRow], candidates: Sequence[str]) -> RunRow:
    try:
        return find_run(name, runs)
    except NoSuchRun:
        near = get_close_matches(
            name, [*candidates, *map(stem, candidates), *(run.id for run in reversed(runs)), "latest", "previous"], n=1
        )
        hint = f" (did you mean {near[0]}?)" if near else ""
        last = ", ".join(run.id for run in runs[-3:]) or "none"
        raise UnknownSide(name=name, hint=hint, runs=last, candidates=", ".join(candidates) or "none") from None


def _of(candidate: str, newest: Sequence[Place]) -> Side:
    return Side(candidate, [place for place in newest if place.cell.candidate == candidate], None)
