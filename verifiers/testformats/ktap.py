"""KTAP, the kernel's form of TAP (Documentation/dev-tools/ktap.rst), as KUnit writes it to the console.

``[not ]ok N [- ]NAME [# SKIP WHY]``, indented by four for each level, after ``# Subtest: NAME`` where it has lines of
its own; ``1..N`` where the number is known before. Among it are the kernel's other messages, with or without a time.
Tests without tests of their own are cases, by the path of their names; a suite is none, but a plan that is not kept is
(``…/plan``), and one that failed though no test of its own did (``…/result``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import printk_of

_RESULT: Final = re.compile(r"( *)(not )?ok (\d+)(?: -)?(?: ([^#]*?))?\s*(?:# (\w+) ?(.*))?$")
_PLAN: Final = re.compile(r"( *)1\.\.(\d+)$")
_SUBTEST: Final = re.compile(r"( *)# Subtest: (.+)$")
_BEGIN: Final = re.compile(r"( *)K?TAP version \d+$")
_DETAIL: Final = re.compile(r"( *)# (.+)$")
_LINES: Final = 30  # of a failure's own account


@dataclass
class _Level:
    """A test with tests of its own."""

    name: str
    planned: int | None = None
    seen: int = 0
    failed: int = 0


class _Tree:
    """The tests that are open, the outermost first."""

    def __init__(self) -> None:
        self.open: list[_Level] = []
        self.began = False
        self.said: list[str] = []

    def at(self, depth: int) -> _Level:
        """The level at a depth, opened where it is not."""
        while len(self.open) <= depth:
            self.open.append(_Level(""))
        return self.open[depth]

    def path(self, depth: int, name: str) -> str:
        return "/".join([*(each.name for each in self.open[1 : depth + 1] if each.name), name])

    def close(self, depth: int) -> Iterator[TestCase]:
        """End what is deeper than ``depth``: each kept its plan, or says that it did not."""
        while len(self.open) > depth + 1:
            level = self.open[-1]
            path = self.path(len(self.open) - 1, "plan")
            self.open.pop()
            if level.planned is not None and level.planned != level.seen:
                message = f"{level.seen} of {level.planned} planned tests ran"
                yield TestCase(name=path, outcome=CaseOutcome.FAIL, message=message)


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of all KTAP on a console; nothing where there is none."""
    tree = _Tree()
    for raw in lines:
        line = printk_of(raw).rstrip()
        if begin := _BEGIN.match(line):
            tree.began = True
            if begin[1]:
                tree.at(len(begin[1]) // 4)
            continue
        if not tree.began:
            continue
        if plan := _PLAN.match(line):
            tree.at(len(plan[1]) // 4).planned = int(plan[2])
        elif subtest := _SUBTEST.match(line):
            depth = len(subtest[1]) // 4
            yield from tree.close(depth - 1)
            tree.at(depth).name = subtest[2].strip()
        elif result := _RESULT.match(line):
            yield from _result(tree, result)
        elif (detail := _DETAIL.match(line)) and len(tree.said) < _LINES:
            tree.said.append(detail[2])
        elif line.startswith("    ") and tree.said and len(tree.said) < _LINES:
            tree.said.append(line.strip())
    yield from tree.close(-1)


def _result(tree: _Tree, result: re.Match[str]) -> Iterator[TestCase]:
    indent, failed, number, name, word, why = result.groups()
    depth, name = len(indent) // 4, (name or "").strip() or number
    inner = tree.open[depth + 1] if len(tree.open) > depth + 1 else None
    yield from tree.close(depth)
    level = tree.at(depth)
    level.seen += 1
    level.failed += bool(failed)
    message = "\n".join(tree.said)
    tree.said = []
    skipped = (word or "").upper() == "SKIP"
    outcome = CaseOutcome.SKIP if skipped else CaseOutcome.FAIL if failed else CaseOutcome.PASS
    if inner is None:
        said = why if skipped else message if failed else ""
        yield TestCase(name=tree.path(depth, name), outcome=outcome, message=said or "")
    elif failed and not inner.failed:
        yield TestCase(name=tree.path(depth, f"{name}/result"), outcome=CaseOutcome.FAIL, message=message)
