"""The live view of a terminal: the matrix, what each running cell does now, and the steps behind it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from verifiers import hookimpl
from verifiers.progress import Progress
from verifiers.report import alike
from verifiers.report.wording import LABEL, duration, headline, line
from verifiers.results import EXCUSED, CellId, CellResult, CompilerInfo, MatrixResult, Step, StepResult, VerdictKind
from verifiers.store import FAILURES

_STYLE: Final[Mapping[str, str]] = {
    VerdictKind.PASS: "green",
    VerdictKind.FAIL: "bold red",
    EXCUSED: "yellow",
    VerdictKind.FLAKY: "yellow",
    VerdictKind.BROKEN: "magenta",
    VerdictKind.SKIP: "dim",
    VerdictKind.ERROR: "bold magenta",
}


class LiveView:
    """A context that draws while cells run, and prints each finished cell's line above the table."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._console = Console()
        self._running: dict[str, tuple[str, float]] = {}
        self._progress: dict[str, str] = {}
        self._done: dict[str, list[str]] = {}
        self._cells: Sequence[CellId] = ()
        self._verdicts: dict[str, str] = {}
        self._download: tuple[int, int] | None = None
        self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @hookimpl
    def ccverify_matrix_started(self, cells: Sequence[CellId]) -> None:
        """The table's places."""
        self._cells = cells

    @hookimpl
    def ccverify_fetching(self, done: int, total: int) -> None:
        """How far a download is."""
        self._download = (done, total) if done < total else None

    @hookimpl
    def ccverify_cell_started(self, cell: CellId) -> None:
        """A new row."""
        self._running[str(cell)] = ("starting", time.monotonic())
        self._done[str(cell)] = []

    @hookimpl
    def ccverify_step_started(self, cell: CellId, compiler: CompilerInfo, role: str, step: Step) -> None:
        """What the row's cell does now."""
        self._running[str(cell)] = (f"{role} {compiler.name}: {step}", time.monotonic())

    @hookimpl
    def ccverify_step_progress(self, cell: CellId, role: str, step: Step, progress: Progress) -> None:
        """How far the row's step is."""
        left = f", about {duration(progress.left)} left" if progress.left is not None else ""
        self._progress[str(cell)] = f"{progress}{left}"

    @hookimpl
    def ccverify_step_finished(self, cell: CellId, compiler: CompilerInfo, role: str, result: StepResult) -> None:
        """A finished step's mark."""
        self._progress.pop(str(cell), None)
        mark = "✓" if result.ok else "✗"
        self._done[str(cell)].append(f"{role} {result.step} {mark} {duration(result.usage.seconds)}")

    @hookimpl
    def ccverify_cell_finished(self, result: CellResult) -> None:
        """The row goes; its line stays above the table."""
        self._running.pop(str(result.cell), None)
        self._verdicts[str(result.cell)] = result.shown
        text = Text(line(result, self._state))
        text.stylize(_STYLE[result.shown], 0, len(LABEL[result.shown]))
        self._console.print(text, soft_wrap=True)
        for each in alike.lines(result.verdict.differences, f"{self._state}{result.folder}/{FAILURES}"):
            self._console.print(Text(each), soft_wrap=True)

    @hookimpl
    def ccverify_matrix_finished(self, result: MatrixResult) -> None:
        """The matrix, where it is more than one cell, and the counts."""
        self._verdicts |= {str(cell.cell): cell.shown for cell in result.cells}  # the resumed ones too
        if len(self._cells) > 1:
            self._console.print(self._matrix())
        self._console.print(headline(result), highlight=False)

    def _matrix(self) -> Table:
        """A row for what is built and tested and each candidate, a column for each arch."""
        arches = list(dict.fromkeys(cell.arch for cell in self._cells))
        several = len({cell.depth for cell in self._cells}) > 1
        table = Table("project", "candidate", *arches, box=None, pad_edge=False)
        rows: dict[tuple[str, str], dict[str, Text]] = {}
        for cell in self._cells:
            what = " ".join([cell.what, *cell.of_build, *([cell.depth] if several else [])])
            rows.setdefault((what, cell.candidate), {})[cell.arch] = self._place(str(cell))
        for (what, candidate), places in rows.items():
            table.add_row(Text(what), Text(candidate), *(places.get(arch, Text("")) for arch in arches))
        return table

    def _place(self, cell: str) -> Text:
        if kind := self._verdicts.get(cell):
            return Text(kind, _STYLE[kind])
        return Text("running", "cyan") if cell in self._running else Text("waiting", "dim")

    def _table(self) -> RenderableType:
        rows: list[RenderableType] = [self._matrix()] if len(self._cells) > 1 else []
        for name, (what, since) in list(self._running.items()):
            elapsed = duration(time.monotonic() - since)
            far = self._progress.get(name, "")
            rows.append(Text.assemble((name, "bold"), "  ", what, "  ", (elapsed, "cyan"), "  ", far))
            if steps := self._done.get(name):
                rows.append(Text("    " + "  ".join(steps[-6:]), style="dim"))
        if self._download:
            done, total = self._download
            rows.append(Text(f"    {done / 1e6:.1f} of {total / 1e6:.1f} MB"))
            rows.append(ProgressBar(total=total, completed=done, width=40))
        return Group(*rows)
