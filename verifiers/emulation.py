"""How a target's programs are run on this machine: by the kernel, by binfmt_misc and qemu-user, or by wrapper scripts.

Each way is tried on a real program of the target, its own dynamic loader, before it is taken.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from compiler.arches import Arch
from compiler.elf import read_elf
from verifiers.errors import InfrastructureError
from verifiers.results import Reason

_PROGRAM, _SHARED = 2, 3  # ELF types that can be started; a shared object without a loader is a library
_SUFFIX: Final = ".target"


class CannotRun(InfrastructureError):
    """No way to run a target's programs was found."""

    reason = Reason.EMULATOR
    msg = "programs for {arch} cannot be run here: {detail}; `verify doctor --arch {arch}` names what is missing"


@dataclass(frozen=True)
class Foreign:
    """What a sandbox provides so that another arch's programs run in it.

    ``links`` are paths below /lib -> what they lead to; ``binfmt`` is a registration line, "" where the kernel needs
    none; ``wrapper`` are the words to put before a program, the last one taking its argv[0], where neither works.
    """

    links: Mapping[str, str] = field(default_factory=dict)
    binfmt: str = ""
    wrapper: tuple[str, ...] = ()
    libraries: Path | None = None  # to stand for /etc/ld.so.cache

    @property
    def how(self) -> str:
        """In a word, for results."""
        return "wrapper scripts" if self.wrapper else "binfmt_misc" if self.binfmt else "the kernel"


NATIVE: Final = Foreign()
"""This machine's own programs."""


def foreign(
    arch: Arch, sandbox: str, runs: Callable[[Foreign, Sequence[str]], bool], listed: Path | None = None
) -> Foreign:
    """The first way that works; ``runs`` tries a command in a sandbox made so. Raises CannotRun.

    ``listed`` is a list of libraries with none of the arch's in it (ldcache.py).
    """
    if arch.native:
        return NATIVE
    libraries = f"{arch.sysroot}/lib"
    loader = f"{libraries}/{os.path.basename(arch.loader)}"
    emulator = shutil.which(arch.emulator) or ""
    ways: list[tuple[Foreign, tuple[str, ...]]] = []  # and what to try it on
    direct = (loader, "--version")
    if sandbox != "none":
        links = {arch.loader: loader, f"/lib/{arch.multiarch}": libraries}
        ways.append((Foreign(links, libraries=listed), direct))
        if emulator:
            ways.append((Foreign(links, registration(arch, emulator), libraries=listed), direct))
    elif os.path.exists(arch.loader):
        ways.append((NATIVE, direct))
    if not arch.needs_emulator:
        ways.append((Foreign(wrapper=(loader, "--library-path", libraries, "--argv0")), direct))
    if emulator:
        ways.append((Foreign(wrapper=(emulator, "-L", arch.sysroot, "-0")), (emulator, "-L", arch.sysroot, *direct)))
    for way, command in ways:
        if runs(way, command):
            return way
    raise CannotRun(arch=arch.name, detail=_lacking(arch, loader, emulator))


def with_sysroot(way: Foreign, arch: Arch, inside: str) -> Foreign:
    """The same with a private sysroot's libraries, which stand at ``inside``, in the place of the cross libc's."""
    libraries = f"{inside}/usr/lib/{arch.multiarch}"
    loader = f"{libraries}/{os.path.basename(arch.loader)}"
    if not way.wrapper:
        return replace(way, links={arch.loader: loader, f"/lib/{arch.multiarch}": libraries})
    if way.wrapper[-1] == "-0":
        return replace(way, wrapper=(way.wrapper[0], "-L", inside, "-0"))
    return replace(way, wrapper=(loader, "--library-path", libraries, "--argv0"))


def registration(arch: Arch, emulator: str) -> str:
    """The line for binfmt_misc (admin-guide/binfmt-misc.rst): the arch's ELF magic; P keeps argv[0], F opens it now.

    The type may be 2 or 3 (a position-independent program), and the OS byte is the program's own business.
    """
    magic = (
        b"\x7fELF" + bytes([arch.bits // 32, 1, 1]) + bytes(9) + b"\x02\x00" + arch.elf_machine.to_bytes(2, "little")
    )
    mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    return f":ccverify-{arch.name}:M::{_escaped(magic)}:{_escaped(mask)}:{emulator}:PF"


def wrap(folder: Path, inside: str, arch: Arch, wrapper: Sequence[str]) -> int:
    """Put a script in the place of every program of the arch below ``folder``, which the sandbox sees as ``inside``.

    Returns how many there were. Programs must not be running.
    """
    count = 0
    for path in _programs(folder, arch):
        moved = path.with_name(f".{path.name}{_SUFFIX}")
        status = path.stat()
        path.rename(moved)
        program = shlex.quote(f"{inside}/{moved.relative_to(folder)}")  # a copy of the script still finds it
        path.write_text(f'#!/bin/sh\nexec {shlex.join(wrapper)} "$0" {program} "$@"\n')
        path.chmod(status.st_mode & 0o777)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # make must not take it for new
        count += 1
    return count


def _programs(folder: Path, arch: Arch) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if path.is_symlink() or not os.access(path, os.X_OK) or path.name.endswith(_SUFFIX):
                continue
            elf = read_elf(path)
            startable = elf and (elf.kind == _PROGRAM or (elf.kind == _SHARED and elf.interpreter))
            if elf and startable and arch.makes(elf.machine, elf.bits):
                yield path


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _lacking(arch: Arch, loader: str, emulator: str) -> str:
    if not os.path.exists(loader):
        return f"{loader} is missing"
    if arch.needs_emulator and not emulator:
        return f"{arch.emulator} is missing"
    return f"its own {loader} does not start"
