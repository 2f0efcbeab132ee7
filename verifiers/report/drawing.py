"""Inline SVG: a cell's last runs as small marks, and plots over the runs. Shapes and words, not colour alone."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from verifiers.report.visible import visible
from verifiers.store import Place

# Bars for what was judged, so that height alone tells red from green; a dot for what was not.
_SHAPE: Final = {
    "pass": "M{x} 9h3v3h-3z",
    "fail": "M{x} 0h3v12h-3z",
    "excused": "M{x} 2h3v10h-3zM{x} 0h3v1h-3z",
    "flaky": "M{x} 4h3v8h-3z",
    "broken": "M{x}.5 .5h2v11h-2z",
    "error": "M{x}.5 .5h2v11h-2z",
    "skip": "M{x} 11h3v1h-3z",
}
_STEP: Final = 4


def trend(kinds: Sequence[str]) -> Markup:
    """Verdicts, oldest first, as bars: low is pass, full is fail (broken: excused), half flaky, hollow our own side."""
    paths: dict[str, list[str]] = {}
    for number, kind in enumerate(kinds):
        paths.setdefault(kind, []).append(_SHAPE[kind].replace("{x}", str(number * _STEP)))
    drawn = "".join(f'<path class="m-{kind}" d="{"".join(parts)}"/>' for kind, parts in paths.items())
    return _marks(drawn, len(kinds), _spoken(kinds))


def case_trend(outcomes: Sequence[str | None]) -> Markup:
    """A case's outcomes, oldest first: what it failed with, "" where it did not fail, None where nobody knows."""
    failed = "".join(f"M{n * _STEP} 0h3v12h-3z" for n, each in enumerate(outcomes) if each)
    passed = "".join(f"M{n * _STEP} 9h3v3h-3z" for n, each in enumerate(outcomes) if each == "")
    unknown = "".join(f"M{n * _STEP} 11h3v1h-3z" for n, each in enumerate(outcomes) if each is None)
    drawn = (
        f'<path class="m-fail" d="{failed}"/><path class="m-pass" d="{passed}"/><path class="m-skip" d="{unknown}"/>'
    )
    words = ["not tested" if each is None else each or "did not fail" for each in outcomes]
    return _marks(drawn, len(outcomes), _spoken(words))


def _escaped(text: str) -> str:
    return html.escape(visible(text))


def _marks(drawn: str, count: int, label: str) -> Markup:
    width = max(1, count) * _STEP
    text = _escaped(label)
    return Markup(  # numbers of our own, and escaped words
        f'<svg class="trend" viewBox="0 0 {width} 12" width="{width}" height="12" role="img" aria-label="{text}">'
        f"<title>{text}</title>{drawn}</svg>"
    )


def _spoken(words: Sequence[str]) -> str:
    """``last 14 runs: pass 12, fail 2, then pass`` in the order they were."""
    runs: list[tuple[str, int]] = []
    for word in words:
        if runs and runs[-1][0] == word:
            runs[-1] = (word, runs[-1][1] + 1)
        else:
            runs.append((word, 1))
    told = ", then ".join(f"{count}× {word}" if count > 1 else word for word, count in runs[-8:])
    return f"last {len(words)} {'run' if len(words) == 1 else 'runs'}, oldest first: {told}"


@dataclass(frozen=True)
class Series:
    """A line of a plot; None where there is no value."""

    name: str
    values: Sequence[float | None]
    kind: str = ""  # of a verdict's line: drawn in its colour

    def style(self, number: int) -> str:
        """The class that colours it."""
        return f"k-{self.kind}" if self.kind else f"s{number % _COLOURS}"


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 360, 130, 52, 10, 8, 18
_DASHES: Final = ("", "5 3", "1.5 3", "8 3 2 3", "3 2", "10 4")
_COLOURS: Final = 6


def plot(title: str, labels: Sequence[str], series: Iterable[Series], unit: str = "") -> Markup:
    """Lines over the runs, each with a dash and a mark of its own; logarithmic where values are far apart."""
    lines = [(number, each) for number, each in enumerate(series) if any(value is not None for value in each.values)]
    values = [value for _, each in lines for value in each.values if value is not None and value > 0]
    if not values:
        return Markup("")
    scale = _Scale.of(values)
    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{_number(tick)}{unit}</text>'
        for tick, y in scale.ticks
    ]
    for number, each in lines:
        parts.append(_line(number, each, len(labels), scale))
    ends = (
        [(0, "start", _LEFT), (len(labels) - 1, "end", _WIDTH - _RIGHT)] if len(labels) > 1 else [(0, "start", _LEFT)]
    )
    for at, anchor, x in ends:
        label = _escaped(labels[at])
        parts.append(f'<text class="tick" x="{x}" y="{_HEIGHT - 4}" text-anchor="{anchor}">{label}</text>')
    told = "; ".join(f"{each.name} {_number(_last(each))}{unit}" for _, each in lines)
    text = _escaped(f"{title}, newest: {told}")
    legend = "".join(_key(number, each, unit) for number, each in lines)
    return Markup(
        f'<figure class="plot"><figcaption>{_escaped(title)}{" (logarithmic)" if scale.logarithmic else ""}'
        f'</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text}">{"".join(parts)}</svg>'
        f'<ul class="legend">{legend}</ul></figure>'
    )


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> _Scale:
        low, high = min(values), max(values)
        if high / low > 20:
            return cls(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)), True)
        return cls(0.0, high * 1.1, False)

    def y(self, value: float) -> float:
        height = _HEIGHT - _TOP - _BOTTOM
        if self.logarithmic:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = value / self.high
        return _HEIGHT - _BOTTOM - part * height

    @property
    def ticks(self) -> list[tuple[float, float]]:
        if self.logarithmic:
            powers = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            found = [10.0**power for power in powers]
        else:
            step = 10 ** math.floor(math.log10(self.high))
            step = next(each for each in (step, step / 2, step / 5, step / 10) if self.high / each >= 2)
            found = [step * number for number in range(int(self.high / step) + 1)]
        return [(each, self.y(each)) for each in found[:: math.ceil(len(found) / 5)]]


def _line(number: int, series: Series, count: int, scale: _Scale) -> str:
    across = _WIDTH - _LEFT - _RIGHT
    pieces: list[list[str]] = [[]]
    marks = []
    for at, value in enumerate(series.values):
        if value is None:
            pieces.append([])
            continue
        x, y = _LEFT + (across * at / (count - 1) if count > 1 else across / 2), scale.y(value)
        pieces[-1].append(f"{x:.1f} {y:.1f}")
        marks.append(_mark(number, x, y))
    path = "".join(f"M{'L'.join(piece)}" for piece in pieces if piece)
    dash = f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if _DASHES[number % len(_DASHES)] else ""
    return f'<g class="{series.style(number)}"><path class="line" d="{path}"{dash}/>{"".join(marks)}</g>'


def _mark(number: int, x: float, y: float) -> str:
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>',
        f'<path d="M{x - 2:.1f} {y - 2:.1f}h4v4h-4z"/>',
        f'<path d="M{x:.1f} {y - 2.6:.1f}l2.4 4.4h-4.8z"/>',
    )
    return shapes[number % len(shapes)]


def _key(number: int, series: Series, unit: str) -> str:
    dash = f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if _DASHES[number % len(_DASHES)] else ""
    return (
        f'<li><svg class="{series.style(number)}" viewBox="0 0 24 8" width="24" height="8" aria-hidden="true">'
        f'<path class="line" d="M0 4H24"{dash}/>{_mark(number, 12, 4)}</svg>{_escaped(series.name)} '
        f"<b>{_number(_last(series))}{_escaped(unit)}</b></li>"
    )


def _last(series: Series) -> float:
    return next(value for value in reversed(series.values) if value is not None)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def verdicts(places: Sequence[Place]) -> list[str]:
    """What ``trend`` draws of some places."""
    return [place.shown for place in places]
