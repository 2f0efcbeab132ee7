"""Writes the formats that are asked for, from one selection of cells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from verifiers.report.files import Folder
from verifiers.report.health import Health, health
from verifiers.report.names import slug
from verifiers.report.selection import Selection, loaded
from verifiers.results import CellResult, VerdictKind
from verifiers.state import now
from verifiers.store import Store, cases_of

_WORST = (VerdictKind.FAIL, VerdictKind.FLAKY, VerdictKind.ERROR, VerdictKind.BROKEN)


def publish(formats: Sequence[str], selection: Selection, store: Store, root: Path, folder: Folder) -> Iterator[Path]:
    """Write each format below ``folder``; gives the files to look at. ``root`` is the state folder."""
    state = health_of(selection, root)
    for name in formats:
        yield from _WRITERS[name](selection, store, root, folder, state)
    folder.finish()


def health_of(selection: Selection, root: Path, made: str = "") -> Health:
    """The health line of a selection, as of now."""
    disk = shutil.disk_usage(root)
    run = selection.run
    return health(
        selection.places,
        made or now(),
        not_run=len(selection.not_run) + len(selection.never),
        note=run.note if run else "",
        cut_short=run is not None and run.finished is None,
        disk=(disk.free, disk.total),
        began=run.started if run else "",
    )


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
