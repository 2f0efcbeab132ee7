"""``verify show``: a finished cell, with all that led to its verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, Json, StateDir
from verifiers.errors import UsageError


class NoSuchCell(UsageError):
    """Nothing that was finished matches."""

    msg = "no finished cell below {state} matches {words}; `verify show` alone lists the latest"


def show(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD…", help="Parts of a cell's name, e.g. sqlite tcc; a run's id also counts."),
    ] = None,
    limit: Annotated[int, typer.Option("--cases", metavar="N", help="How many failing cases to print.")] = 20,
    state: StateDir = None,
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Show the newest finished cell whose name holds all WORDs; without any, list the latest cells."""
    from verifiers.config import find_config, load_config
    from verifiers.report.detail import detail
    from verifiers.report.wording import line
    from verifiers.state import State, default_state
    from verifiers.store import Store

    place = State(state or Path(load_config(find_config(config)).state or default_state()))
    if not place.database.exists():
        raise NoSuchCell(state=place.root, words=" ".join(words or ["anything"]))
    cells = Store(place).latest(1000)
    if not words:
        for cell in reversed(cells[:20]):
            print(f"{cell.started} {line(cell, f'{place.root}/')}")
        return 0
    for cell in cells:
        if all(word in f"{cell.cell} {cell.run} {cell.verdict.kind}" for word in words):
            print(cell.model_dump_json(indent=1) if json else detail(cell, place.root, limit))
            return 0
    raise NoSuchCell(state=place.root, words=" ".join(words))
