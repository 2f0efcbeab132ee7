"""Makes one night of parts that ran elsewhere: their results, logs and plans, each under its own cell."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from verifiers.errors import UsageError
from verifiers.report.selection import loaded
from verifiers.results import CellId
from verifiers.state import State
from verifiers.store import Store


class NoPart(UsageError):
    """A folder is no state of a night."""

    msg = "{folder} holds no night; give the --state folders of `verify nightly --part`"


def merge(state: State, store: Store, run: str, folders: Sequence[Path], say: Callable[[str], None]) -> None:
    """Take the last night of each folder into ``run``; of a cell that several have, the first.

    Where a part did not come to its end, its cells without a result are planned here too, and so are not run.
    """
    planned: list[CellId] = []
    taken: set[CellId] = set()
    notes = []
    for folder in folders:
        other = State(folder)
        night = Store(other).newest(nightly=True) if other.database.exists() else None
        if night is None:
            raise NoPart(folder=folder)
        there = Store(other)
        places = [place for place in there.places(night.id) if place.cell not in taken]
        for place, result in loaded(there, places):
            taken.add(place.cell)
            planned.append(place.cell)
            source = other.root / result.folder if result.folder else None
            target = state.logs / run / Path(result.folder).name
            if source and source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            moved = {"run": run, "cached": False, "folder": state.relative(target) if result.folder else ""}
            store.save(result.model_copy(update=moved))
        before, never = there.not_run(night.id) or ([], [])
        planned += [*(place.cell for place in before), *never]
        notes += [f"{folder.name}: {night.note}"] if night.note else []
        notes += [f"{folder.name} was cut short"] if night.finished is None else []
        say(f"{folder}: {len(places)} cells of its night {night.id}")
    store.plan(run, planned)
    store.finish(run, "; ".join(notes))
