"""``verify show``: a finished cell with all that led to its verdict, or one of its cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from verifiers.cli.options import ConfigFile, Json, StateDir
from verifiers.errors import UsageError

if TYPE_CHECKING:
    from verifiers.results import CellResult

_LOOKED_INTO: Final = 50  # cells in which a case is looked for


class NoSuchCell(UsageError):
    """Nothing that was finished matches."""

    msg = "no finished cell or case below {state} matches {words}{hint}; `verify show` alone lists the latest cells"


def show(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD…", help="Parts of a cell's name, e.g. sqlite tcc, or of its run; a case may follow."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--cases", metavar="N", min=0, help="How many failing cases to print.")] = 20,
    state: StateDir = None,
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Show the newest finished cell whose name holds all WORDs; without any, list the latest cells.

    A case is shown by its name, behind words or behind its project, as in 'gcc_torture/execute/pr1.c/-O2' or
    'sqlite: CASE': its source, both compilers' commands and outputs, and how to repeat it. A test's name stands for
    one of its cases.
    """
    from verifiers.config import find_config, load_config
    from verifiers.report.casepage import case_page
    from verifiers.report.detail import detail
    from verifiers.report.wording import line
    from verifiers.state import State, default_state
    from verifiers.store import Store

    place = State(state or Path(load_config(find_config(config)).state or default_state()))
    if not place.database.exists():
        raise NoSuchCell(state=place.root, words=" ".join(words or ["anything"]), hint="")
    cells = Store(place).latest(1000)
    if not words:
        for cell in reversed(cells[:20]):
            print(f"{cell.started} {line(cell, f'{place.root}/')}")
        return 0
    for cell in cells:
        if all(word in f"{cell.cell} {cell.run} {cell.verdict.kind}" for word in words):
            print(cell.model_dump_json(indent=1) if json else detail(cell, place.root, limit))
            return 0
    cell, case = _case(cells, words, place.root)
    print("\n".join(case_page(cell, case, place.root)))
    return 0


def _case(cells: Sequence[CellResult], words: Sequence[str], root: Path) -> tuple[CellResult, str]:
    """The newest cell that has the case, or one of a test by that name, first one in which it differs.

    Raises NoSuchCell with the nearest name.
    """
    from verifiers.nearest import hint
    from verifiers.store import cases_of

    *parts, name = words
    project, colon, rest = name.partition(": ")
    if colon:
        parts, name = [*parts, project], rest
    fitting = [cell for cell in cells if all(word in f"{cell.cell} {cell.run}" for word in parts)][:_LOOKED_INTO]

    def bare(cell: CellResult) -> str:
        return name.removeprefix(f"{cell.cell.project}/")

    def named(cell: CellResult, cases: Iterable[str]) -> str | None:
        wanted = f"{bare(cell)}/"
        return min((case for case in cases if f"{case}/".startswith(wanted)), key=len, default=None)

    for cell in fitting:
        if case := named(cell, (each.name for each in cell.verdict.differences)):
            return cell, case
    near = hint(name, {cell.cell.project for cell in cells})
    for cell in fitting:
        table = cases_of(root, cell)
        found = {*table.passed, *table.others} if table else set[str]()
        if case := named(cell, sorted(found)):
            return cell, case
        if not near and cell.cell.project in (*parts, name.partition("/")[0]):
            near = hint(bare(cell), found)
    raise NoSuchCell(state=root, words=" ".join(words), hint=near)
