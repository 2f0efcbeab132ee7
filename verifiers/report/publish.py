"""Writes the formats that are asked for, from one selection of cells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from verifiers.fetch import places_that_answer
from verifiers.report.files import Folder
from verifiers.report.health import Health, health, seconds_between
from verifiers.report.names import slug
from verifiers.report.selection import Selection, loaded
from verifiers.results import CellResult, VerdictKind
from verifiers.state import State, now
from verifiers.store import Store, cases_of
from verifiers.words import stem

_WORST = (VerdictKind.FAIL, VerdictKind.FLAKY, VerdictKind.ERROR, VerdictKind.BROKEN)


def publish(
    formats: Sequence[str], selection: Selection, store: Store, root: Path, folder: Folder, state: Health | None = None
) -> Iterator[Path]:
    """Write each format below ``folder``; gives the files to look at. ``root`` is the state folder."""
    state = state or health_of(selection, store, root)
    for name in formats:
        yield from _WRITERS[name](selection, store, root, folder, state)
    folder.finish()


def health_of(
    selection: Selection, store: Store, root: Path, made: str = "", stale: Mapping[str, float] | None = None
) -> Health:
    """The health line of a selection, as of now; ``stale`` says how many days old a candidate may be, by its name."""
    disk = shutil.disk_usage(root)
    run = selection.run
    clock = made or now()
    toolchain = _toolchain(selection, store)
    limits = {name: days * 86400 for name, days in (stale or {}).items()}
    ages = {name: seconds_between(f"{day}T00:00:00+00:00", clock) for name, day in toolchain.items()}
    return health(
        selection.places,
        clock,
        not_run=len(selection.not_run) + len(selection.never),
        note=run.note if run else "",
        cut_short=run is not None and run.finished is None,
        disk=(disk.free, disk.total),
        answering=places_that_answer(State(root).sources),
        toolchain=toolchain,
        stale=[name for name, old in ages.items() if old > limits.get(name, limits.get(stem(name), float("inf")))],
        began=run.started if run else "",
    )


def _toolchain(selection: Selection, store: Store) -> dict[str, str]:
    """Oracles and candidates -> the day that each is of, from one result of each candidate on each arch."""
    some = {(place.cell.candidate, place.cell.arch): place for place in selection.places if place.candidate.build_cpu}
    results = [result for _, result in loaded(store, list(some.values()))]
    runs = [run for each in results for run in (each.oracle, each.candidate) if run]
    return {run.compiler.name: run.compiler.made for run in runs if run.compiler.made}


def _html(selection: Selection, store: Store, root: Path, folder: Folder, state: Health) -> Iterator[Path]:
    from verifiers.report.site import write

    write(selection, store, root, folder, state)
    yield folder.root / "index.html"


def _junit(selection: Selection, store: Store, root: Path, folder: Folder, state: Health) -> Iterator[Path]:
    from verifiers.report.junit import junit

    for _, result in loaded(store, selection.places):
        folder.write(f"junit/{slug(result.cell)}.xml", junit(result, cases_of(root, result)))
    yield folder.root / "junit"


def _markdown(selection: Selection, store: Store, root: Path, folder: Folder, state: Health) -> Iterator[Path]:
    from verifiers.report.markdown import markdown

    text = markdown(
        selection.title, state, selection.places, _red(selection, store), selection.not_run, selection.never
    )
    folder.write("report.md", text)
    yield folder.root / "report.md"


def _red(selection: Selection, store: Store) -> Iterator[CellResult]:
    """Whole results of the cells that are not green, the worst first, read as they are asked for."""
    red = [place for place in selection.places if place.verdict in _WORST]
    red.sort(key=lambda place: _WORST.index(place.verdict))
    yield from (result for _, result in loaded(store, red))


def _json(selection: Selection, store: Store, root: Path, folder: Folder, state: Health) -> Iterator[Path]:
    from verifiers.report.data import document, schema

    folder.write("report.json", "".join(document(selection, store)))
    folder.write("report.schema.json", schema())
    yield folder.root / "report.json"


def _badges(selection: Selection, store: Store, root: Path, folder: Folder, state: Health) -> Iterator[Path]:
    from verifiers.report.badges import badges

    for name, text in badges(selection.places, state.not_run):
        folder.write(f"badges/{name}", text)
    yield folder.root / "badges" / "all.svg"


_WRITERS = {"html": _html, "junit": _junit, "markdown": _markdown, "json": _json, "badges": _badges}
