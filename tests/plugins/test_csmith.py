"""The fuzzer: which programs it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from plugins.csmith import Csmith
from verifiers.recipes.programs import Program
from verifiers.results import Depth

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


def programs(depth: Depth, seed: int = 0, levels: tuple[str, ...] = ()) -> list[Program]:
    work = SimpleNamespace(build="/cell/build", src="/cell/src", depth=depth, seed=seed, levels=levels)
    (found,) = Csmith().programs(cast("Workspace", work)).values()
    return list(found)


def test_depths_only_grow() -> None:
    """The same programs first, and more of them; never seed 0, which is the time of day to csmith."""
    names = [[each.name for each in programs(depth)] for depth in Depth]
    assert [len(each) for each in names] == [50, 200, 1000]
    assert names[0] == names[1][:50]
    assert names[1] == names[2][:200]
    assert names[0][0] == "seed-1"


def test_seeds_share_no_program() -> None:
    """Another --seed is another set, the same one every time."""
    first, second = ({each.name for each in programs(Depth.FULL, seed)} for seed in (1, 2))
    assert not first & second
    assert programs(Depth.SMOKE, 1) == programs(Depth.SMOKE, 1)


def test_levels_that_are_asked_for() -> None:
    assert set(programs(Depth.SMOKE, levels=("-O3",))[0].levels) == {"-O3"}
