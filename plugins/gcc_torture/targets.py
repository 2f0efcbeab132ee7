"""What GCC 12 for an arch of ours has: DejaGnu's "effective targets", and the selectors that ask for them.

GCC's own test suite finds these out by compiling probes with the compiler under test. Here they are facts of the arch
and of the trusted GCC, so that no candidate gets out of a test by failing a probe: ``targets.toml``. One that is not
there stops the run.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from plugins.gcc_torture.tcl import split

_TABLE: Final = Path(__file__).with_suffix(".toml")


class UnknownTarget(ValueError):
    """A test asks for what the tables do not know."""


class Target:
    """One arch, as a selector sees it."""

    def __init__(self, arch: str) -> None:
        self.arch = arch
        table: dict[str, Any] = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
        try:
            self.triplet: str = table["triplets"][arch]
        except KeyError:
            raise UnknownTarget(f"no table for {arch}") from None
        self._has = {
            **dict.fromkeys(table["everywhere"], True),
            **dict.fromkeys(table["nowhere"], False),
            **{name: arch in arches for name, arches in table["some"].items()},
        }

    def has(self, name: str) -> bool:
        """Whether it is an effective target; raises UnknownTarget."""
        try:
            return self._has[name]
        except KeyError:
            raise UnknownTarget(f"unknown effective target {name!r}") from None

    def fits(self, selector: str) -> bool:
        """Whether a selector, such as ``{ i?86-*-* x86_64-*-* } && { ! ia32 }``, names it."""
        words = split(selector)
        if words and words[0] in ("target", "xfail"):
            words = words[1:]
        if words and words[0] == "!":
            return not self.fits(" ".join(words[1:]))
        if len(words) == 3 and words[1] == "&&":
            return self.fits(words[0]) and self.fits(words[2])
        if len(words) == 3 and words[1] == "||":
            return self.fits(words[0]) or self.fits(words[2])
        if "&&" in words or "||" in words or "!" in words:
            raise UnknownTarget(f"cannot read the selector {selector!r}")
        return any(self._is(word) for word in words)

    def _is(self, word: str) -> bool:
        if " " in word:
            return self.fits(word)
        if "-" in word or "*" in word:
            return fnmatchcase(self.triplet, word)
        return self.has(word)
