"""The HTML report: one folder of static files that needs nothing from elsewhere, also from ``file://``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from verifiers.report.cellpage import context, day, outcomes
from verifiers.report.drawing import Series, case_trend, plot, trend, verdicts
from verifiers.report.files import Folder
from verifiers.report.groups import Grouping
from verifiers.report.health import Health, age
from verifiers.report.names import safe, slug
from verifiers.report.pages import HERE, template
from verifiers.report.ratios import MEASURES, Ratio, mean, ratios
from verifiers.report.regress import CellChange, Change, Comparison, compare_runs
from verifiers.report.selection import Results, Selection, loaded
from verifiers.report.wording import excused, finding
from verifiers.results import CellId, VerdictKind
from verifiers.store import Place, Store

TREND: Final = 14
"""Runs that a cell's marks and plots go back."""

_CASES: Final = 1000  # rows of a project's page of cases
_COSTLY: Final = 8
_CHANGED: Final = 8
_TOTALS: Final = 30  # runs in the plot of verdicts


@dataclass(frozen=True)
class Spot:
    """A cell's place in the matrix."""

    place: Place
    page: str
    trend: Markup
    ratios: Sequence[Ratio]
    message: str = ""
    not_run: bool = False

    @property
    def word(self) -> str:
        """The verdict, or that there is none."""
        return "not run" if self.not_run else self.place.shown

    @property
    def key(self) -> str:
        """What the verdict's filter and style go by."""
        return "none" if self.not_run else self.place.shown

    @property
    def text(self) -> str:
        """What a search looks at."""
        place = self.place
        return f"{place.cell} {self.word} {place.reason or ''} {self.message}".lower()


@dataclass
class ArchTable:
    """The matrix of an arch."""

    arch: str
    depth: str = ""  # where all cells have the same; else the columns say theirs
    columns: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, list[Spot]]] = field(default_factory=dict)
    means: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, spot: Spot) -> None:
        """Put a cell at its place."""
        cell = spot.place.cell
        column = column_of(cell, self.depth)
        if column not in self.columns:
            self.columns.append(column)
        self.rows.setdefault(cell.what, {}).setdefault(column, []).append(spot)

    @property
    def spots(self) -> list[Spot]:
        """Every cell."""
        return [spot for row in self.rows.values() for spots in row.values() for spot in spots]


def write(selection: Selection, store: Store, root: Path, folder: Folder, health: Health) -> None:
    """Write the pages; ``root`` is the state folder, where logs and cases lie."""
    everything = [*selection.places, *selection.not_run]
    history = store.trends(everything, TREND)
    pages = {place.name: f"cells/{slug(place.cell)}.html" for place in everything}
    away = {place.name for place in selection.not_run}
    grouping, messages = Grouping(), dict[int, str]()
    failing = store.failing(place for places in history.values() for place in places)
    cell = template("cell.html.j2")
    for place, result in loaded(store, everything):
        values = context(result, place, history[place.name], failing, root)
        folder.write(pages[place.name], cell.render(values, root="../", health=health))
        if place.name not in away:
            grouping.add(result)
        if place.verdict is not VerdictKind.PASS or place.ruling.unexpected:
            messages[place.name] = "; ".join([finding(result), *excused(result.ruling)])
    names = _case_pages(everything, history, failing, pages, folder, health)
    spots = [_spot(place, history, pages, messages, place.name in away) for place in everything]
    links = {place.cell: pages[place.name] for place in everything}
    comparison, costly = _compared(selection, store), _costly(spots)
    values = {
        "title": "ccverify",
        "selection": selection,
        "health": health,
        "kinds": [word for word, count in health.shown.items() if count],
        "tables": _tables(spots),
        "measures": MEASURES,
        "costly": costly[:_COSTLY],
        "costly_count": len(costly),
        "groups": grouping.ranked(),
        "links": links,
        "case_pages": names,
        "comparison": comparison,
        "changed": _news(comparison) if comparison else [],
        "still_failing": len(comparison.of(Change.STILL_FAILING)) if comparison else 0,
        "plots": _plots(selection, store, spots, history),
        "age": age,
        "day": day,
    }
    folder.write("index.html", template("index.html.j2").render(values, root=""))
    for name in ("report.css", "report.js"):
        folder.write(f"assets/{name}", (HERE / "assets" / name).read_bytes())


def column_of(cell: CellId, depth: str) -> str:
    """The candidate, and what else makes a cell of its own within a project and an arch; not a depth that all have."""
    extras = [str(cell.depth)] if cell.depth != depth else []
    return " ".join([cell.candidate, *extras, *cell.of_build])


def _spot(
    place: Place,
    history: Mapping[int, Sequence[Place]],
    pages: Mapping[int, str],
    messages: Mapping[int, str],
    away: bool,
) -> Spot:
    marks = trend(verdicts(history[place.name]))
    return Spot(place, pages[place.name], marks, list(ratios(place).values()), messages.get(place.name, ""), away)


def _tables(spots: Sequence[Spot]) -> list[ArchTable]:
    tables: dict[str, ArchTable] = {}
    depths = {str(spot.place.cell.depth) for spot in spots}
    depth = depths.pop() if len(depths) == 1 else ""
    for spot in sorted(spots, key=lambda each: each.place.cell.what):
        arch = spot.place.cell.arch
        tables.setdefault(arch, ArchTable(arch, depth)).add(spot)
    for table in tables.values():
        table.columns.sort()
        for column in table.columns:
            found = [ratio for row in table.rows.values() for spot in row.get(column, ()) for ratio in spot.ratios]
            table.means[column] = {
                measure: f"{value:.1f}×"
                for measure in MEASURES
                if (value := mean(each.value for each in found if each.measure == measure and not each.noise))
            }
    order = {name: number for number, name in enumerate(("x86_64", "i686", "aarch64", "riscv64"))}
    return sorted(tables.values(), key=lambda each: (order.get(each.arch, len(order)), each.arch))


def _costly(spots: Sequence[Spot]) -> list[tuple[Spot, list[Ratio]]]:
    """Cells with what they need ten times of, the worst first."""
    found = []
    for spot in spots:
        high = sorted((each for each in spot.ratios if each.level == "costly"), key=lambda each: -each.value)
        if high and not spot.not_run:
            found.append((spot, high))
    return sorted(found, key=lambda pair: -pair[1][0].value)


@dataclass(frozen=True)
class News:
    """Cells that changed in one way; those without a key are only counted."""

    word: str
    key: str
    count: int
    cells: Sequence[CellChange]


def _news(comparison: Comparison) -> list[News]:
    ways = [
        ("newly failing", "fail", [each for each in comparison.of(Change.NEWLY_FAILING) if each.regressed]),
        ("newly failing, excused", "excused", [c for c in comparison.of(Change.NEWLY_FAILING) if not c.regressed]),
        ("worse", "fail", [each for each in comparison.cells if each.regressed and each.old is not VerdictKind.PASS]),
        ("newly passing", "pass", comparison.of(Change.NEWLY_PASSING)),
        ("no verdict any more", "error", [each for each in comparison.cells if each.lost]),
        ("flaky", "", comparison.of(Change.FLAKY)),
        ("gone", "", comparison.of(Change.GONE)),
        ("new", "", comparison.of(Change.NEW)),
    ]
    worse = {each.cell for each in comparison.of(Change.NEWLY_FAILING)}
    found = []
    for word, key, cells in ways:
        shown = [each for each in cells if word != "worse" or each.cell not in worse]
        if shown:
            found.append(News(word, key, len(shown), shown[:_CHANGED]))
    return found


def _compared(selection: Selection, store: Store) -> Comparison | None:
    """What differs from the run before, of the cells that are not green both times."""
    if selection.before is None or selection.run is None:
        return None
    old = {place.cell: place for place in store.places(selection.before.id)}
    new = {place.cell: place for place in selection.places}
    green = [cell for cell in new if cell in old and _green(old[cell]) and _green(new[cell])]
    for cell in green:
        del old[cell], new[cell]
    names = (selection.before.id, selection.title)
    missing = [place.cell for place in selection.not_run]
    return compare_runs(
        Results(store, list(old.values())), Results(store, list(new.values())), names=names, not_run=missing
    )


def _green(place: Place) -> bool:
    return place.verdict is VerdictKind.PASS


def _plots(
    selection: Selection, store: Store, spots: Sequence[Spot], history: Mapping[int, Sequence[Place]]
) -> list[Markup]:
    """Verdicts of the runs in which the same was asked, and each candidate's mean costs over the runs."""
    drawn = []
    runs = [run.id for run in selection.alike if run.cells][-_TOTALS:]
    if len(runs) > 1:
        totals = store.totals(runs)
        series = [Series(str(kind), [float(totals[run].get(kind, 0)) for run in runs], kind) for kind in VerdictKind]
        shown = [each for each in series if any(each.values)]
        drawn.append(plot("cells by verdict", [day(run) for run in runs], shown))
    found: dict[str, dict[str, dict[str, list[float]]]] = {measure: {} for measure in MEASURES}
    for spot in spots:
        for place in history[spot.place.name]:
            for measure, ratio in ratios(place).items():
                if not ratio.noise:
                    by_run = found[measure].setdefault(place.cell.candidate, {})
                    by_run.setdefault(place.run, []).append(ratio.value)
    every = sorted({run for candidates in found.values() for by_run in candidates.values() for run in by_run})[-TREND:]
    for measure, title in MEASURES.items():
        lines = [
            Series(candidate, [mean(by_run.get(run, ())) for run in every])
            for candidate, by_run in sorted(found[measure].items())
        ]
        if len(every) > 1:
            drawn.append(plot(f"{title}, times the oracle's", [day(run) for run in every], lines, "×"))
    return [each for each in drawn if each]


def _case_pages(
    places: Sequence[Place],
    history: Mapping[int, Sequence[Place]],
    failing: Mapping[int, Mapping[str, str]],
    pages: Mapping[int, str],
    folder: Folder,
    health: Health,
) -> dict[str, str]:
    """A page for each project whose cases did not all pass in the runs that are looked at; project -> page."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for place in places:
        past = history[place.name]
        names = {name for each in past for name in failing.get(each.cell_row, ())}
        now = failing.get(past[-1].cell_row, {}) if past else {}
        for name in sorted(names):
            values = outcomes(name, past, failing)
            row = {"case": name, "cell": place.cell, "page": pages[place.name], "trend": case_trend(values)}
            last = "not tested" if values[-1] is None else now.get(name, "did not fail")
            rows.setdefault(place.cell.project, []).append({**row, "last": last, "failing": name in now})
    found = {}
    for project, cases in rows.items():
        cases.sort(key=lambda row: (not row["failing"], row["case"]))
        found[project] = f"cases/{safe(project)}.html"
        shown = {"title": f"{project}: cases", "project": project, "rows": cases[:_CASES], "count": len(cases)}
        folder.write(found[project], template("cases.html.j2").render(shown, root="../", health=health))
    return found
