"""Which of a project's tests a sample takes: the same for a seed on every machine, spread over all suites."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from verifiers.errors import InfrastructureError
from verifiers.nearest import hint
from verifiers.results import COMPLETED, Reason, Sample

if TYPE_CHECKING:
    from verifiers.recipes.base import Suite


class UnknownCase(InfrastructureError):
    """A test that was asked for by name does not exist."""

    reason = Reason.NO_TESTS
    msg = "no test of this depth is called {name}{hint}"


_REST: Final = re.compile(r"/|(?:#\d+)?\Z")  # of a case's name behind its part's; for the number see ``collect``

Key = tuple[str, str]
"""A suite's name and a part of it; "" is the whole of one that cannot be run in parts."""


def sampled(suites: Sequence[Suite], sample: Sample, failed: Collection[str]) -> list[Suite]:
    """The suites that the sample takes, those that can be run in parts narrowed to some; in their order.

    ``failed`` are names of cases whose parts are taken in any case; with ``sample.failed_only`` they alone are, or all
    parts where it cannot be told whose a case is: left out, it would not be seen to fail. Of ``sample.cases`` each is
    the name of a suite, of a test or of a case of one, or an fnmatch pattern over the tests' names. Raises UnknownCase
    where no test is called so.
    """
    keys = {suite.name: [(suite.name, part) for part in suite.parts or ("",)] for suite in suites}
    places = [(suite, part) for suite in suites for _, part in keys[suite.name]]

    def named(case: str) -> set[Key]:
        return {(suite.name, part) for suite, part in places if _is_of(case, suite, part)}

    owners = [named(case) for case in failed]
    if sample.failed_only and not all(owners):
        return list(suites)
    again: set[Key] = set().union(*owners)
    for case in sample.cases:
        asked = named(case) or {(suite.name, part) for suite, part in places if _fits(case, suite, part)}
        if not asked:
            names = [_whole(suite, part) for suite, part in places]
            raise UnknownCase(name=case, hint=hint(case.rpartition("/-O")[0] or case, names))
        again |= asked
    taken = again if sample.failed_only or sample.cases else again | _drawn(keys, sample)
    found = []
    for suite in suites:
        parts = [part for name, part in keys[suite.name] if (name, part) in taken]
        if len(parts) == len(keys[suite.name]):
            found.append(suite)
        elif parts and suite.only:
            found.append(replace(suite, argv=suite.only(parts), parts=tuple(parts)))
    return found


def repeating(suites: Sequence[Suite], cases: Collection[str]) -> list[Suite]:
    """The suites, in parts where they can be, that run these cases again."""
    return sampled(suites, Sample(failed_only=True), cases)


def _drawn(keys: dict[str, list[Key]], sample: Sample) -> set[Key]:
    total = sum(map(len, keys.values()))
    if sample.count:
        ordered = sorted((key for each in keys.values() for key in each), key=lambda key: _place(sample.seed, *key))
        share = min(1.0, sample.count / total) if total else 0.0
        spread = _spread(keys, share, sample.seed)
        rest = [key for key in ordered if key not in spread]
        return set([*(key for key in ordered if key in spread), *rest][: sample.count])
    return _spread(keys, sample.percent / 100, sample.seed)


def _spread(keys: dict[str, list[Key]], share: float, seed: int) -> set[Key]:
    """Of each suite its share, rounded up or down by the suite's own luck, so that the whole comes out right."""
    taken: set[Key] = set()
    for name, each in keys.items():
        count = int(share * len(each) + _place(seed, name, "the suite itself"))
        taken.update(sorted(each, key=lambda key: _place(seed, *key))[:count])
    return taken or {min((key for each in keys.values() for key in each), key=lambda key: _place(seed, *key))}


def _place(seed: int, suite: str, part: str) -> float:
    """A number in [0, 1) that is a part's own for a seed."""
    digest = hashlib.sha256(f"{seed}\0{suite}\0{part}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / (1 << 64)


def _is_of(case: str, suite: Suite, part: str) -> bool:
    """Whether a case, by its full name, is of a part: its name is the part's, or goes on from it after a slash.

    One that occurred before has a number behind its name.
    """
    whole = _whole(suite, part)
    return case == suite.name + COMPLETED or (case.startswith(whole) and _REST.match(case, len(whole)) is not None)


def _fits(pattern: str, suite: Suite, part: str) -> bool:
    return pattern == suite.name or fnmatchcase(_whole(suite, part), pattern)


def _whole(suite: Suite, part: str) -> str:
    """The name that the cases of a part begin with."""
    return part if suite.bare else f"{suite.name}/{part}".rstrip("/")
