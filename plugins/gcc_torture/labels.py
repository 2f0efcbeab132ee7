"""Which tests use more than standard C, and what: the labels of a test.

``labels.toml`` is the table of the labels, each with a rule and its reason. The rules are lexical and find the use of a
feature, not the need of it. ``labels_of`` answers for the pinned tests from ``labelled.txt``, which
``python -m plugins.gcc_torture.labels FOLDER`` writes from the folder ``gcc.c-torture`` of the source.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from plugins.gcc_torture.plan import programs
from plugins.gcc_torture.scan import scan
from verifiers.results import Depth

_TABLE: Final = Path(__file__).with_suffix(".toml")
_LABELLED: Final = Path(__file__).with_name("labelled.txt")
_COMMENTS: Final = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_INCLUDED: Final = re.compile(r'^\s*#\s*include\s*"([^"]+\.c)"', re.MULTILINE)


class Rules:
    """The table, read."""

    def __init__(self, table: Mapping[str, Mapping[str, str]]) -> None:
        self.table = table
        self._patterns = {
            (label, kind): re.compile(rule[kind], re.MULTILINE)
            for label, rule in table.items()
            for kind in ("pattern", "option", "name")
            if kind in rule
        }

    def labels(self, name: str, source: str, options: Sequence[str]) -> list[str]:
        """The labels of a test with that name, source and options, sorted."""
        code = bare(source)
        against = {"pattern": [code], "option": options, "name": [name]}
        found = {
            label
            for (label, kind), pattern in self._patterns.items()
            if any(pattern.search(each) for each in against[kind])
        }
        scanned = scan(code)
        found |= {label for label, rule in self.table.items() if rule.get("scan") in scanned}
        return sorted(found)


@cache
def rules() -> Rules:
    """The table that stands beside this file."""
    return Rules(tomllib.loads(_TABLE.read_text(encoding="utf-8")))


def labels_of(case: str) -> frozenset[str]:
    """The labels of a case of the pinned source, such as ``execute/20000112-1.c/-O2``; empty for standard C."""
    test = case if case.endswith(".c") else case.rpartition("/")[0]
    return frozenset(_labelled().get(test, ()))


@cache
def _labelled() -> dict[str, list[str]]:
    lines = _LABELLED.read_text(encoding="utf-8").splitlines() if _LABELLED.exists() else []
    return {test: labels for test, *labels in map(str.split, lines)}


def bare(source: str) -> str:
    """C source without comments, and with empty strings and character constants."""
    text = source.replace("\\\n", " ")
    return _COMMENTS.sub(lambda match: " " if match[0][0] == "/" else match[0][0] * 2, text)


def labelled(root: Path) -> str:
    """The text of ``labelled.txt`` for the tests below ``root``: a line each, those of standard C left out."""
    tests = [test for kind in programs(root, "", "x86_64", Depth.FULL).values() for test in kind]
    lines = []
    for test in sorted(tests, key=lambda test: test.name):
        source = _whole(root / test.name)
        if found := rules().labels(test.name, source, test.flags):
            lines.append(f"{test.name} {' '.join(found)}\n")
    return "".join(lines)


def _whole(path: Path) -> str:
    """A test's source, and that of another test that it includes."""
    text = path.read_text("latin-1")
    included = [path.parent / name for name in _INCLUDED.findall(text)]
    return text + "".join(each.read_text("latin-1") for each in included if each.exists())


if __name__ == "__main__":
    _LABELLED.write_text(labelled(Path(sys.argv[1])), encoding="utf-8")
