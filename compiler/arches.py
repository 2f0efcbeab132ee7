"""The targets: an arch is a TOML file in ``arches/`` and this class."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

from compiler.data import members
from compiler.errors import UnknownArch
from verifiers.nearest import hint
from verifiers.results import Frozen


class Arch(Frozen):
    """One target. Its packages are Debian's; its triple is the GNU one that cross tools begin with."""

    name: str
    triple: str
    multiarch: str  # Debian's name of its library folders
    debian: str  # Debian's name of the architecture
    loader: str  # where its programs look for the dynamic loader
    machine: str  # as ``uname -m`` says it there
    bits: int
    elf_machine: int  # e_machine
    oracle: tuple[str, ...]  # commands for the trusted compiler, best first
    oracle_packages: tuple[str, ...]
    sysroot: str = ""  # where the target's libraries stand in a cross installation; "" for the machine's own
    suite: str = ""  # Debian's first release that carries it, for libraries where the machine's own release does not
    runs_on: tuple[str, ...] = ()  # machines (``uname -m``) that run its programs without an emulator
    emulator: str = ""  # user-mode emulator
    emulator_packages: tuple[str, ...] = ()
    system_emulator: str = ""
    system_emulator_packages: tuple[str, ...] = ()
    system_machine: tuple[str, ...] = ()  # the emulated machine, as the system emulator's arguments
    system_console: str = ""  # its first serial port, as Linux names it
    kernel: str = ""  # the Linux source's name of it (ARCH=)
    kernel_image: str = ""  # the make target of a bootable kernel

    @property
    def native(self) -> bool:
        """Whether this machine runs its programs without an emulator and without a sysroot."""
        return platform.machine() == self.machine

    def makes(self, elf_machine: int, bits: int) -> bool:
        """Whether an ELF file of that machine and width is one of its own."""
        return (self.elf_machine, self.bits) == (elf_machine, bits)

    @property
    def needs_emulator(self) -> bool:
        """Whether its programs need the emulator here."""
        return platform.machine() not in self.runs_on


@cache
def arches() -> dict[str, Arch]:
    """Every known arch by name."""
    return members(Path(__file__).parent / "arches", Arch)


def arch(name: str) -> Arch:
    """The arch of that name; raises UnknownArch with the nearest one."""
    try:
        return arches()[name]
    except KeyError:
        raise UnknownArch(name=name, hint=hint(name, arches()), known=", ".join(arches())) from None


def host_arch() -> Arch | None:
    """The arch of this machine's own programs, or None where there is no data for it."""
    return next((each for each in arches().values() if each.native), None)
