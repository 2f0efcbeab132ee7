"""Suites of small programs as recipes: their groups, and what the oracle set aside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from compiler.arches import arch
from verifiers.recipes.programs import PLAN, Program, Programs
from verifiers.results import Source

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


class Small(Programs):
    """700 programs at two levels, every tenth of them checked."""

    name = "small"
    sources: ClassVar[tuple[Source, ...]] = ()

    def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
        levels = {"-O0": "", "-O2": "why not"}
        return {"x": [Program(f"{n}.c", (f"{n}.c",), levels, check=("-x",) if n % 10 == 0 else ()) for n in range(700)]}


def planned(trusted: bool, aside: Mapping[str, str]) -> dict[str, Any]:
    """The plan that is written."""
    written: dict[str, str] = {}
    work = SimpleNamespace(
        **{"src": "/cell/src", "build": "/cell/build", "cc": "/cc", "emulated": False, "arch": arch("x86_64")},
        **{"trusted": trusted, "aside": aside, "unpacked": None, "write": written.__setitem__},
    )
    Small().configure(cast("Workspace", work))
    plan: dict[str, Any] = json.loads(written[PLAN])
    return plan


def test_groups(tmp_path: Path) -> None:
    """Every test is in one group, the groups are of about one size, and each can run some of its tests alone."""
    groups = planned(True, {})["groups"]
    names = [test["name"] for tests in groups.values() for test in tests]
    assert len(names) == len(set(names)) == 700
    assert max(map(len, groups.values())) - min(map(len, groups.values())) <= 1
    work = SimpleNamespace(build="/cell/build")
    suites = Small().suites(cast("Workspace", work))
    assert [each.name for each in suites] == list(groups)
    for suite in suites:
        assert list(suite.parts) == [test["name"] for test in groups[suite.name]]
        assert suite.only is not None
        assert suite.only(suite.parts[:2]) == (*suite.argv, *suite.parts[:2])


def test_a_group_that_takes_longer_begins_first() -> None:
    """Its one slow test would keep one core busy, and the others waiting, at the end."""

    class Uneven(Small):
        def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
            (members,) = super().programs(work).values()
            return {"kind": [replace(each, factor=4.0 if each.name == "1.c" else 1.0) for each in members]}

    first, *others = Uneven().suites(cast("Workspace", SimpleNamespace(build="/cell/build")))
    assert "1.c" in first.parts
    assert [each.name for each in others] == sorted(each.name for each in others)


def test_what_the_oracle_set_aside() -> None:
    """Only the oracle checks; another compiler need not try what was set aside, and tries all else that failed."""
    aside = {"0.c/-O0": "set aside: too slow", "1.c/-O0": "it failed"}
    for trusted in (True, False):
        tests = {test["name"]: test for tests in planned(trusted, aside)["groups"].values() for test in tests}
        assert tests["10.c"]["check"] == (["-x"] if trusted else [])
        assert tests["0.c"]["levels"] == {"-O0": "" if trusted else "set aside: too slow", "-O2": "why not"}
        assert tests["1.c"]["levels"] == {"-O0": "", "-O2": "why not"}
