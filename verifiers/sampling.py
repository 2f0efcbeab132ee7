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


_REST: Final = re.compile(r"/|#\d+\Z")  # where a part's name may end in a case's; one that occurred before has a number

Key = tuple[str, str]
"""A suite's name and a part of it; "" is the whole of one that cannot be run in parts."""


def sampled(suites: Sequence[Suite], sample: Sample, failed: Collection[str]) -> list[Suite]:
    """The suites that the sample takes, those that can be run in parts narrowed to some; in their order.

    ``failed`` are names of cases whose parts are taken in any case; with ``sample.failed_only`` they alone are, or all
    parts where it cannot be told whose a case is: left out, it would not be seen to fail. Of ``sample.cases`` each is
    the name of a suite, of a test or of a case of one, or an fnmatch pattern over the tests' names. Raises UnknownCase
    where no test is called so.
    """
    keys = {suite.name: [(suite.name, part) for part in _parts(suite)] for suite in suites}
    completed = {suite.name + COMPLETED: set(keys[suite.name]) for suite in suites}
    parts: dict[str, set[Key]] = {}
    for suite in suites:
        for key in keys[suite.name]:
            parts.setdefault(_whole(suite, key[1]), set()).add(key)

    def named(case: str) -> set[Key]:
        ends = (len(case), *(rest.start() for rest in _REST.finditer(case)))
        return completed.get(case, set()).union(*(parts.get(case[:end], ()) for end in ends))

    owners = [named(case) for case in failed]
    if sample.failed_only and not all(owners):
        return list(suites)
    again: set[Key] = set().union(*owners)
    for case in sample.cases:
        fitting = (found for whole, found in parts.items() if fnmatchcase(whole, case))
        asked = named(case) or set(keys.get(case, ())).union(*fitting)
        if not asked:
            raise UnknownCase(name=case, hint=hint(case.rpartition("/-O")[0] or case, list(parts)))
        again |= asked
    taken = again if sample.failed_only or sample.cases else again | _drawn(keys, sample)
    found = []
    for suite in suites:
        chosen = tuple(part for name, part in keys[suite.name] if (name, part) in taken)
        if len(chosen) == len(keys[suite.name]):
            found.append(suite)
        elif chosen and suite.only:
            found.append(replace(suite, argv=suite.only(chosen), parts=chosen))
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


def _parts(suite: Suite) -> tuple[str, ...]:
    """What of it can be run alone; "" for all where nothing can."""
    return (suite.parts if suite.only else ()) or ("",)


def _whole(suite: Suite, part: str) -> str:
    """The name that the cases of a part begin with."""
    return part if suite.bare else f"{suite.name}/{part}".rstrip("/")
