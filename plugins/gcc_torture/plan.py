"""Which tests there are, and what is to be done with each."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plugins.gcc_torture.dg import Do, read
from plugins.gcc_torture.targets import Target
from verifiers.recipes.programs import LEVELS, Program
from verifiers.results import Depth

_FEW: Final = ("-O0", "-O2")
_TENTH: Final = 10

_FOLDERS: Final = Path(__file__).with_name("folders.toml")


class UnknownX(ValueError):
    """A test has a ``.x`` file that the table does not know."""


@dataclass(frozen=True)
class Test:
    """One test: its name below gcc.c-torture, how its folder treats it, and the files that are compiled together."""

    __test__ = False  # not for pytest to collect

    name: str
    do: Do
    directed: bool  # whether its folder heeds directives
    flags: tuple[str, ...] = ()  # of the folder and the .x file
    sources: tuple[str, ...] = ()
    volatile: bool = False  # whether its output is not to be compared


def tests(root: Path, arch: str) -> list[Test]:
    """All tests below ``root`` (the folder gcc.c-torture) in a fixed order, execute and ieee first."""
    rules: dict[str, Any] = tomllib.loads(_FOLDERS.read_text(encoding="utf-8"))
    volatile = frozenset(rules["volatile"])
    found = [Test(each, "run", True, (), (each,), each in volatile) for each in _names(root, "execute")]
    for each in _names(root, "execute/ieee"):
        found.append(Test(each, "run", False, _flags(root, each, rules["ieee"], arch), (each,)))
    for each in _names(root, "execute/builtins"):
        if not each.endswith("-lib.c"):
            sources = (each, f"{each[:-2]}-lib.c", "execute/builtins/lib/main.c")
            found.append(Test(each, "run", False, _flags(root, each, rules["builtins"], arch), sources))
    return found + [Test(each, "assemble", True, sources=(each,)) for each in _names(root, "compile")]


def programs(root: Path, inside: str, arch: str, depth: Depth, asked: Sequence[str] = ()) -> dict[str, list[Program]]:
    """The tests of a depth by kind. Raises ValueErrors for what it cannot read.

    ``root`` is the folder gcc.c-torture here, ``inside`` the same one in the sandbox; ``asked`` are levels in the place
    of the depth's own.
    """
    target = Target(arch)
    return {
        kind: [
            _program(root, inside, test, asked or levels, target)
            for number, test in enumerate(members)
            if (levels := _levels(kind, number, depth))
        ]
        for kind, members in _kinds(tests(root, arch)).items()
    }


def _kinds(found: Sequence[Test]) -> dict[str, list[Test]]:
    """Tests by kind: ``execute`` with ieee, ``builtins``, ``compile``."""
    kinds: dict[str, list[Test]] = {"execute": [], "builtins": [], "compile": []}
    for test in found:
        kinds["builtins" if "/builtins/" in test.name else test.name.split("/")[0]].append(test)
    return kinds


def _levels(kind: str, number: int, depth: Depth) -> tuple[str, ...]:
    if depth is Depth.FULL or (depth is Depth.STANDARD and kind == "execute"):
        return LEVELS
    if depth is Depth.STANDARD:
        return _FEW if kind == "compile" else ()
    return _FEW if kind == "execute" and number % _TENTH == 0 else ()


def _program(root: Path, inside: str, test: Test, levels: Sequence[str], target: Target) -> Program:
    source = (root / test.name).read_text("latin-1")
    sources = tuple(f"{inside}/{each}" for each in test.sources)
    if not test.directed:
        skips = dict.fromkeys(levels, "")
        return Program(test.name, sources, skips, ("-w", *test.flags), test.do, volatile=test.volatile)
    found = read(source, target, test.do)
    return Program(
        test.name,
        sources,
        {level: found.skip(level) for level in levels},
        tuple(found.options),
        "reject" if found.fails else found.do,
        found.timeout_factor,
        test.volatile,
    )


def _flags(root: Path, name: str, folder: dict[str, Any], arch: str) -> tuple[str, ...]:
    """Of the folder, and of the test's ``.x`` file if it has one."""
    flags = folder.get("flags_of", {}).get(arch, folder["flags"])
    path = (root / name).with_suffix(".x")
    if not path.exists():
        return tuple(flags)
    if path.stem not in folder["x"]:
        raise UnknownX(f"{name} has a .x file that is not known here")
    return (*flags, *folder["x"][path.stem])


def _names(root: Path, folder: str) -> list[str]:
    return sorted(f"{folder}/{path.name}" for path in (root / folder).glob("*.c"))
