"""Makes one night of parts that ran elsewhere: their results, logs and plans, each under its own cell."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from verifiers.errors import UsageError
from verifiers.report.selection import loaded
from verifiers.results import CellId, CellResult, RunResult, StepResult
from verifiers.state import State
from verifiers.store import RunRow, Store


class NoPart(UsageError):
    """A folder is no state of a night."""

    msg = "{folder} holds no night; give the --state folders of `verify nightly --part`"


def night_of(folder: Path) -> RunRow:
    """The last night of a state folder; raises NoPart."""
    state = State(folder)
    night = Store(state).newest(nightly=True) if state.database.exists() else None
    if night is None:
        raise NoPart(folder=folder)
    return night


def merge(
    state: State, store: Store, run: str, folders: Sequence[Path], arches: Collection[str], say: Callable[[str], None]
) -> None:
    """Take the last night of each folder into ``run``; of a cell that several have, the first.

    Where a part did not come to its end, its cells without a result are planned here too, and so are not run. Where no
    part has anything of one of the ``arches`` that the night is to have, its note says so.
    """
    planned: list[CellId] = []
    taken: set[CellId] = set()
    notes = []
    for folder in folders:
        other, night = State(folder), night_of(folder)
        there = Store(other)
        places = [place for place in there.places(night.id) if place.cell not in taken]
        for place, result in loaded(there, places):
            taken.add(place.cell)
            planned.append(place.cell)
            store.save(_moved(result, other.root, state, run))
        before, never = there.not_run(night.id) or ([], [])
        planned += [*(place.cell for place in before), *never]
        notes += [f"{folder.name}: {night.note}"] if night.note else []
        notes += [f"{folder.name} was cut short"] if night.finished is None else []
        say(f"{folder}: {len(places)} cells of its night {night.id}")
    lacking = sorted(set(arches) - {cell.arch for cell in planned})
    notes += [f"no part has {', '.join(lacking)}"] if lacking else []
    store.plan(run, planned)
    store.finish(run, "; ".join(notes))


def _moved(result: CellResult, root: Path, state: State, run: str) -> CellResult:
    """A result with its logs below a run of this state, also those of an oracle that ran for another cell."""
    if not result.folder:
        return result.model_copy(update={"run": run, "cached": False})
    target = state.logs / run / Path(result.folder).name
    if (root / result.folder).is_dir():
        shutil.copytree(root / result.folder, target, dirs_exist_ok=True)
    oracle = result.oracle.steps if result.oracle else ()
    for folder in {(root / step.log).parent for step in oracle if step.log} - {root / result.folder}:
        for path in folder.glob("oracle-*"):
            target.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target / path.name, dirs_exist_ok=True)
            else:
                shutil.copy(path, target)

    def log_of(step: StepResult) -> StepResult:
        return step.model_copy(update={"log": step.log and state.relative(target / Path(step.log).name)})

    def placed(of: RunResult | None) -> RunResult | None:
        return of and of.model_copy(update={"steps": tuple(map(log_of, of.steps))})

    sides = {"candidate": placed(result.candidate), "oracle": placed(result.oracle)}
    return result.model_copy(update={"run": run, "cached": False, "folder": state.relative(target), **sides})
