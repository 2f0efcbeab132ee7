"""Asks a compiler who it is, which files belong to it, and what it makes."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from compiler.elf import Elf, parse_elf
from compiler.families import Family, Question, families
from compiler.probe import CANNOT_START, NOT_FOUND, TOOK_TOO_LONG, Runner

_PATIENCE = 2  # questions that may go unanswered in time before no more are asked
# The candidate's own folder is not known here (it may run in a sandbox), so the shell finds one there.
_MAKE_OBJECT = """
d=$(mktemp -d) && cd "$d" || exit 125
echo 'int ccverify_probe(void) { return 0; }' > probe.c
"$@" -c probe.c -o probe.o > messages 2>&1 < /dev/null; s=$?
[ -f probe.o ] && { echo BEGIN; od -An -v -tx1 -N 65536 probe.o; echo END; } || head -c 4096 messages
cd /; rm -rf "$d"; exit $s
"""


@dataclass
class Interview:
    """One compiler under questions. Remembers answers, and loses patience with one that hangs."""

    command: tuple[str, ...]
    runner: Runner
    env: tuple[str, ...] = ()  # NAME=VALUE
    hung: int = 0
    began: float = field(default_factory=time.time)
    unreachable: bool = False  # it exists but could not be started from here, e.g. below a 0700 folder
    _answers: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)

    def ask(self, args: Sequence[str], *, bare: bool = False) -> tuple[int, str]:
        """Exit status and output of the command with ``args`` added, or of its program with nothing but them."""
        return self._run((*(self.command[:1] if bare else self.command), *args))

    def _run(self, argv: tuple[str, ...]) -> tuple[int, str]:
        if argv not in self._answers:
            if self.hung >= _PATIENCE or self.unreachable:
                return TOOK_TOO_LONG, ""
            self._answers[argv] = answer = self.runner(("/usr/bin/env", *self.env, *argv) if self.env else argv)
            self.hung += answer[0] == TOOK_TOO_LONG
            self.unreachable = answer[0] in (CANNOT_START, NOT_FOUND)
        return self._answers[argv]

    def answer(self, question: Question) -> str:
        """Group 1 of the question's pattern, or ""."""
        code, text = self.ask(question.args, bare=question.bare)
        found = re.search(question.pattern, text, re.MULTILINE) if code in (0, 1) else None
        return found[1].strip() if found else ""

    def version(self, family: Family) -> str:
        """The version in the words of its family, or ""."""
        return next((answer for each in family.version if (answer := self.answer(each))), "")

    def macros(self) -> frozenset[str]:
        """The names of its predefined macros; empty where it cannot list them."""
        code, text = self.ask(("-dM", "-E", "-x", "c", "/dev/null"))
        return frozenset(re.findall(r"^#\s*define\s+(\w+)", text, re.MULTILINE)) if code == 0 else frozenset()

    def family(self, given: Family | None = None) -> Family:
        """The family it belongs to; ``generic`` where its own words and its macros do not agree on one.

        Completes the command where the family's program is a C compiler by a subcommand only.
        """
        real = Path(self.command[0]).resolve().name
        for each in [given] if given else families().values():
            lacking = each.subcommand and self.command[1:2] != each.subcommand[:1]
            if lacking and (given or (_named(each, real) and self.version(each))):
                self.command = (self.command[0], *each.subcommand, *self.command[1:])
        return given or self._recognised(real)

    def _recognised(self, real: str) -> Family:
        said = self.ask(("--version",))[1]
        if not re.search(r"\d", said):
            said += "\n" + self.ask(("-v",))[1]
        fitting = [each for each in families().values() if each.detect.says and _says(each, said)]
        if not fitting:
            return families()["generic"]
        macros = self.macros()
        # Those that ask for more come first: zig is a clang of a certain name.
        for each in sorted(fitting, key=lambda one: not one.detect.files):
            detect = each.detect
            if detect.files and not (_named(each, real) and self.version(each)):
                continue
            if not (macros.issuperset(detect.macros) and macros.isdisjoint(detect.without)):
                continue
            return each
        return families()["generic"]

    def object(self) -> Elf | None:
        """What it makes of the smallest source, or None where it makes no ELF object."""
        _, text = self._run(("/bin/sh", "-c", _MAKE_OBJECT, "sh", *self.command))
        found = re.search(r"^BEGIN\n([0-9a-f \n]*)^END$", text, re.MULTILINE)
        return parse_elf(bytes.fromhex(found[1])) if found else None


def _named(family: Family, real: str) -> bool:
    return any(fnmatch(real, pattern) for pattern in family.detect.files)


def _says(family: Family, said: str) -> bool:
    return re.search(family.detect.says, said, re.MULTILINE) is not None
