"""TinyCC's tests2: small C programs, each with the output that it must print."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from verifiers import hookimpl
from verifiers.recipes.base import Recipe
from verifiers.recipes.programs import LEVELS, Program, Programs
from verifiers.results import Depth, Source

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

_TABLE: Final = Path(__file__).with_name("tests.toml")
_MESSAGE: Final = re.compile(
    r"^\S+\.c:\d+: (?:warning|error): .*\n", re.MULTILINE
)  # tcc's own, in what must be printed
_LEVELS: Final = {Depth.SMOKE: ("-O0", "-O2"), Depth.STANDARD: LEVELS, Depth.FULL: LEVELS}


class TccTests(Programs):
    """A case is a program at one level: its output is held against its ``.expect``, and with its exit the oracle's."""

    name = "tcc_tests"
    summary = "TinyCC's tests2: what small programs print, at several levels"
    sources: ClassVar[tuple[Source, ...]] = (
        Source(
            version="0.9.27+git20200814.62c30a4a",
            filename="tcc_0.9.27+git20200814.62c30a4a.orig.tar.bz2",
            sha256="d63c113bcdd657f51c8ee197a0b0a24203603313e19a52b5f678d40ab7f5df35",
            size=708943,
            pool="pool/main/t/tcc/tcc_0.9.27+git20200814.62c30a4a.orig.tar.bz2",
        ),
    )

    def root(self, work: Workspace) -> str:
        """Where the tests stand."""
        return f"{work.src}/tests/tests2"

    def programs(self, work: Workspace) -> Mapping[str, Sequence[Program]]:
        """All tests but those of tcc's own options."""
        root, folder = self.root(work), work.host_path(self.root(work))
        levels = dict.fromkeys(work.levels or _LEVELS[work.depth], "")
        found = []
        for path in sorted(folder.glob("*.expect")):
            name = path.stem
            rule = _table().get(name, {})
            if "skip" not in rule and work.arch.name in rule.get("arches", (work.arch.name,)):
                sources = (f"{name}.c", *rule.get("with", ()))
                found.append(
                    Program(
                        name,
                        tuple(f"{root}/{each}" for each in sources),
                        levels,
                        ("-w", "-std=gnu99", *rule.get("flags", ())),
                        arguments=tuple(each.replace("{root}", root) for each in rule.get("arguments", ())),
                        expect=_MESSAGE.sub("", path.read_text("utf-8")),
                    )
                )
        return {"tests2": found}

    def remark(self, case: str) -> str:
        """What the table notes of its test."""
        return str(_table().get(case.partition("/")[0], {}).get("note", ""))


@cache
def _table() -> dict[str, Any]:
    """What is to be known of single tests, by name."""
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


@hookimpl
def ccverify_projects() -> Sequence[Recipe]:
    """The tests alone."""
    return (TccTests(),)
