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
from compiler.mounts import SYSTEM, is_program, levels, too_wide
from compiler.words import ORDINARY_COMMANDS, TELLING_SUFFIXES

_NEVER = ("/proc/", "/sys/", "/dev/", "/run/")
_SCRATCH = ("/tmp/", "/var/tmp/")
# Options behind which a script names what it reads; what stands behind others may be written.
_READ_BY = (
    r"@|-(?:-?specs|-?include(?:-directory)?|imacros|isystem|cxx-isystem|iquote|idirafter|iprefix|iwithprefix"
    r"|-?sysroot|isysroot|I|L|B|F)"
)
_ABSOLUTE = re.compile(rf"(?<![\w.$}})/-])(?:({_READ_BY})[\"']?[=, ]{{0,2}}[\"']?)?(/[\w.+@%/:-]+)")
_PATHS = re.compile(r"\w*PATH=[\"']?([^\s\"';]+)")
_MOST = 400  # files found behind one command by following
_SCRIPT_BYTES = 1 << 20
_TEXT_BYTES = 64 << 20
_TEXTS = re.compile(rb"(?<![\w./])/[\w.+/-]{3,200}(?=\0)")


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
        try:
            with open(real, "rb") as file:
                text = file.read(_SCRIPT_BYTES) if file.read(2) == b"#!" else b""
        except OSError:
            return  # nobody may read it, so that its times have to do
        if text:
            self._script(text.decode("utf-8", "replace"), os.path.dirname(real))
        elif elf := read_elf(real):
            for name in elf.needed:
                if found := library(name, elf, os.path.dirname(real)):
                    self.follow(found)

    def _script(self, text: str, folder: str) -> None:
        """What a script may run or read: absolute paths, commands on PATH, its neighbours. Not its interpreter."""
        interpreter, *lines = text.split("\n")
        body = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        if "python" in interpreter:
            self._modules(folder)
        folders = {folder}
        searched = {path for paths in _PATHS.findall(body) for path in paths.split(":") if path.startswith("/")}
        named = {(option, path) for option, paths in _ABSOLUTE.findall(body) for path in paths.split(":") if path}
        for option, path in sorted(named):
            if os.path.isdir(path):
                self._folder(path, bool(option) or path in searched)
                if not too_wide(os.path.normpath(path)) and not _of_the_system(path):
                    folders.add(path)
            elif self._scratch(path, bool(option)):
                continue
            elif os.path.isfile(path):
                if option or _tells(path):
                    self.follow(path)
            elif not os.path.exists(path) and not _outside(path):
                self.behind.absent.add(path)
        for path in sorted(set(re.findall(r"(?<=[\w})\"'])/[\w.+@%/-]+", body))):  # "$here/../libexec/cc1"
            path = os.path.normpath(folder + path)
            if os.path.isfile(path) and _tells(path):
                self.follow(path)
        for word in sorted(set(re.findall(r"(?<![\w./+-])[A-Za-z_][\w.+-]*", body)) - ORDINARY_COMMANDS):
            if shutil.which(word, path=self.path):
                self.program(word)
        for word in sorted(set(re.findall(r"[\w.+-]+", body)) - ORDINARY_COMMANDS):
            for place in sorted(folders):  # its neighbours, and what it may put on PATH
                path = os.path.join(place, word)
                if (is_program(path) or place == folder) and os.path.isfile(path) and not _of_the_system(path):
                    self.follow(path)

    def _modules(self, folder: str) -> None:
        """What a Python script may import from beside it, however it does."""
        if too_wide(folder) or _of_the_system(f"{folder}/"):
            return
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir() and any(name.endswith(".py") for name in _names(entry.path)):
                self.tree(entry.path)
            elif entry.is_file() and entry.name.endswith(".py"):
                self.behind.files.add(entry.path)

    def _folder(self, path: str, searched: bool) -> None:
        """A folder that a script names: one to search in (``-I/x``), or where a compiler lies; not one to write in."""
        parts = ("bin", "include", "lib")
        if not _of_the_system(f"{path}/") and (
            searched or any(name in parts or name.endswith(".h") for name in _names(path))
        ):
            self.tree(path)

    def _scratch(self, path: str, read: bool) -> bool:
        """Whether it is what a compiler writes, perhaps just now as it was asked: a part of it would be read-only."""
        if not path.startswith(_SCRATCH) or os.access(path, os.X_OK):
            return False
        if os.path.dirname(path) + "/" in _SCRATCH and not read:
            return True
        return os.path.exists(path) and os.stat(path).st_mtime >= self.began

    def surroundings(self, program: str) -> None:
        """For a compiler that answers no questions: what lies around it, and what its own strings name."""
        real = os.path.realpath(program)
        elf = read_elf(real) and os.path.getsize(real) <= _TEXT_BYTES
        for path in sorted(set(_TEXTS.findall(Path(real).read_bytes()))) if elf else ():
            name = os.fsdecode(path)
            if os.path.isfile(name) and not of_the_c_library(name) and _tells(name):
                self.follow(name)
        if _of_the_system(real):
            return
        folder, own = os.path.split(real)
        for entry in os.scandir(folder):
            if entry.name.startswith((f"{own}-", f"{own}.")) and entry.is_file() and os.access(entry.path, os.X_OK):
                self.follow(entry.path)
        for base in levels(real):
            for name in ("include", "lib", "libexec", os.path.join("share", own), os.path.join("lib", own)):
                self.tree(os.path.join(base, name))


def _names(folder: str) -> list[str]:
    """What lies in a folder; nothing where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _outside(path: str) -> bool:
    return path.startswith(_NEVER)


def _of_the_system(path: str) -> bool:
    return path.startswith(SYSTEM) and not path.startswith("/usr/local/")


def _tells(path: str) -> bool:
    """Whether a file that is named may decide what is compiled, and is no ordinary command."""
    telling = os.access(path, os.X_OK) or path.endswith(TELLING_SUFFIXES) or ".so." in path
    return telling and os.path.basename(path) not in ORDINARY_COMMANDS


def _own_program(path: str) -> bool:
    """Whether it is a program that is no part of the system."""
    return not _of_the_system(os.path.realpath(path)) and is_program(path)
