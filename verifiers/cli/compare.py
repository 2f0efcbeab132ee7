"""``verify compare``: what changed between two runs, or lies between two compilers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, Json, StateDir


def compare(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A run (its id, the beginning of it, a date, previous) or a compiler.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Likewise; latest is the newest run.")] = "latest",
    limit: Annotated[int, typer.Option("--cases", metavar="N", min=0, help="How many cases of a kind to print.")] = 10,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
    state: StateDir = None,
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Say what newly fails, newly passes, still fails, is flaky, gone or new between two runs or two compilers.

    Exit code: 0 nothing newly fails, 1 something does, 2 a name is wrong, 3 nothing can be compared, or what passed
    came to no verdict.
    """
    from verifiers.config import find_config, load_config
    from verifiers.report import changes
    from verifiers.report.selection import NoHistory
    from verifiers.report.sides import held, sides
    from verifiers.state import State, default_state
    from verifiers.store import Store

    place = State(state or Path(load_config(find_config(config)).state or default_state()))
    if not place.database.exists():
        raise NoHistory(state=place.root)
    store = Store(place)
    comparison = held(store, place.root, *sides(store, old, new))
    if json:
        print(comparison.model_dump_json(indent=1))
    elif markdown:
        print(changes.markdown(comparison, limit), end="")
    else:
        print(changes.text(comparison, limit))
    return comparison.exit_code
