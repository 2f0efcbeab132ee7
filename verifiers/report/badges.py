"""Badges: small SVG files that say a verdict in a word, a shape and a colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from verifiers.report.names import safe
from verifiers.report.pages import template
from verifiers.report.visible import one
from verifiers.results import EXCUSED, VerdictKind
from verifiers.store import Place

_COLOUR: Final[Mapping[str, str]] = {
    VerdictKind.PASS: "#2b7a4b",
    VerdictKind.FAIL: "#b3261e",
    EXCUSED: "#7a5c12",
    VerdictKind.FLAKY: "#8f5b00",
    VerdictKind.BROKEN: "#6b4fa0",
    VerdictKind.SKIP: "#5f6670",
    VerdictKind.ERROR: "#6b4fa0",
}
_WORST: Final[Sequence[str]] = (
    VerdictKind.FAIL,
    VerdictKind.FLAKY,
    VerdictKind.ERROR,
    VerdictKind.BROKEN,
    EXCUSED,
    VerdictKind.PASS,
    VerdictKind.SKIP,
)
_WIDTH: Final = 6.6  # of a character of the badge's font, about


def badges(places: Sequence[Place], not_run: int = 0) -> Iterator[tuple[str, str]]:
    """File name and SVG: one for all cells, and one for each project, arch and candidate.

    Where those three have several cells (depths, versions), the badge says the worst.
    """
    yield "all.svg", _all(places, not_run)
    found: dict[tuple[str, str, str], list[Place]] = {}
    for place in places:
        found.setdefault((place.cell.project, place.cell.arch, place.cell.candidate), []).append(place)
    for (project, arch, candidate), cells in found.items():
        worst = min(cells, key=lambda each: _WORST.index(each.shown))
        reason = f" {worst.reason}" if worst.reason and worst.verdict is not VerdictKind.SKIP else ""
        text = badge(f"{project} {arch} {candidate}", f"{worst.shown}{reason}", worst.shown)
        yield f"{_file(f'{project}_{arch}_{candidate}')}.svg", text


def badge(label: str, value: str, kind: str) -> str:
    """One badge."""
    left, right = one(label, 80), one(value, 60)
    widths = [round(len(text) * _WIDTH) + 12 for text in (left, right)]
    drawn = {"label": left, "value": right, "kind": kind, "colour": _COLOUR[kind]}
    return template("badge.svg.j2").render(**drawn, left=widths[0], right=widths[1] + 14)


def _file(name: str) -> str:
    """A name that can be guessed where it is a file's, and one that is its own where it is not."""
    marked = safe(name)
    return name if marked.startswith(f"{name}_") else marked


def _all(places: Sequence[Place], not_run: int) -> str:
    counts = {kind: sum(1 for place in places if place.shown == kind) for kind in _WORST}
    worst = next((kind for kind in _WORST if counts[kind]), VerdictKind.ERROR)
    quiet = (VerdictKind.PASS, VerdictKind.SKIP)
    if worst in quiet and (not_run or not counts[VerdictKind.PASS]):
        worst = VerdictKind.ERROR
    total = len(places) + not_run
    others = [f"{counts[kind]:,} {kind}" for kind in _WORST if counts[kind] and kind != VerdictKind.PASS]
    others += [f"{not_run:,} not run"] if not_run else []
    return badge("ccverify", ", ".join([f"{counts[VerdictKind.PASS]:,} of {total:,} pass", *others]), worst)
