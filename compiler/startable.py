"""Says in one line why a path cannot be a compiler, before anything runs."""

from __future__ import annotations

import glob
import os
import platform
import stat
from pathlib import Path

from compiler.elf import Elf, read_elf
from compiler.errors import (
    CompilerCannotStart,
    CompilerIsDirectory,
    CompilerMissing,
    CompilerNotExecutable,
    CompilerWrongArchitecture,
)
from verifiers.limits import SANDBOX_UID
from verifiers.nearest import nearest

_NAMES_INSIDE = ("bin/cc", "bin/gcc", "bin/clang", "cc", "gcc", "clang", "zig", "tcc")
_RELOCATABLE, _I386, _X86_64 = 1, 3, 62


def check(path: str, where: str) -> None:
    """Raises the UsageError that tells what is wrong with ``path``; returns where it can be started."""
    try:
        found = os.stat(path)
    except NotADirectoryError:
        raise CompilerMissing(path=path, hint="", where=where) from None
    except PermissionError as error:
        raise CompilerCannotStart(path=path, detail=f"{error.strerror}: {error.filename}".lower()) from None
    except OSError:
        link = f" (a link to {os.readlink(path)}, which does not exist)" if os.path.islink(path) else _neighbour(path)
        raise CompilerMissing(path=path, hint=link, where=where) from None
    if stat.S_ISDIR(found.st_mode):
        inside = _inside(path)
        raise CompilerIsDirectory(path=path, hint=f", such as {inside}" if inside else "")
    if not stat.S_ISREG(found.st_mode):
        raise CompilerCannotStart(path=path, detail="it is not a regular file")
    _check_mode(path, found)
    _check_format(path)


def _check_mode(path: str, found: os.stat_result) -> None:
    if os.geteuid() == 0:
        # Root may read and run nearly everything; the user that candidates run as may not.
        own = found.st_uid == SANDBOX_UID
        wanted = stat.S_IXUSR if own else stat.S_IXOTH
        if not found.st_mode & 0o111:
            raise CompilerNotExecutable(path=path, by="", mode="a+rx")
        if not found.st_mode & wanted:
            raise CompilerNotExecutable(path=path, by=" for the unprivileged user that compilers run as", mode="a+rx")
    elif not os.access(path, os.X_OK):
        raise CompilerNotExecutable(path=path, by="", mode="+x")


def _check_format(path: str) -> None:
    elf = read_elf(path)
    if elf is not None:
        _check_elf(path, elf)
        return
    try:
        with open(path, "rb") as file:
            first = file.read(4096)
    except OSError:
        return  # executable and not readable: only trying tells
    if not first:
        raise CompilerCannotStart(path=path, detail="the file is empty")
    if first.startswith(b"#!"):
        words = first[2:].split(b"\n", 1)[0].decode("utf-8", "replace").split(maxsplit=1)
        if not words or not os.path.isfile(words[0]):
            shown = words[0] if words else "(none)"
            raise CompilerCannotStart(path=path, detail=f"its interpreter {shown!r} does not exist")
        return
    if not _has_handler(path):
        detail = "it is neither a program for this machine nor a script that begins with #!"
        raise CompilerCannotStart(path=path, detail=detail)


def _check_elf(path: str, elf: Elf) -> None:
    if elf.kind == _RELOCATABLE:
        raise CompilerCannotStart(path=path, detail="it is an object file, not a program; link it first")
    if not _runs_here(elf):
        if _has_handler(path):
            return
        raise CompilerWrongArchitecture(path=path, machine=elf.machine_name, host=platform.machine())
    if elf.interpreter and not os.path.exists(elf.interpreter):
        detail = f"its loader {elf.interpreter} is not on this machine; install that C library or link it statically"
        raise CompilerCannotStart(path=path, detail=detail)


def _runs_here(elf: Elf) -> bool:
    """Whether the kernel runs programs of that machine by itself; its 32-bit half counts."""
    mine = read_elf("/proc/self/exe")
    return mine is None or elf.machine == mine.machine or (mine.machine, elf.machine) == (_X86_64, _I386)


def _has_handler(path: str) -> bool:
    """Whether binfmt_misc has an enabled handler for the file (kernel: admin-guide/binfmt-misc.rst)."""
    with open(path, "rb") as file:
        head = file.read(256)
    for entry in glob.glob("/proc/sys/fs/binfmt_misc/*"):
        if os.path.basename(entry) in ("register", "status"):
            continue
        try:
            with open(entry, encoding="utf-8") as text:
                lines = text.read().splitlines()
            fields = dict(line.split(maxsplit=1) for line in lines if " " in line)
            magic = bytes.fromhex(fields.get("magic", ""))
            mask = bytes.fromhex(fields["mask"]) if "mask" in fields else b"\xff" * len(magic)
            piece = head[int(fields.get("offset", "0")) :][: len(magic)]
        except (OSError, ValueError):
            continue
        if lines[:1] != ["enabled"]:
            continue
        if "extension" in fields and path.endswith(fields["extension"]):
            return True
        if (
            magic
            and len(piece) == len(magic)
            and all((a & m) == (b & m) for a, b, m in zip(piece, magic, mask, strict=False))
        ):
            return True
    return False


def _neighbour(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        return f" (nor does the folder {folder})"
    try:
        found = nearest(name, [each.name for each in os.scandir(folder) if each.is_file()])
    except OSError:
        found = None
    return f" (did you mean {os.path.join(folder, found)}?)" if found else ""


def _inside(folder: str) -> str:
    named = (*_NAMES_INSIDE, Path(folder).name, f"bin/{Path(folder).name}")
    paths = [os.path.join(folder, each) for each in named]
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), "")
