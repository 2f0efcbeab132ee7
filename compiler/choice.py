"""Which compiler the user means: by --cc, by $CC, by verify.toml, or by what this machine has."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from compiler.arches import Arch
from compiler.errors import CompilerNotInstalled, MalformedCompiler, NoCandidate, UnknownCompiler
from compiler.families import Family, PythonPackage, families
from verifiers.config import CompilerEntry, Config
from verifiers.nearest import hint
from verifiers.results import Frozen


class Choice(Frozen):
    """A command with what the user said about it, before it was asked anything."""

    command: tuple[str, ...]  # the first word an absolute path
    why: str
    family: str | None = None  # None: to be found out
    name: str = ""  # the family's or the entry's; "": made of the file's name
    entry: bool = False  # of verify.toml: the name is the user's own
    version: str = ""
    files: tuple[str, ...] = ()
    targets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    env: dict[str, str] = Field(default_factory=dict)
    lacks: tuple[str, ...] | None = None  # where the entry says so
    linker: str = ""  # "oracle" or "own", where the entry says so


def choose(spec: str | None, arch: Arch, config: Config, environ: Mapping[str, str]) -> Choice:
    """The choice for ``spec``, or for what stands in its place; raises UsageErrors with the nearest name."""
    if spec is not None:
        return named(spec, arch, config, "--cc", environ)
    if given := environ.get("CC", "").strip():
        return named(given, arch, config, "$CC", environ)
    if (default := config.default_compiler) is not None:
        return _entry(default, config.compiler[default], arch, "verify.toml default", environ)
    return first_found(arch, environ)


def named(spec: str, arch: Arch, config: Config, where: str, environ: Mapping[str, str]) -> Choice:
    """An entry of verify.toml, a family, or a command, in this order."""
    if spec in config.compiler:
        return _entry(spec, config.compiler[spec], arch, where, environ)
    if spec in families() and families()[spec].preference:
        family = families()[spec]
        if found := find_family(family, environ):
            return Choice(command=found, family=spec, name=spec, why=where)
        raise CompilerNotInstalled(family=spec, install=family.install_line, packages=family.packages)
    words = split(spec, where)
    first = os.path.expanduser(words[0])
    if "/" in first:
        return Choice(command=(os.path.abspath(first), *words[1:]), why=where)
    if found_path := _which(first, environ):
        return Choice(command=(found_path, *words[1:]), why=where)
    known = [*config.compiler, *(name for name, each in families().items() if each.preference)]
    meant = hint(first, known) or (f" (did you mean ./{first}?)" if os.path.exists(first) else "")
    raise UnknownCompiler(name=first, hint=meant, families=", ".join(known[len(config.compiler) :]))


def split(text: str, where: str) -> tuple[str, ...]:
    """The words of a command given as one text; a path with spaces that exists is one word."""
    if any("\ud800" <= char <= "\udfff" for char in text):  # os.fsdecode's stand-ins: no result could name it
        raise MalformedCompiler(where=where, text=ascii(text), detail="it is not UTF-8; give it another name")
    if os.path.exists(os.path.expanduser(text)):
        return (text,)
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise MalformedCompiler(where=where, text=text, detail=str(error).lower()) from None
    if not words or not words[0]:
        raise MalformedCompiler(where=where, text=text, detail="it is empty; give a family's name or a path")
    return words


def first_found(arch: Arch, environ: Mapping[str, str]) -> Choice:
    """The most preferred family on this machine whose program is not the oracle's."""
    oracle = os.path.realpath(next((path for each in arch.oracle if (path := _which(each, environ))), ""))
    candidates = [each for each in families().values() if each.preference]
    for family in candidates:
        found = find_family(family, environ)
        if found and os.path.realpath(found[0]) != oracle:
            return Choice(command=found, family=family.name, name=family.name, why="first found")
    best = candidates[0]
    raise NoCandidate(oracle=oracle, install=best.install_line, packages=best.packages)


def find_family(family: Family, environ: Mapping[str, str], *, ask: bool = True) -> tuple[str, ...] | None:
    """The family's command on this machine, or None; without ``ask`` no other Python is started to look in."""
    for package in family.python_packages:
        if found := _in_python(package, environ, ask):
            return (found, *family.subcommand)
    for pattern in family.commands:
        if found := _which(pattern, environ) if "*" not in pattern else _highest(pattern, environ):
            return (found, *family.subcommand)
    return None


def _entry(name: str, entry: CompilerEntry, arch: Arch, why: str, environ: Mapping[str, str]) -> Choice:
    def whole(words: tuple[str, ...]) -> tuple[str, ...]:
        if not words or "/" in words[0]:
            return words
        found = _which(words[0], environ)
        if not found and words[0] in families() and (member := find_family(families()[words[0]], environ)):
            return (*member, *words[1:])
        if not found:
            where = f"[compiler.{name}]"
            raise MalformedCompiler(where=where, text=words[0], detail="it is not on PATH; give its path")
        return (found, *words[1:])

    targets = {each: whole(words) for each, words in entry.targets.items()}
    command = targets.get(arch.name) or whole(entry.command) or next(iter(targets.values()))
    return Choice(
        command=command,
        why=why,
        family=entry.family,
        name=name,
        entry=True,
        version=entry.version,
        files=entry.files,
        targets=targets,
        env=entry.env,
        lacks=entry.lacks,
        linker=entry.linker or "",
    )


def _which(name: str, environ: Mapping[str, str]) -> str | None:
    found = shutil.which(name, path=environ.get("PATH", os.defpath))
    return os.path.abspath(found) if found else None


def _highest(pattern: str, environ: Mapping[str, str]) -> str | None:
    """Of the commands that a glob matches, the one with the highest version in its name."""
    found: dict[tuple[int, ...], str] = {}
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        for path in glob.glob(os.path.join(glob.escape(folder), pattern)) if folder else ():
            version = re.search(r"-(\d+(?:\.\d+)*)$", path)
            if version and os.access(path, os.X_OK):
                found.setdefault(tuple(int(part) for part in version[1].split(".")), path)
    return found[max(found)] if found else None


def _in_python(package: PythonPackage, environ: Mapping[str, str], ask: bool) -> str | None:
    """A program inside a Python package: of the running Python, else of ``python3`` on PATH."""
    try:
        spec = importlib.util.find_spec(package.module)
    except (ImportError, ValueError):
        spec = None
    for folder in spec.submodule_search_locations or () if spec else ():
        if os.path.isfile(path := os.path.join(folder, package.binary)):
            return path
    python = _which("python3", environ) if ask else None
    if not python:
        return None
    # find_spec, not import: nothing of the package runs. Started in / so that no folder here is taken for it.
    question = (
        f"import importlib.util as u; s = u.find_spec({package.module!r}); "
        "print(s.submodule_search_locations[0] if s else '')"
    )
    try:
        said = subprocess.run(
            [python, "-c", question],
            capture_output=True,
            text=True,
            timeout=20,
            cwd="/",
            stdin=subprocess.DEVNULL,
            env=dict(environ),
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    inside = Path(said) / package.binary
    return str(inside) if said and inside.is_file() else None
