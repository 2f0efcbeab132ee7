"""A cell's failing cases as a screenful: groups of those that look the same, the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from verifiers.report.groups import normalise
from verifiers.report.wording import counted, one_line
from verifiers.results import Difference

_GROUPS = 8  # that are shown
_EXAMPLES = 3  # of each


def alike(differences: Sequence[Difference]) -> list[tuple[str, list[Difference]]]:
    """(what the cases of a group have in common, its cases), the largest group first."""
    found: dict[str, list[Difference]] = {}
    for each in differences:
        text = normalise(each.message) if each.message else ""
        found.setdefault(f"{each.candidate}: {text}".rstrip(": "), []).append(each)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _note(members: Sequence[Difference]) -> str:
    """The remark that most of a group's cases have, and how many have it."""
    counts = Counter(each.note for each in members if each.note)
    if not counts:
        return ""
    note, count = counts.most_common(1)[0]
    return f" ({note})" if count == len(members) else f" ({count:,} of them: {note})" if count > 1 else ""


def lines(differences: Sequence[Difference], rest: str) -> list[str]:
    """At most a screenful; ``rest`` says where all of them are."""
    groups = alike(differences)
    if len(differences) <= _EXAMPLES:
        return []  # the cell's own line says it all
    found = []
    for what, members in groups[:_GROUPS]:
        names = ", ".join(each.name for each in members[:_EXAMPLES])
        more = ", …" if len(members) > _EXAMPLES else ""
        found.append(f"  {len(members):>6,}  {one_line(what)[:150]}")
        found.append("          " + one_line(f"{names}{more}{_note(members)}"))
    hidden = sum(len(members) for _, members in groups[_GROUPS:])
    if hidden:
        found.append(f"  {hidden:>6,}  in {counted(len(groups) - _GROUPS, 'smaller group')}")
    found.append(f"          all {len(differences):,}: {rest}")
    return found
