"""Which real files stand behind a compiler's command."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compiler.elf import read_elf
from compiler.families import Family
from compiler.interview import Interview
from compiler.libraries import library, of_the_c_library
from compiler.mounts import installation, is_program, too_wide
from compiler.words import ORDINARY_COMMANDS, TELLING_SUFFIXES

_NEVER = ("/proc/", "/sys/", "/dev/", "/run/")
_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib", "/etc/")
_SCRATCH = ("/tmp/", "/var/tmp/")
_MOST = 400  # files found behind one command by following
_SCRIPT_BYTES = 1 << 20
_TEXT_BYTES = 64 << 20


@dataclass
class Behind:
    """Files and folders behind a command, as they are named; and what has to be looked up again to know them all."""

    files: set[str] = field(default_factory=set)
    trees: dict[str, tuple[str, ...]] = field(default_factory=dict)  # folder -> its loose sub-folders
    lookups: dict[str, str] = field(default_factory=dict)  # program name -> path, "" where PATH has none
    absent: set[str] = field(default_factory=set)  # paths that scripts name and that are not there yet

    def real(self) -> tuple[str, ...]:
        """The real paths of all, sorted."""
        return tuple(sorted({os.path.realpath(path) for path in (*self.files, *self.trees)}))


def files_behind(
    interview: Interview, family: Family, *, also: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Behind:
    """Everything whose content decides what the command makes: its program, scripts, libraries, tools and folders.

    ``also`` names what only the user knows (``files`` of verify.toml). The C library and the shell are not counted.
    """
    path = (environ or os.environ).get("PATH", os.defpath)
    finder = _Finder(path, interview.began)
    command = interview.command
    finder.follow(command[0])
    for index, word in enumerate(command[1:]):
        if index >= len(family.subcommand):
            finder.argument(word)
    for given in also:
        finder.add(given)
    for question in family.files:
        answer = interview.answer(question)
        if os.path.isabs(answer):
            finder.follow(answer)
        elif answer and "/" not in answer:
            finder.program(answer)
    for each in family.trees:
        answer = interview.answer(each)
        if os.path.isabs(answer):
            finder.tree(answer, each.loose)
    for name in family.programs:
        finder.program(name)
    if family.name == "generic":
        finder.surroundings(command[0])
        for program in [path for path in finder.behind.files if path != command[0] and _own_program(path)]:
            finder.surroundings(program)  # what a script around it runs
    return finder.behind


class _Finder:
    def __init__(self, path: str, began: float) -> None:
        self.path, self.began = path, began
        self.behind = Behind()

    def add(self, path: str) -> None:
        """A file or folder that was named on purpose."""
        if os.path.isdir(path):
            self.tree(path)
        elif os.path.exists(path):
            self.follow(path)
        else:
            self.behind.absent.add(path)

    def tree(self, folder: str, loose: tuple[str, ...] = ()) -> None:
        folder = os.path.normpath(folder)
        real = os.path.realpath(folder)
        if os.path.isdir(real) and not too_wide(folder) and not too_wide(real) and not _outside(real):
            self.behind.trees.setdefault(folder, loose)

    def program(self, name: str) -> None:
        if name not in self.behind.lookups:
            found = shutil.which(name, path=self.path) or ""
            self.behind.lookups[name] = found
            if found:
                self.follow(found)

    def argument(self, word: str) -> None:
        """A fixed argument: an option's file (``-specs=/x``, ``-B/x``, ``@/x``) or a program (``ccache gcc``)."""
        found = re.search(r"(?:^|[=@,]|^-[A-Za-z]+)(/.*)$", word)
        if found:
            self.add(found[1])
        elif not word.startswith("-") and "/" not in word:
            self.program(word)

    def follow(self, path: str) -> None:
        """A file, and the scripts, programs and libraries that it names, to a fixpoint."""
        if path in self.behind.files or len(self.behind.files) >= _MOST or _outside(path) or not os.path.isfile(path):
            return
        self.behind.files.add(path)
        real = os.path.realpath(path)
        with open(real, "rb") as file:
            head = file.read(_SCRIPT_BYTES) if file.read(2) == b"#!" else b""
        if head:
            self._script(head.decode("utf-8", "replace"), os.path.dirname(real))
        elif elf := read_elf(real):
            for name in elf.needed:
                if found := library(name, elf, os.path.dirname(real)):
                    self.follow(found)

    def _script(self, text: str, folder: str) -> None:
        """What a script may run or read: absolute paths, commands on PATH, its neighbours. Not its interpreter."""
        lines = [line for line in text.split("\n")[1:] if not line.lstrip().startswith("#")]
        body = "\n".join(lines)
        for option, path in set(re.findall(r"(?<![\w.$})/-])(-[A-Za-z]+|\w*PATH=)?(/[\w.+@%/-]+)", body)):
            if os.path.isdir(path):
                self._folder(path, bool(option))
            elif self._scratch(path):
                continue
            elif os.path.isfile(path):
                telling = os.access(path, os.X_OK) or path.endswith(TELLING_SUFFIXES) or ".so." in path
                if telling and os.path.basename(path) not in ORDINARY_COMMANDS:
                    self.follow(path)
            elif not os.path.exists(path) and not _outside(path):
                self.behind.absent.add(path)
        for word in set(re.findall(r"(?<![\w./+-])[A-Za-z_][\w.+-]*", body)) - ORDINARY_COMMANDS:
            if shutil.which(word, path=self.path):
                self.program(word)
        for word in set(re.findall(r"[\w.+-]+", body)) - ORDINARY_COMMANDS:
            neighbour = os.path.join(folder, word)
            if os.path.isfile(neighbour) and not neighbour.startswith(_SYSTEM):
                self.follow(neighbour)

    def _folder(self, path: str, searched: bool) -> None:
        """A folder that a script names: one to search in (``-I/x``), or where a compiler lies; not one to write in."""
        parts = (os.path.join(path, each) for each in ("bin", "include", "lib"))
        if not f"{path}/".startswith(_SYSTEM) and (searched or any(map(os.path.isdir, parts))):
            self.tree(path)

    def _scratch(self, path: str) -> bool:
        """Whether it is what a compiler writes, perhaps just now as it was asked: a part of it would be read-only."""
        if not path.startswith(_SCRATCH) or os.access(path, os.X_OK):
            return False
        if os.path.dirname(path) + "/" in _SCRATCH:
            return True
        return os.path.exists(path) and os.stat(path).st_mtime >= self.began

    def surroundings(self, program: str) -> None:
        """For a compiler that answers no questions: what lies around it, and what its own strings name."""
        real = os.path.realpath(program)
        if not read_elf(real) or os.path.getsize(real) > _TEXT_BYTES:
            return
        for path in set(re.findall(rb"(?<![\w./])/[\w.+/-]{3,200}(?=\0)", Path(real).read_bytes())):
            name = os.fsdecode(path)
            if (
                os.path.isfile(name)
                and not of_the_c_library(name)
                and (os.access(name, os.X_OK) or name.endswith(TELLING_SUFFIXES))
            ):
                self.follow(name)
        folder, own = os.path.split(real)
        if real.startswith(_SYSTEM) and not real.startswith("/usr/local/"):
            return
        for entry in os.scandir(folder):
            if entry.name.startswith((f"{own}-", f"{own}.")) and entry.is_file() and os.access(entry.path, os.X_OK):
                self.follow(entry.path)
        base = installation(real)
        for name in ("include", "lib", "libexec", os.path.join("share", own), os.path.join("lib", own)):
            self.tree(os.path.join(base, name))


def _outside(path: str) -> bool:
    return path.startswith(_NEVER)


def _own_program(path: str) -> bool:
    """Whether it is a program that is no part of the system."""
    return not os.path.realpath(path).startswith(_SYSTEM) and is_program(path)
