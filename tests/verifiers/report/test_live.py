"""The matrix of a terminal."""

from __future__ import annotations

import pytest

from tests.verifiers.report.made import cell, result
from verifiers.report.live import LiveView
from verifiers.results import CellId, Depth, MatrixResult, VerdictKind


def rows(capsys: pytest.CaptureFixture[str], *cells: tuple[CellId, VerdictKind]) -> list[list[str]]:
    """The words of the lines that a finished run of some cells ends with, but for the headline."""
    view = LiveView("state/")
    results = tuple(result(name, kind) for name, kind in cells)
    view.ccverify_matrix_started([name for name, _ in cells])
    view.ccverify_matrix_finished(MatrixResult(run="1", started="", seconds=1.0, cells=results))
    return [line.split() for line in capsys.readouterr().out.splitlines()][:-1]


def test_cells_of_several_depths(capsys: pytest.CaptureFixture[str]) -> None:
    """A night may have them (``[[nightly.also]]``), and no pass stands in the place of a failure."""
    deep = cell(depth=Depth.FULL)
    found = rows(capsys, (deep, VerdictKind.FAIL), (cell(), VerdictKind.PASS), (cell("q"), VerdictKind.PASS))
    assert found[1:] == [
        ["p@1.0", "full", "mycc-1.0", "fail"],
        ["p@1.0", "standard", "mycc-1.0", "pass"],
        ["q@1.0", "standard", "mycc-1.0", "pass"],
    ]


def test_a_name_with_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries of verify.toml may have one; it is no markup."""
    found = rows(capsys, *((cell(candidate=name), VerdictKind.PASS) for name in ("cc[bold]", "cc[/old]")))
    assert [row[1] for row in found[1:]] == ["cc[bold]", "cc[/old]"]
