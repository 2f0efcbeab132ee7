"""What a report or a comparison is about: runs by id, date or word, and what belongs to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from verifiers.errors import UsageError
from verifiers.results import CellId, CellResult, Reason, Verdict, VerdictKind
from verifiers.store import Place, RunRow, Store

_DECIDING = (
    "projects",
    "arches",
    "candidates",
    "depth",
    "accommodate",
    "mix",
    "seed",
    "mix_files",
    "levels",
    "sample",
    "failed",
    "cases",
    "also",
)


class NoHistory(UsageError):
    """Nothing was run yet."""

    msg = (
        "no cell was finished below {state}; run some with `verify --project NAME`, or name the folder with --state DIR"
    )


class NoSuchRun(UsageError):
    """No run goes by that name."""

    msg = "no run {name!r}{hint}; give a run's id or its beginning, a date, latest or previous{more}"


class Ambiguous(UsageError):
    """Several runs begin so."""

    msg = "{name!r} is the beginning of {count} runs: {some}; give more of it"


class Results(Mapping[CellId, CellResult]):
    """Cells by name, each read from the history when it is asked for."""

    def __init__(self, store: Store, places: Sequence[Place]) -> None:
        self._store = store
        self._places = {place.cell: place for place in places}

    def __getitem__(self, cell: CellId) -> CellResult:
        place = self._places[cell]
        return next(loaded(self._store, [place]))[1]

    def __iter__(self) -> Iterator[CellId]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def loaded(store: Store, places: Sequence[Place]) -> Iterator[tuple[Place, CellResult]]:
    """Some places with their whole results, one at a time."""
    for place, result in zip(places, store.load(places), strict=True):
        yield place, result or unreadable(place)


def unreadable(place: Place) -> CellResult:
    """What stands for a result of another schema version."""
    message = "the result was written by another ccverify and cannot be read by this one; run the cell again"
    verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.INTERNAL, message=message)
    return CellResult(cell=place.cell, fingerprint="", verdict=verdict, run=place.run, started=place.started)


@dataclass(frozen=True)
class Selection:
    """The cells of one report."""

    title: str
    places: Sequence[Place]
    run: RunRow | None  # None: the newest result of every cell
    before: RunRow | None = None  # the newest earlier run that has much of this one
    alike: Sequence[RunRow] = ()  # runs in which the same was asked, oldest first, this one the last
    not_run: Sequence[Place] = ()  # cells that belong to it and that it has no result for, as they last were
    never: Sequence[CellId] = ()  # likewise, and no run ever had


def select(store: Store, name: str) -> Selection:
    """The cells of a run, or the newest of all; raises NoSuchRun."""
    runs = store.runs()
    if name == "all":
        return Selection(title="all", places=store.places(), run=None)
    run = find_run(name, runs)
    places = store.places(run.id)
    asked = _asked(run)
    alike = [each for each in runs if each.id <= run.id and _asked(each) == asked]
    here = {place.name for place in places}
    expected = store.places(alike[-2].id) if len(alike) > 1 else []
    not_run, never = store.not_run(run.id) or ([place for place in expected if place.name not in here], [])
    return Selection(
        title=run.id,
        places=places,
        run=run,
        before=previous(store, run, runs, here),
        alike=alike,
        not_run=not_run,
        never=never,
    )


def previous(store: Store, run: RunRow, runs: Sequence[RunRow], names: set[int] | None = None) -> RunRow | None:
    """The newest earlier run that has half of a run's cells, or at least one; of a night, the newest such night."""
    here = {place.name for place in store.places(run.id)} if names is None else names
    some: RunRow | None = None
    for each in reversed(runs) if here else ():
        if each.id >= run.id or not each.cells or (run.nightly and not each.nightly):
            continue
        common = sum(place.name in here for place in store.places(each.id))
        if 2 * common >= len(here):
            return each
        some = some or (each if common else None)
    return some


def find_run(name: str, runs: Sequence[RunRow]) -> RunRow:
    """A run by ``latest``, its id or the beginning of that, or a date (the newest of that day)."""
    if name == "latest":
        with_cells = [run for run in runs if run.cells]
        if not with_cells:
            raise NoSuchRun(name=name, hint="", more="; no run has finished a cell yet")
        return with_cells[-1]
    day = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", name)
    prefix = "".join(day.groups()) if day else name
    found = [run for run in runs if run.id.startswith(prefix)] if prefix else []
    if day:
        found = [run for run in found if run.cells][-1:] or found[-1:]
    if len(found) > 1:
        raise Ambiguous(name=name, count=len(found), some=", ".join(run.id for run in found[:4]))
    if not found:
        raise NoSuchRun(name=name, hint=_hint(name, [run.id for run in runs]), more=_latest(runs))
    return found[0]


def _asked(run: RunRow) -> str:
    """What decided the run's cells, for telling runs in which the same was asked."""
    try:
        request = json.loads(run.request)
        return json.dumps([request.get(key) for key in _DECIDING])
    except (ValueError, AttributeError):
        return run.request


def _hint(name: str, ids: Sequence[str]) -> str:
    known = [*ids, *(f"{run[:4]}-{run[4:6]}-{run[6:8]}" for run in ids), "latest", "previous"]
    near = get_close_matches(name, sorted(set(known), reverse=True), n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""


def _latest(runs: Sequence[RunRow]) -> str:
    return f"; the latest is {runs[-1].id}" if runs else ""
