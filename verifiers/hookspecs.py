"""Every hook, typed and documented, and nothing else.

Implement one with the marker ``verifiers.hookimpl``; the built-in projects are registered exactly so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from verifiers.results import CaseTable, CellId, CellResult, CompilerInfo, MatrixResult, Step, StepResult

if TYPE_CHECKING:
    from verifiers.progress import Progress
    from verifiers.recipes.base import Recipe
    from verifiers.workspace import Workspace

hookspec = pluggy.HookspecMarker("ccverify")


@hookspec
def ccverify_projects() -> Sequence[Recipe]:
    """Declare projects.

    :return: recipes; their names must be unique over all plugins.
    """
    raise NotImplementedError


@hookspec
def ccverify_families() -> Sequence[Path]:
    """Add compiler families.

    :return: TOML files in the form of ``compiler/families/*.toml``.
    """
    raise NotImplementedError


@hookspec
def ccverify_arches() -> Sequence[Path]:
    """Add architectures.

    :return: TOML files in the form of ``compiler/arches/*.toml``.
    """
    raise NotImplementedError


@hookspec
def ccverify_reports() -> Mapping[str, Callable[[MatrixResult], str]]:
    """Add report formats.

    :return: format name -> function from a finished matrix to the report's text.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def ccverify_fetch(work: Workspace) -> StepResult | None:
    """Bring the pinned source into ``work.src``.

    :param work: the cell's work folder, compiler and sandbox for one of the two compilers.
    :return: the step's result, or None to leave it to the next implementation (the last one asks the recipe).
    """


@hookspec(firstresult=True)
def ccverify_configure(work: Workspace) -> StepResult | None:
    """Configure the project; parameters and result as in ``ccverify_fetch``."""


@hookspec(firstresult=True)
def ccverify_build(work: Workspace) -> StepResult | None:
    """Build the project; parameters and result as in ``ccverify_fetch``."""


@hookspec(firstresult=True)
def ccverify_test(work: Workspace) -> StepResult | None:
    """Run the project's own tests; the result holds one case a test. As ``ccverify_fetch`` otherwise."""


@hookspec
def ccverify_fetching(done: int, total: int) -> None:
    """Hear how far a download is, a few times a second.

    :param done: bytes that are here.
    :param total: bytes in all, 0 where that is not known.
    """


@hookspec
def ccverify_matrix_started(cells: Sequence[CellId]) -> None:
    """Hear that a run begins.

    :param cells: all of its cells, those among them that will be skipped or answered from the cache.
    """


@hookspec
def ccverify_cell_started(cell: CellId) -> None:
    """Hear that a cell begins (not called for one that is answered from the cache).

    :param cell: which one.
    """


@hookspec
def ccverify_step_started(cell: CellId, compiler: CompilerInfo, role: str, step: Step) -> None:
    """Hear that a step begins.

    :param cell: which cell.
    :param compiler: the compiler that the step runs with.
    :param role: ``oracle``, ``candidate`` or ``confirm`` (a red cell's second run).
    :param step: which step.
    """


@hookspec
def ccverify_step_progress(cell: CellId, role: str, step: Step, progress: Progress) -> None:
    """Hear how far a build or a test step is, every few seconds; parameters as in ``ccverify_step_started``.

    :param progress: the units or suites that are done, and the time that may be left.
    """


@hookspec
def ccverify_step_finished(cell: CellId, compiler: CompilerInfo, role: str, result: StepResult) -> None:
    """Hear that a step ended; parameters as in ``ccverify_step_started``.

    :param result: what it came to.
    """


@hookspec
def ccverify_suite_finished(
    cell: CellId, compiler: CompilerInfo, role: str, suite: str, cases: CaseTable, oracle: CaseTable | None
) -> None:
    """Hear that a test command ended; parameters as in ``ccverify_step_started``.

    :param suite: its name.
    :param cases: what its cases came to.
    :param oracle: all cases of the oracle's run; None in that run itself.
    """


@hookspec
def ccverify_cell_finished(result: CellResult) -> None:
    """Hear that a cell ended.

    :param result: its verdict and all that led to it.
    """


@hookspec
def ccverify_matrix_finished(result: MatrixResult) -> None:
    """Hear that a run ended.

    :param result: all of its cells.
    """
