"""``verify report``: what the history holds, as pages and files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, StateDir
from verifiers.errors import UsageError

FORMATS = ("html", "junit", "markdown", "json", "badges")


class UnknownFormat(UsageError):
    """No such format."""

    msg = "unknown format {name!r}{hint}; they are {known}"


class NothingInRun(UsageError):
    """The run has no cell to show."""

    msg = "run {run} has finished no cell; `verify report --run all` shows the newest result of every cell"


def report(
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="A run's id, a date, latest, or all: the newest of every cell.")
    ] = "latest",
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help=f"Some of {','.join(FORMATS)}, with commas; or all.")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Default: reports/<run> in the state folder.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON's schema, and do nothing else.")] = False,
    state: StateDir = None,
    config: ConfigFile = None,
) -> int:
    """Write reports of finished cells: HTML, JUnit XML, Markdown, JSON, badges. Prints the files to look at."""
    if schema:
        from verifiers.report.data import schema as text

        print(text(), end="")
        return 0
    from verifiers.config import find_config, load_config
    from verifiers.report.files import Folder
    from verifiers.report.publish import publish
    from verifiers.report.selection import NoHistory, select
    from verifiers.state import State, default_state
    from verifiers.store import Store

    wanted = _formats(formats)
    place = State(state or Path(load_config(find_config(config)).state or default_state()))
    if not place.database.exists():
        raise NoHistory(state=place.root)
    store = Store(place)
    selection = select(store, run)
    if not selection.places:
        raise NothingInRun(run=selection.title)
    folder = Folder(out or place.root / "reports" / selection.title)
    for path in publish(wanted, selection, store, place.root, folder):
        print(path)
    return 0


def _formats(text: str) -> list[str]:
    from verifiers.nearest import hint

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in (*FORMATS, "all"):
            raise UnknownFormat(name=name, hint=hint(name, FORMATS), known=", ".join((*FORMATS, "all")))
    return [name for name in FORMATS if name in names or "all" in names] or ["html"]
