"""What the driver is told: ``driver.conf``, lines of TAB-separated words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from verifiers.errors import UsageError
from verifiers.files import atomic_write
from verifiers.results import Frozen, Step

Target = Literal["candidate", "oracle"]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FORBIDDEN = "\t\n\0"


class BadDriverConfig(UsageError):
    """A word that a line of driver.conf cannot hold."""

    msg = "cannot tell the driver {word!r}: {detail}; change the compiler's command or the file pattern it comes from"


class DriverLimits(Frozen):
    """What one compiler process may use; 0 is no limit."""

    seconds: float = Field(default=0.0, ge=0)  # wall
    memory: int = Field(default=0, ge=0)  # bytes, RLIMIT_DATA of each process
    output: int = Field(default=0, ge=0)  # bytes of messages
    file: int = Field(default=0, ge=0)  # bytes, RLIMIT_FSIZE of each process


class DriverMix(Frozen):
    """A share of the units for the candidate, chosen by ``share``."""

    percent: float = Field(ge=0, le=100)
    seed: int = 0


class Route(Frozen):
    """Where the units that match go: ``candidate``, ``oracle`` or ``stored:<object>`` (below root if relative)."""

    pattern: str  # fnmatch over unit names, without escapes
    target: str = Field(pattern=r"^(candidate|oracle|stored:.+)$")


class DriverConfig(Frozen):
    """All of driver.conf; ``step`` changes between the steps of a cell."""

    log: str
    root: str
    candidate: tuple[str, ...] = Field(min_length=1)
    oracle: tuple[str, ...] = Field(min_length=1)
    host: tuple[str, ...] = ()  # default: the oracle
    oracles: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # of other arches -> command
    append: tuple[str, ...] = ()
    step: Step = Step.BUILD
    path: str = DEFAULT_PATH
    limits: DriverLimits = DriverLimits()
    mix: DriverMix | None = None
    routes: tuple[Route, ...] = ()
    default: Target = "candidate"
    linker: Target = "candidate"  # where a mix does not have the oracle link anyway

    def text(self) -> str:
        """The file's text. Raises BadDriverConfig for a word with a TAB, a newline or a NUL."""
        return "".join("\t".join(_checked(line)) + "\n" for line in self._lines())

    def write(self, path: Path) -> None:
        """Puts the file in place whole: a call meanwhile reads the old one or the new one. Raises Unwritable."""
        atomic_write(path, self.text().encode())

    def _lines(self) -> Iterator[Sequence[str]]:
        yield "log", self.log
        yield "step", self.step.value
        yield "root", self.root
        yield "candidate", *self.candidate
        if self.append:
            yield "append", *self.append
        yield "oracle", *self.oracle
        for arch, command in self.oracles.items():
            yield f"oracle-{arch}", *command
        yield "host", *(self.host or self.oracle)
        yield "path", self.path
        for name, value in self.limits:
            if value:
                yield "limit", name, f"{value}"
        for route in self.routes:
            yield "route", route.pattern, route.target
        if self.mix:
            yield "mix", f"{self.mix.percent}", f"{self.mix.seed}"
        yield "default", self.default
        yield "linker", self.linker


def _checked(words: Sequence[str]) -> Sequence[str]:
    for word in words:
        if any(character in word for character in _FORBIDDEN):
            raise BadDriverConfig(word=word, detail="it contains a TAB, a newline or a NUL")
    return words


def share(seed: int, unit: str) -> float:
    """The unit's place in [0, 100): below ``percent`` it goes to the candidate. As driver.c's ``share_of``."""
    whole = (1 << 64) - 1
    hashed = 0xCBF29CE484222325
    for byte in f"{seed}:{unit}".encode("utf-8", "surrogateescape"):
        hashed = (hashed ^ byte) * 0x100000001B3 & whole
    hashed = (hashed ^ hashed >> 33) * 0xFF51AFD7ED558CCD & whole
    hashed = (hashed ^ hashed >> 33) * 0xC4CEB9FE1A85EC53 & whole
    hashed ^= hashed >> 33
    return (hashed >> 11) * (100.0 / (1 << 53))
