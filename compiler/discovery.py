"""From what the user named to a Compiler that knows itself; remembered, so that the second time costs milliseconds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from compiler.arches import Arch, arches
from compiler.behind import Behind, files_behind
from compiler.choice import Choice, choose
from compiler.errors import OracleMissing
from compiler.families import Family, families
from compiler.fingerprint import Digests, fingerprint, settle, stamp, tree, write_atomically
from compiler.interview import Interview
from compiler.model import Compiler
from compiler.mounts import mounts
from compiler.naming import name_of
from compiler.probe import Runner, unprivileged
from compiler.startable import check
from verifiers.config import Config

__all__ = ["Runner", "oracle", "resolve"]

_FORMAT = "ccverify compiler 2"
_HUNG_FOR = 3600.0  # seconds; it may have been the machine that was slow, so it is not for ever


def resolve(
    spec: str | None,
    arch: Arch,
    config: Config | None = None,
    *,
    cache: Path | None = None,
    runner: Runner | None = None,
    environ: Mapping[str, str] | None = None,
) -> Compiler:
    """The compiler that ``spec`` names: an entry of verify.toml, a family, or a command with arguments in one text.

    None stands for $CC, else the entry marked default, else the first family found that is not the oracle;
    ``Compiler.why`` says which. ``cache`` is a folder (None: nothing is remembered). ``runner`` starts the compiler's
    program to ask it things; by default as an unprivileged user, which cannot reach what lies below a 0700 folder.
    Raises UsageErrors. A compiler that cannot target ``arch`` is no error: its ``command(arch.name)`` is None.
    """
    env = dict(os.environ if environ is None else environ)
    choice = choose(spec, arch, config or Config(), env)
    found = _describe(choice, arch, cache, runner, env)
    command = found.command(arch.name)
    if command is None or command == next(iter(found.commands.values())):
        return found
    # another program, or the same one with a flag: other files are behind it
    choice = choice.model_copy(update={"command": command, "family": found.family, "version": ""})
    there = _describe(choice, arch, cache, runner, env)
    own = {"name": found.name, "accommodations": found.accommodations, "guessed": not choice.targets}
    return there.model_copy(update=own)


def oracle(
    arch: Arch,
    *,
    cache: Path | None = None,
    runner: Runner | None = None,
    environ: Mapping[str, str] | None = None,
) -> Compiler:
    """The trusted compiler for ``arch``; raises OracleMissing (with ``fields["packages"]``)."""
    env = dict(os.environ if environ is None else environ)
    found = next((path for each in arch.oracle if (path := shutil.which(each, path=env.get("PATH")))), None)
    if found is None:
        packages = arch.oracle_packages
        install = f"apt-get install {' '.join(packages)}"
        raise OracleMissing(arch=arch.name, commands=", ".join(arch.oracle), install=install, packages=packages)
    choice = Choice(command=(os.path.abspath(found),), family="gcc", name="gcc", why="oracle")
    return _describe(choice, arch, cache, runner, env)


def _describe(choice: Choice, arch: Arch, cache: Path | None, runner: Runner | None, env: dict[str, str]) -> Compiler:
    check(choice.command[0], choice.why)
    key = json.dumps([_FORMAT, choice.model_dump(exclude={"why"}), arch.name, env.get("PATH"), _data(choice.family)])
    memory = cache / "compilers" / f"{hashlib.sha256(key.encode()).hexdigest()}.json" if cache else None
    known = _recall(memory, env) if memory else None
    if known is not None:
        return known.model_copy(update={"why": choice.why})
    path = {"PATH": env.get("PATH", os.defpath)}
    interview = Interview(choice.command, runner or unprivileged(path), tuple(_pairs(choice.env)))
    family = interview.family(families()[choice.family] if choice.family else None)
    version = choice.version or interview.version(family)
    made = interview.object()
    behind = files_behind(interview, family, also=choice.files, environ=env)
    own = next((name for name, each in arches().items() if made and each.makes(made.machine, made.bits)), None)
    watched = _watched(behind)
    settle(watched)
    before = _stamps(watched)
    digests = Digests(cache / "compilers" / "digests.json" if cache else None)
    files = [*behind.files, *behind.trees]
    name = choice.name if choice.entry else name_of(interview.command, family, version, choice.name)
    words = (family.name, os.path.basename(interview.command[0]), *interview.command[1:], *_pairs(choice.env))
    compiler = Compiler(
        name=name,
        family=family.name,
        version=version,
        commands=_commands(choice, interview.command, family, own, arch, env),
        files=behind.real(),
        fingerprint=fingerprint(files, digests, words),
        packages=family.packages,
        accommodations=tuple(dict.fromkeys((name, *([choice.name] if choice.name else []), family.name))),
        env=choice.env,
        engines=_engines(behind, family),
        lacks=family.lacks if choice.lacks is None else choice.lacks,
        links_by_oracle=(choice.linker or family.linker) == "oracle",
        mounts=mounts(interview.command[0], files),
        ident=made.comment if made else "",
        unreachable=interview.unreachable,
        why=choice.why,
        notes=_notes(interview, version, made is not None),
    )
    digests.save()
    # What could not be asked, or changed meanwhile, is asked again the next time.
    if memory and not interview.unreachable and before == _stamps(watched):
        record = {
            "until": time.time() + _HUNG_FOR if interview.hung else None,
            "stamps": before,
            "watched": watched,
            "lookups": behind.lookups,
            "compiler": compiler.model_dump(),
        }
        write_atomically(memory, json.dumps(record))
    return compiler


def _recall(memory: Path, env: Mapping[str, str]) -> Compiler | None:
    """The remembered compiler, if no file behind it changed and PATH still leads to the same programs."""
    try:
        record = json.loads(memory.read_text("utf-8"))
        if record["until"] is not None and not time.time() < record["until"]:
            return None
        if record["stamps"] != _stamps(record["watched"]):
            return None
        path = env.get("PATH", os.defpath)
        if any((shutil.which(name, path=path) or "") != found for name, found in record["lookups"].items()):
            return None
        return Compiler.model_validate(record["compiler"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None


def _watched(behind: Behind) -> list[str]:
    """Every path whose times are looked at the next time; a loose sub-folder's files are not, only its folders."""
    watched = [*behind.files, *behind.absent]
    for folder, loose in behind.trees.items():
        folders, files = tree(folder)
        heads = tuple(os.path.join(folder, each) + os.sep for each in loose)
        watched += folders
        watched += [path for path in files if not path.startswith(heads)] if heads else files
    return watched


def _stamps(watched: list[str]) -> str:
    return hashlib.sha256(repr([stamp(path) for path in watched]).encode()).hexdigest()


def _commands(
    choice: Choice, command: tuple[str, ...], family: Family, own: str | None, arch: Arch, env: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """arch -> command: what the user said, else what it was seen to make, else what its family can do."""
    # One that made nothing is taken at its word: that it cannot compile is for the build to show.
    made_for = own or arch.name
    if choice.targets:
        plain = {made_for: command} if command not in choice.targets.values() else {}
        return {**plain, **choice.targets}
    found = {made_for: command}
    if len(command) > 1 + len(family.subcommand):
        return found  # its own arguments may name a target already
    target = family.target
    for each in arches().values():
        fields = {"triple": each.triple, "arch": each.name}
        if each.name in found:
            continue
        if flags := target.arch_flags.get(each.name, target.flags):
            found[each.name] = (*command, *(flag.format(**fields) for flag in flags))
        elif choice.name == family.name and not choice.entry:  # another program stands for the family, never for a path
            for program in target.arch_commands.get(each.name, target.commands):
                if path := shutil.which(program.format(**fields), path=env.get("PATH")):
                    found[each.name] = (os.path.abspath(path),)
                    break
    return found


def _engines(behind: Behind, family: Family) -> tuple[str, ...]:
    patterns = [re.compile(_glob(each)) for each in family.engines]
    return tuple(path for path in behind.real() if any(pattern.fullmatch(path) for pattern in patterns))


def _glob(pattern: str) -> str:
    """A glob whose * stops at a slash, as a regular expression."""
    parts = re.split(r"(\*|\[[^]]+\])", pattern)
    return "".join("[^/]*" if part == "*" else part if part.startswith("[") else re.escape(part) for part in parts)


def _pairs(env: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(env.items())]


def _data(family: str | None) -> str:
    """The families' data: other data, other answers."""
    chosen = families().values() if family is None else [families()[family]]
    return hashlib.sha256("".join(each.model_dump_json() for each in chosen).encode()).hexdigest()


def _notes(interview: Interview, version: str, made: bool) -> tuple[str, ...]:
    notes = []
    if interview.unreachable:
        notes.append("could not be started by an unprivileged user to ask for its version")
    elif interview.hung:
        notes.append("did not answer some questions within the limits of time and output")
    elif not version:
        notes.append("does not say its version")
    if not made and not interview.unreachable:
        notes.append("made no ELF object of a one-line source")
    return tuple(notes)
