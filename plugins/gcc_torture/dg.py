"""Reads the DejaGnu directives in a test's comments: how it is compiled, where it is skipped.

The rules are those of DejaGnu's ``dg.exp`` and GCC's ``gcc-dg.exp`` and ``target-supports-dg.exp``. A directive stands
on one line, with a blank inside each of its outer braces. What judges GCC's own messages and its assembly
(dg-warning, dg-message, dg-bogus, dg-prune-output, dg-final) says nothing of another compiler and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from plugins.gcc_torture.targets import Target
from plugins.gcc_torture.tcl import split

Do = Literal["run", "compile", "assemble"]

_DIRECTIVE: Final = re.compile(r"\{[ \t]+(dg-[-a-z]+[ \t]+.*?)[ \t]+\}[^}]*$")
_REQUIRES: Final = re.compile(r"dg-require-(alias|weak|visibility|dll|profiling|stack-check|stack-size)$")
_OF_MESSAGES: Final = frozenset(("dg-warning", "dg-message", "dg-bogus", "dg-prune-output", "dg-final"))
_NO_OPTIONS: Final = frozenset(("stack_size", "ieee"))
"""``dg-add-options`` that add nothing on our arches: the stack is large, and IEEE is what the hardware does."""


class UnknownDirective(ValueError):
    """A directive that is not known here, so that what it asks for would be lost."""


@dataclass(frozen=True)
class Unless:
    """A skip that only some options bring about."""

    reason: str
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def holds(self, flags: str) -> bool:
        """Whether a command line with these flags is one of those meant."""
        return any(_among(flags, each) for each in self.include) and not any(
            _among(flags, each) for each in self.exclude if each
        )


@dataclass
class Directives:
    """What the directives of one test come to for one target."""

    do: Do
    options: tuple[str, ...] = ("-w",)
    timeout_factor: float = 1.0
    fails: bool = False  # the compiler must reject it
    skips: list[Unless] = field(default_factory=list)

    def skip(self, level: str) -> str:
        """Why it is not tested at this level, naming the directive; empty where it is."""
        flags = " ".join((level, *self.options))
        return next((each.reason for each in self.skips if each.holds(flags)), "")


def read(source: str, target: Target, do: Do) -> Directives:
    """The directives of a test; ``do`` is what its folder does by default. Raises ValueErrors."""
    found = Directives(do)
    more: list[str] = []
    for name, args in directives(source):
        if name == "dg-do":
            _do(found, args, target)
        elif name == "dg-options":
            if _selected(args[1:], target):
                found.options = tuple(split(args[0]))
        elif name == "dg-additional-options":
            more += split(args[0]) if _selected(args[1:], target) else ()
        elif name in ("dg-skip-if", "dg-xfail-if", "dg-xfail-run-if"):
            _conditional(found, name, args, target)
        elif name == "dg-require-effective-target":
            if _selected(args[1:], target) and not target.has(args[0]):
                found.skips.append(Unless(f"{name} {args[0]}"))
        elif match := _REQUIRES.match(name):
            if not target.has(match[1]):
                found.skips.append(Unless(name))
        elif name == "dg-timeout-factor":
            found.timeout_factor = float(args[0])
        elif name == "dg-error":
            found.fails = found.fails or _selected(args[2:], target)
        elif not (name in _OF_MESSAGES or (name == "dg-add-options" and args[0] in _NO_OPTIONS)):
            raise UnknownDirective(f"unknown directive {name} {' '.join(args)}")
    found.options += tuple(more)
    return found


def directives(source: str) -> Iterator[tuple[str, list[str]]]:
    """The name and the arguments of each directive, in order."""
    for line in source.splitlines():
        if "dg-" in line and (match := _DIRECTIVE.search(line)):
            name, *args = split(match[1])
            yield name, args


def _do(found: Directives, args: list[str], target: Target) -> None:
    if args[0] not in ("run", "compile", "assemble"):
        raise UnknownDirective(f"unknown action dg-do {args[0]}")
    found.do = args[0]  # type: ignore[assignment]
    if not _selected(args[1:], target):
        found.skips.append(Unless(f"dg-do {' '.join(args)}"))


def _conditional(found: Directives, name: str, args: list[str], target: Target) -> None:
    comment, selector, *options = args
    if target.fits(selector):
        include = tuple(split(options[0])) if options else ("*",)
        exclude = tuple(split(options[1])) if len(options) > 1 else ()
        found.skips.append(Unless(f"{name}: {comment or selector}", include, exclude))


def _selected(args: list[str], target: Target) -> bool:
    """Whether the optional selector at the end of a directive, if there is one, names the target."""
    return all(target.fits(each) for each in args if each.split()[:1] == ["target"])


def _among(flags: str, pattern: str) -> bool:
    return pattern == "*" or fnmatchcase(f" {flags} ", f"* {pattern} *")
