"""Groups of failures that look the same: their first errors, without what differs from place to place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from verifiers.results import CellId, CellResult, Frozen, Reason, VerdictKind

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]"), ""),  # colours
    (re.compile(r"[\d,]+ of [\d,]+ cases differ, first "), ""),
    (re.compile(r"https?://\S+"), "URL"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "ADDRESS"),
    (
        re.compile(
            r"[\u2018\u2019`'\"\u201c\u201d][^\u2018\u2019`'\"\u201c\u201d\n]{1,200}[\u2018\u2019'\"\u201c\u201d]"
        ),
        "NAME",
    ),
    (re.compile(r"(?:[\w.+~-]*/)+([\w.+-]+)(?=:\d+)"), r"\1"),
    (re.compile(r"[\w.+-]+\.(?:c|h|s|S|o|i|a|so|y|l)(?=:\d+)"), "FILE"),
    (re.compile(r"(?:/[\w.+~-]+){2,}/?"), "PATH"),
    (re.compile(r"\b[\w.+-]+/[\w./+-]+\.(?:c|h|s|S|o|i|a|so)\b"), "PATH"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "HASH"),
    (re.compile(r"(?<![\w])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"), "N"),
    (re.compile(r"\s+"), " "),
)


class Group(Frozen):
    """Cells whose failures look the same."""

    kind: VerdictKind
    reason: Reason | None
    signature: str  # the first error, normalised
    example: str  # as the first of the cells had it
    cells: tuple[CellId, ...]

    @property
    def candidates(self) -> str:
        """Whose they are: ``mycc-1.2 ×12, tcc-0.9.27``, the first of them."""
        counts = Counter(cell.candidate for cell in self.cells).most_common()
        told = [f"{name} ×{count}" if count > 1 else name for name, count in counts[:3]]
        return ", ".join(told) + (f" and {len(counts) - 3} more" if len(counts) > 3 else "")


def normalise(message: str) -> str:
    """A first error without paths, numbers, addresses and quoted names."""
    text = message[:2000]
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()


def told(result: CellResult) -> str:
    """What tells a cell's failure apart best: a fault's message, or the first differing case and what it said."""
    verdict = result.verdict
    fault = next((each for each in verdict.faults if each.reason is verdict.reason), None)
    return fault.message if fault else verdict.message


class Grouping:
    """Collects red cells one at a time, so that not all of them need be in memory."""

    def __init__(self) -> None:
        self._found: dict[tuple[VerdictKind, Reason | None, str], tuple[str, list[CellId]]] = {}

    def add(self, result: CellResult) -> None:
        """Count a cell; a green or a skipped one is none."""
        verdict = result.verdict
        if verdict.kind in (VerdictKind.PASS, VerdictKind.SKIP):
            return
        message = told(result)
        key = (verdict.kind, verdict.reason, normalise(message))
        self._found.setdefault(key, (message, []))[1].append(result.cell)

    def ranked(self) -> list[Group]:
        """The groups, largest first; equal ones by how telling their reason is."""
        found = [
            Group(kind=kind, reason=reason, signature=signature, example=example, cells=tuple(cells))
            for (kind, reason, signature), (example, cells) in self._found.items()
        ]
        return sorted(found, key=lambda each: (-len(each.cells), each.reason.rank if each.reason else -1))


def groups(results: Iterable[CellResult]) -> list[Group]:
    """Same-looking failures among some cells, largest group first."""
    found = Grouping()
    for result in results:
        found.add(result)
    return found.ranked()
