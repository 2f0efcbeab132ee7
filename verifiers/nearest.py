"""Finds the name that was probably meant, for every message about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``name`` was probably meant to be, or None where none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in sorted(names)}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def hint(name: str, names: Iterable[str]) -> str:
    """``" (did you mean sqlite?)"``, or nothing: ready to stand behind the unknown name in a message."""
    found = nearest(name, names)
    return f" (did you mean {found}?)" if found else ""
