"""Reads ``units.jsonl``, the driver's log: one JSON line a call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Role = Literal["candidate", "host", "leak", "engine"]
CallKind = Literal["info", "preprocess", "probe", "compile", "assemble", "link"]
RoutedTo = Literal["candidate", "oracle", "host", "stored", "other"]
Makes = Literal["object", "program", "assembly", ""]

_BEGIN = b'{"v":1,"id":'
_C_SUFFIXES = (".c", ".i")


@dataclass(frozen=True, slots=True)
class Output:
    """A file that was due after a call that claimed success; ``bytes`` is -1 where it is missing or from before."""

    path: str
    bytes: int
    ident: str  # the first string in an object's .comment
    elf: bool
    machine: int = 0  # e_machine of an ELF file; -1 for the other byte order
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as the driver saw it. Times in seconds; bytes that are not UTF-8 appear as ``\\xNN``."""

    id: str
    parent: str  # of the parts of a call that was split: the same for all of them; the whole has no line
    t: float  # UNIX time of its start
    step: str
    name: str
    role: Role
    kind: CallKind
    links: bool
    makes: Makes  # what is due in ``output``
    compiler: RoutedTo
    unit: str
    inputs: tuple[str, ...]
    output: Output | None
    argv: tuple[str, ...]  # as the build gave it
    cwd: str
    seconds: float
    cpu: float
    peak_kib: int
    exit: int | None
    signal: int | None
    timeout: bool
    limit: str  # "", output, file, memory, interrupted
    stderr: str  # the first 4 KiB, and the most telling line where it comes later
    engine: str  # path of the compiler proper (role engine)
    call: str  # the candidate's call that it happened in
    argv_cut: bool

    @property
    def ok(self) -> bool:
        """Whether it claimed success. False for an engine, whose end is not seen."""
        return self.exit == 0 and not self.timeout

    @property
    def sources(self) -> tuple[str, ...]:
        """The C sources among its inputs."""
        found = tuple(name for name in self.inputs if name.endswith(_C_SUFFIXES))
        return found or ((self.unit,) if self.kind == "compile" and self.unit else ())


def read_log(path: Path, start: int = 0) -> Iterator[Call]:
    """Every whole line from a place on, in the order of writing; nothing where there is no file.

    A torn line is left out. Only a full disk or a killed run tears one, and the call it belonged to then failed, so
    that nothing passes for want of it.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        for line in file:
            # a torn line has no end, so the next one is glued to it
            if call := parse(line) or parse(line[max(0, line.rfind(_BEGIN)) :]):
                yield call


class Tail:
    """Reads a log while it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read(self) -> Iterator[Call]:
        """The whole lines that were added since the last time."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            added = file.read()
        added = added[: added.rfind(b"\n") + 1]
        self._at += len(added)
        yield from filter(None, map(parse, added.splitlines()))


def parse(line: bytes) -> Call | None:
    """One line; None for a torn one."""
    try:
        return _call(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None


def _call(line: dict[str, Any]) -> Call:
    output = line["output"]
    get = line.get
    return Call(
        id=line["id"],
        parent=line["parent"],
        t=line["t"],
        step=line["step"],
        name=line["name"],
        role=line["role"],
        kind=line["kind"],
        links=line["links"],
        makes=line["makes"],
        compiler=line["compiler"],
        unit=line["unit"],
        inputs=tuple(line["inputs"]),
        output=Output(**output) if output else None,
        argv=tuple(line["argv"]),
        cwd=line["cwd"],
        seconds=get("seconds", 0.0),
        cpu=get("cpu", 0.0),
        peak_kib=get("peak_kib", 0),
        exit=get("exit"),
        signal=get("signal"),
        timeout=get("timeout", False),
        limit=get("limit", ""),
        stderr=get("stderr", ""),
        engine=line["engine"],
        call=line["call"],
        argv_cut=line["argv_cut"],
    )
