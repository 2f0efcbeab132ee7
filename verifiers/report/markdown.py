"""A run as Markdown, for a pull request's comment or a job's summary."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from verifiers.report.health import Health
from verifiers.report.ratios import MEASURES, ratios
from verifiers.report.visible import one
from verifiers.report.wording import compared, excused, finding
from verifiers.results import EXCUSED, CellId, CellResult, VerdictKind
from verifiers.store import Place

MARK: Final[Mapping[str, str]] = {
    VerdictKind.PASS: "✅ pass",
    VerdictKind.FAIL: "❌ **FAIL**",
    EXCUSED: "❎ excused",
    VerdictKind.FLAKY: "⚠️ flaky",
    VerdictKind.BROKEN: "⚙️ broken",
    VerdictKind.SKIP: "· skip",
    VerdictKind.ERROR: "🛑 error",
}
LIMIT: Final = 60_000
"""Characters: a comment on GitHub may have 65,536."""

_MARKUP: Final = {ord(char): f"&#{ord(char)};" for char in "\\`*_{}[]()#+!|~@"} | {0: "&#58;"}
_CASES: Final = 10
_QUIET: Final = (VerdictKind.PASS, VerdictKind.SKIP)


def markdown(
    title: str,
    health: Health,
    places: Sequence[Place],
    red: Iterable[CellResult],
    not_run: Sequence[Place] = (),
    never: Sequence[CellId] = (),
) -> str:
    """Health, a matrix an arch, what is costly, and the reason and first lines of ``red``, whole results."""
    out = [f"### ccverify: {code(title)}", "", f"{'✅' if health.well else '🛑'} {plain(health.line)}", ""]
    shown = {place.cell: MARK[place.shown] + _reason(place) for place in places}
    shown |= {place.cell: f"· not run ({place.shown} before)" for place in not_run}
    shown |= dict.fromkeys(never, "· not run")
    for arch in dict.fromkeys(cell.arch for cell in shown):
        out += _matrix(arch, {cell: mark for cell, mark in shown.items() if cell.arch == arch})
    out += _costly(places)
    size = sum(len(line) + 1 for line in out)
    left = sum(1 for place in places if place.verdict not in _QUIET)
    if size > LIMIT:
        out = [*out[:4], f"The matrix is too large for a comment: {len(shown):,} cells.", ""]
        size = sum(len(line) + 1 for line in out)
    for result in red:
        block = _details(result)
        size += len(block) + 2
        if size > LIMIT:
            out += [f"… and {left:,} more that did not pass", ""]
            break
        out += [block, ""]
        left -= 1
    return "\n".join(out).rstrip() + "\n"


def plain(text: str) -> str:
    """Text from elsewhere as text: nothing in it is markup, a mention or a link."""
    return html.escape(one(text), quote=False).replace("://", "\0//").translate(_MARKUP)


def code(text: str) -> str:
    """Text from elsewhere in a fixed font; safe also in a table."""
    return f"<code>{html.escape(one(text), quote=False).replace('|', '&#124;').replace('`', '&#96;')}</code>"


def pre(rows: Iterable[str]) -> str:
    """Lines from elsewhere as they are; no line of it is empty, which would end the block."""
    text = "\n".join(html.escape(one(row, 300), quote=False) or "&nbsp;" for row in rows)
    return f"<pre>{text}</pre>"


def _matrix(arch: str, marks: dict[CellId, str]) -> list[str]:
    candidates = list(dict.fromkeys(_column(cell) for cell in marks))
    rows: dict[str, dict[str, str]] = {}
    for cell, mark in marks.items():
        rows.setdefault(cell.what, {})[_column(cell)] = mark
    out = [f"**{plain(arch)}**", "", f"| | {' | '.join(plain(each) for each in candidates)} |"]
    out.append("|---|" + "---|" * len(candidates))
    for project, found in rows.items():
        out.append(f"| {plain(project)} | {' | '.join(found.get(each, '') for each in candidates)} |")
    return [*out, ""]


def _column(cell: CellId) -> str:
    return " ".join([cell.candidate, cell.depth, *cell.of_build])


def _reason(place: Place) -> str:
    if place.verdict is VerdictKind.PASS or not place.reason:
        return ""
    return f" {place.reason}"


def _costly(places: Sequence[Place]) -> list[str]:
    found = [(each, ratio) for each in places for ratio in ratios(each).values() if ratio.level == "costly"]
    found.sort(key=lambda pair: -pair[1].value)
    out = [
        f"- {code(str(place.cell))} needs **{ratio.text}** the oracle's {MEASURES[ratio.measure]} ({ratio.amounts})"
        for place, ratio in found[:10]
    ]
    return ["**Costly**", "", *out, ""] if out else []


def _details(result: CellResult) -> str:
    return (
        f"<details><summary>{MARK[result.shown].replace('**', '')} {code(str(result.cell))}: "
        f"{code(str(result.verdict.reason))}</summary>\n\n{pre(_lines(result))}\n\n</details>"
    )


def _lines(result: CellResult) -> Iterator[str]:
    verdict = result.verdict
    yield finding(result)
    if verdict.compared:
        yield compared(result)
    for fault in verdict.faults[:_CASES]:
        yield f"{fault.reason} {fault.line}"
    for each in verdict.differences[:_CASES]:
        yield f"{each.candidate} {each.name}{': ' + each.message if each.message else ''}"
    if len(verdict.differences) > _CASES:
        yield f"… and {len(verdict.differences) - _CASES:,} more cases"
    yield from excused(result.ruling)
    yield from (f"note: {note}" for note in verdict.notes[:_CASES])
    if result.folder:
        yield f"sh {result.folder}/reproduce.sh"
