"""Writes ``reproduce.sh``: the same steps by hand, without this framework."""

from __future__ import annotations

import shlex
from itertools import groupby
from pathlib import Path

from compiler.arches import Arch, arches
from compiler.model import Compiler
from verifiers.plan import Plan
from verifiers.results import Source, Step
from verifiers.workspace import Command, Workspace

_HEAD = """\
#!/bin/sh
# {cell}: the {label} run by hand. Runs in a fresh folder below $TMPDIR, or in the one given as $1.
# Needs: {packages}.
# Run it as an ordinary user: this is other people's code, and here nothing isolates it.
set -eu
W=${{1:-$(mktemp -d)}}
mkdir -p "$W/src" "$W/build" "$W/bin" "$W/home" "$W/tmp"
W=$(cd "$W" && pwd)
echo "working in $W"

# fetch
archive=$W/{filename}
if [ -f {kept} ]; then cp {kept} "$archive"; fi
{download}
echo "{sha256}  $archive" | sha256sum -c -
tar -xf "$archive" -C "$W/src" --strip-components=1
{patches}
# compilers
printf '#!/bin/sh\\nexec %s "$@"\\n' {cc} > "$W/bin/cc"
printf '#!/bin/sh\\nexec %s "$@"\\n' {host} > "$W/bin/host-cc"
printf '#!/bin/sh\\nexec %s "$@"\\n' {oracle} > "$W/bin/oracle-cc"
{others}chmod +x "$W/bin/"*
export HOME="$W/home" TMPDIR="$W/tmp" LC_ALL=C.UTF-8 TZ=UTC TERM=dumb USER=builder LOGNAME=builder
export MAKEFLAGS="-j$(nproc)"
export CC="$W/bin/cc" CC_FOR_BUILD="$W/bin/host-cc" BUILD_CC="$W/bin/host-cc" HOSTCC="$W/bin/host-cc"
"""


def script(plan: Plan, compiler: Compiler, work: Workspace) -> str:
    """The text of a POSIX shell script that repeats what ``work`` ran."""
    flags = [flag for each in plan.accommodations for flag in each.flags]
    command = shlex.join([*(compiler.command(plan.arch.name) or ()), *flags])
    host = shlex.join(plan.host)
    source = work.unpacked or plan.source
    text = _HEAD.format(
        cell=plan.id,
        label=work.label,
        packages=" ".join(plan.recipe.packages_on(plan.arch, plan.id.depth)),
        filename=shlex.quote(source.filename),
        kept=shlex.quote(str(work.fetcher.sources / source.sha256 / source.filename)),
        download=_download(source),
        sha256=source.sha256,
        patches="".join(
            f'patch -p1 -d "$W/src" < {shlex.quote(str(each.file))}  # {each.reason}\n' for each in work.patches
        ),
        cc=shlex.quote(command),
        host=shlex.quote(host),
        oracle=shlex.quote(shlex.join(plan.oracle.command(plan.arch.name) or ())),
        others="".join(_other_oracle(arch, work) for arch in arches().values()),
    )
    text += _target(work)
    text += "".join(f"{_written(name, work)}\n" for name in work.written)
    exports = {key: value for each in plan.accommodations for key, value in each.env.items()}
    for key, value in (*work.tools.items(), *exports.items()):
        text += f"export {key}={shlex.quote(_outside(value, work))}\n"
    for step, commands in groupby(work.commands, key=lambda command: command.step):
        text += f"\n# {step}\n"
        for each in commands:
            text += _line(each, work, "" if step is not Step.TEST else ' || echo "exit status $?"')
    return text


def _other_oracle(arch: Arch, work: Workspace) -> str:
    """A shell line for the oracle of an arch that a command was compiled for and that is not the target."""
    path = f"{work.oracle_cc}-{arch.name}"
    if not any(path in command.argv for command in work.commands):
        return ""
    return f'printf \'#!/bin/sh\\nexec %s "$@"\\n\' {arch.oracle[0]} > "$W/bin/{Path(path).name}"\n'


def _target(work: Workspace) -> str:
    """Shell lines for another arch's programs, which the sandbox runs without anything being installed for it."""
    arch = work.arch
    if not work.cross:
        return ""
    how = f"by {arch.emulator}, registered with binfmt_misc (qemu-user-binfmt)" if work.emulated else "by the kernel"
    root = str(work.sysroot.root) if work.sysroot else arch.sysroot
    libraries = f"{root}/usr/lib/{arch.multiarch}" if work.sysroot else f"{root}/lib"
    return (
        f"# {arch.name} programs are started {how}, and find their loader at {arch.loader} or below QEMU_LD_PREFIX.\n"
        f"export QEMU_LD_PREFIX={root} LD_LIBRARY_PATH={libraries}\n"
    )


def files_of(role: str) -> str:
    """Name of the folder beside the script with the files that the plugin wrote itself."""
    return f"{role}-files"


def _written(name: str, work: Workspace) -> str:
    """A shell line that writes such a file, the sandbox's paths replaced by the script's own."""
    kept = shlex.quote(f"{files_of(work.label)}/{name}")
    paths = f"s|{work.tree}/bin|$W/bin|g;s|{work.sandbox.inside}/|$W/|g"
    return f'sed "{paths}" "$(dirname "$0")"/{kept} > "$W"/build/{shlex.quote(name)}'


def _download(source: Source) -> str:
    """Shell lines that try each place until the archive is there."""
    lines = []
    if source.pool:
        lines.append(
            "[ -f \"$archive\" ] || for site in $(apt-get indextargets --format '$(SITE)' 2>/dev/null | sort -u); do\n"
            f'  curl -fL -o "$archive" "$site/{source.pool}" && break\n'
            "done"
        )
    for url in source.urls:
        lines.append(f'[ -f "$archive" ] || curl -fL -o "$archive" {shlex.quote(url)} || true')
    return "\n".join(lines)


def _line(command: Command, work: Workspace, end: str) -> str:
    """One command, the sandbox's paths replaced by the script's own."""
    env = " ".join(f"{key}={_quoted(value, work)}" for key, value in command.env.items())
    argv = " ".join(_quoted(word, work) for word in command.argv)
    return f"(cd {_quoted(command.cwd, work)} && {env + ' ' if env else ''}{argv}){end}\n"


def _quoted(word: str, work: Workspace) -> str:
    marked = _outside(word, work).replace(f"{work.tree}/bin", "\0/bin").replace(work.sandbox.inside, "\0")
    return '"$W"'.join(shlex.quote(part) if part else "" for part in marked.split("\0")) or "''"


def _outside(text: str, work: Workspace) -> str:
    """With the path of the target's libraries as it is without the sandbox."""
    return text.replace(work.libraries, str(work.sysroot.root)) if work.sysroot else text
