"""The guests: programs without an operating system whose answers are known, one for each emulated machine."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from verifiers.recipes.base import Parser
from verifiers.results import CaseOutcome, Reason, TestCase
from verifiers.testformats.cases import passed_maker, text_of

_FOLDER: Final = Path(__file__).parent / "guest"
_ANSWERS: Final = Path(__file__).parent / "answers"
_COMMON: Final = ("console.c", "integer.c", "float.c", "vector.c", "algorithm.c", "main.c", "paging.c")
_CASE: Final = re.compile(rb"guest (\S+) = ([0-9a-f]{16})\s*$")
_END: Final = re.compile(rb"guest end (\d+)\s*$")
_LINES: Final = 20  # of the console that a guest which does not come to its end leaves


@dataclass(frozen=True)
class Guest:
    """One emulated machine: how its program is compiled, and how the emulator is to start it."""

    arch: str
    flags: tuple[str, ...]
    machine: tuple[str, ...]  # the emulator's arguments; the program's path follows
    sources: tuple[str, ...] = ()

    @property
    def emulator(self) -> str:
        """The emulator's file name."""
        return f"qemu-system-{self.arch}"

    @property
    def _sources(self) -> tuple[str, ...]:
        return (f"start-{self.arch}.S", *_COMMON, *self.sources, f"system-{self.arch}.c")

    def files(self) -> dict[str, str]:
        """What it is compiled from: file name -> text."""
        names = ("guest.h", f"{self.arch}.ld", *self._sources)
        return {name: (_FOLDER / name).read_text("utf-8") for name in names}

    def compile(self, folder: str) -> tuple[str, ...]:
        """The compiler's arguments, but for the output."""
        return (
            *("-O1", "-ffreestanding", "-fno-builtin", "-ffp-contract=off", "-nostdlib", "-static", "-no-pie"),
            *("-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-w", *self.flags),
            *(f"-Wl,-T,{folder}/{self.arch}.ld", "-Wl,--build-id=none,--no-warn-rwx-segments"),
            *(f"{folder}/{source}" for source in self._sources),
            "-lgcc",
        )

    def command(self, emulator: str, program: str) -> tuple[str, ...]:
        """The emulator's command line; the guest switches its machine off."""
        quiet = ("-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio")
        return (emulator, "-accel", "tcg", "-m", "64M", *quiet, *self.machine, program)

    def answers(self) -> dict[str, str]:
        """Case -> its right answer, 16 hexadecimal digits."""
        texts = ((_ANSWERS / f"{name}.txt").read_text("ascii") for name in ("common", self.arch))
        return dict(line.split() for text in texts for line in text.splitlines())


GUESTS: Final = {
    guest.arch: guest
    for guest in (
        Guest(
            "x86_64",
            ("-mno-red-zone", "-mavx2", "-mfma", "-fcf-protection=none"),
            ("-machine", "pc", "-cpu", "max", "-bios"),
            ("insns-x86_64.c",),
        ),
        Guest(
            "aarch64",
            ("-march=armv8-a+crc+crypto", "-mno-outline-atomics"),
            ("-machine", "virt", "-cpu", "max", "-kernel"),
        ),
        Guest(
            "riscv64",
            ("-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"),
            ("-machine", "virt", "-bios", "none", "-kernel"),
        ),
    )
}


def parser(answers: Mapping[str, str]) -> Parser:
    """Parses a guest's console: a case for each answer, and ``end``, which says that it came to its last line.

    A guest that does not is a boot failure, with the console's last lines.
    """

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        passed = passed_maker()
        count, end = 0, -1
        last: deque[str] = deque(maxlen=_LINES)
        for line in lines:
            if found := _CASE.match(line):
                count += 1
                name, value = text_of(found[1]), text_of(found[2])
                right = answers.get(name)
                if value == right:
                    yield passed(name, "")
                else:
                    yield TestCase(name=name, outcome=CaseOutcome.FAIL, message=f"{value}, not {right or 'known'}")
            elif found := _END.match(line):
                end = int(found[1])
            if line.strip():
                last.append(text_of(line))
        if end == count and count:
            yield passed("end", "")
            return
        why = f"{end} cases by its own count, {count} seen" if end >= 0 else f"it stopped after {count} cases"
        message = "\n".join([why, *last])
        yield TestCase(name="end", outcome=CaseOutcome.CRASH, message=message, reason=Reason.BOOT_FAILURE)

    return parse
