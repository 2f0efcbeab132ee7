"""The little of an ELF file that discovery needs (System V ABI, "Object Files" and "Program Loading")."""

from __future__ import annotations

import mmap
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MACHINES = {
    2: "SPARC", 3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "s390x", 40: "32-bit ARM", 43: "SPARC64",
    62: "x86-64", 183: "AArch64", 243: "RISC-V", 247: "BPF", 258: "LoongArch",
}  # fmt: skip
_PT_DYNAMIC, _PT_INTERP, _PT_LOAD = 2, 3, 1
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29
_ALLOC, _NOBITS = 2, 8  # a section's flag and type
_RELOCATABLE, _EXECUTABLE, _SHARED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Elf:
    """What an ELF file says of itself."""

    machine: int
    bits: int
    kind: int  # 1 relocatable, 2 executable, 3 shared or position independent
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    search: tuple[str, ...] = ()  # RPATH and RUNPATH, $ORIGIN as it stands
    comment: str = ""  # the first string of .comment

    @property
    def machine_name(self) -> str:
        """The machine for people."""
        return MACHINES.get(self.machine, f"ELF machine {self.machine}")


def read_elf(path: str | Path) -> Elf | None:
    """Reads a regular file; None where it is no ELF file, or a damaged one."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if os.fstat(fd).st_size < 52 or os.pread(fd, 4, 0) != b"\x7fELF":
                return None
            with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as data:
                return parse_elf(data)
        finally:
            os.close(fd)
    except (OSError, ValueError):
        return None


def parse_elf(data: bytes | mmap.mmap) -> Elf | None:
    """As read_elf, from memory."""
    try:
        return _parse(data)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError):
        return None


def code_size(path: str | Path) -> int | None:
    """Bytes of text and data in an ELF file, as ``size`` counts them: what is loaded and not zero. Else None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(fd, "rb") as file:
            return _code(file) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    except (OSError, struct.error, OverflowError):
        return None


def _code(file: BinaryIO) -> int | None:
    head = file.read(64)
    if head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    header = struct.unpack_from(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), head, 16)
    form = order + ("IIQQQQ" if wide else "IIIIII")  # name, type, flags, address, offset, size
    offset, width, count = header[5], header[10], header[11]
    if width < struct.calcsize(form) or width > 4096 or not count:  # none: more than 65,279 of them
        return None
    file.seek(offset)
    table = file.read(width * count)
    sections = (struct.unpack_from(form, table, index * width) for index in range(count))
    return sum(int(each[5]) for each in sections if each[2] & _ALLOC and each[1] != _NOBITS)


def _parse(data: bytes | mmap.mmap) -> Elf | None:
    if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    header = struct.unpack_from(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), data, 16)
    kind, machine, phoff, shoff = header[0], header[1], header[4], header[5]
    phentsize, phnum, shentsize, shnum, shstrndx = header[8:13]
    segments = []
    for index in range(phnum):
        entry = struct.unpack_from(order + ("IIQQQQQQ" if wide else "IIIIIIII"), data, phoff + index * phentsize)
        # type, offset, vaddr, file size
        segments.append((entry[0], entry[2], entry[3], entry[5]) if wide else (entry[0], entry[1], entry[2], entry[4]))
    interpreter, needed, search = "", (), ()  # type: str, tuple[str, ...], tuple[str, ...]
    for type_, offset, _, size in segments:
        if type_ == _PT_INTERP:
            interpreter = os.fsdecode(bytes(data[offset : offset + size]).rstrip(b"\0"))
        elif type_ == _PT_DYNAMIC:
            needed, search = _dynamic(data, segments, offset, size, order + ("qQ" if wide else "iI"))
    comment = _comment(data, shoff, shentsize, shnum, shstrndx, order, wide) if shoff and shstrndx < shnum else ""
    return Elf(machine, 64 if wide else 32, kind, interpreter, needed, search, comment)


def _dynamic(
    data: bytes | mmap.mmap, segments: list[tuple[int, int, int, int]], offset: int, size: int, form: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = []
    step = struct.calcsize(form)
    for at in range(offset, offset + size - step + 1, step):
        tag, value = struct.unpack_from(form, data, at)
        if tag == 0:
            break
        pairs.append((tag, value))
    address = dict(pairs).get(_DT_STRTAB, 0)
    start = next((o + address - v for t, o, v, n in segments if t == _PT_LOAD and v <= address < v + n), None)
    if start is None:
        return (), ()
    needed = tuple(_string(data, start + value) for tag, value in pairs if tag == _DT_NEEDED)
    search = ":".join(_string(data, start + value) for tag, value in pairs if tag in (_DT_RPATH, _DT_RUNPATH))
    return needed, tuple(folder for folder in search.split(":") if folder)


def _comment(
    data: bytes | mmap.mmap, shoff: int, shentsize: int, shnum: int, shstrndx: int, order: str, wide: bool
) -> str:
    form = order + ("IIQQQQ" if wide else "IIIIII")  # name, type, flags, address, offset, size
    names = struct.unpack_from(form, data, shoff + shstrndx * shentsize)[4]
    for index in range(shnum):
        name, _, _, _, offset, size = struct.unpack_from(form, data, shoff + index * shentsize)
        if _string(data, names + name) == ".comment":
            text = bytes(data[offset : offset + min(size, 4096)]).lstrip(b"\0")
            return text.split(b"\0", 1)[0].decode("utf-8", "replace")
    return ""


def _string(data: bytes | mmap.mmap, at: int) -> str:
    end = data.find(b"\0", at, at + 4096)
    return os.fsdecode(bytes(data[at : end if end >= 0 else at]))
