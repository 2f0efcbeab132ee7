"""The machine's apt sources, for asking the same archive for another architecture or suite.

``apt.py`` knows where the archive is; this knows the whole entry, with its keyring and what else apt was told of it.
"""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from verifiers import apt

_ONE_LINE: Final = re.compile(r"deb\s+(?:\[([^]]*)]\s+)?(\S+)\s+(\S+)\s+(\S.*)")
_ARRANGED: Final = ("types", "uris", "suites", "components", "architectures", "enabled", "languages", "targets")
_OFF: Final = ("no", "false", "off", "without", "disable", "0")


@dataclass(frozen=True)
class Entry:
    """A source of the machine's apt: where, which components, and apt's other fields (Signed-By, Trusted …)."""

    uri: str
    components: str
    architectures: frozenset[str] = frozenset()
    fields: tuple[tuple[str, str], ...] = ()

    def stanza(self, suite: str) -> str:
        """The same source for another suite, as sources.list(5) has it."""
        uri = re.sub("^file:", "copy:", self.uri)  # apt does not put into its cache what is a file already
        known = f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {self.components}\n"
        return known + "".join(f"{name}: {value}\n" for name, value in self.fields)


def entries(debian: str, files: Sequence[Path] | None = None) -> tuple[Entry, ...]:
    """The machine's sources for a Debian architecture: those made for it, else those of the machine's own."""
    files = source_files() if files is None else files
    bases = apt.read(files, codename()).bases
    found = [entry for path in files for entry in _read(path) if entry.uri in bases]
    made_for_it = [entry for entry in found if debian in entry.architectures]
    return tuple(dict.fromkeys(made_for_it or found))


def codename() -> str:
    """The code name of this machine's own release, such as bookworm; "" where it has none."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def source_files() -> list[Path]:
    """The files that the machine's apt reads its sources from; none without apt."""
    names = ("Dir::Etc::sourcelist/f", "Dir::Etc::sourceparts/d")
    try:
        done = subprocess.run(
            ["apt-config", "shell", "LIST", names[0], "PARTS", names[1]], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    known = dict(word.split("=", 1) for word in shlex.split(done.stdout))
    folder = Path(known.get("PARTS", "/etc/apt/sources.list.d"))
    parts = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Path(known["LIST"])] * ("LIST" in known) + [path for path in parts if path.suffix in (".list", ".sources")]


def _read(path: Path) -> Iterator[Entry]:
    """The entries for a suite's main archive, of either form (sources.list(5))."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for fields in _deb822(text) if path.suffix == ".sources" else _one_line(text):
        plain = [suite for suite in fields.get("suites", "").split() if not re.search(r"[-/]", suite)]
        usable = "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").strip() not in _OFF
        if usable and plain:
            others = tuple((name.title(), value) for name, value in fields.items() if name not in _ARRANGED)
            architectures = frozenset(re.split(r"[\s,]+", fields.get("architectures", "").strip())) - {""}
            for uri in fields.get("uris", "").split():
                yield Entry(uri.rstrip("/"), fields.get("components", "").strip(), architectures, others)


def _one_line(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        if found := _ONE_LINE.match(line.partition("#")[0].strip()):
            options, uri, suite, components = found.groups()
            fields = {"types": "deb", "uris": uri, "suites": suite, "components": components}
            for name, _, value in (word.partition("=") for word in (options or "").split()):
                fields["architectures" if name == "arch" else name.lower()] = value.replace(",", " ")
            yield fields


def _deb822(text: str) -> Iterator[dict[str, str]]:
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace() and name:
                fields[name] += f"\n{line}"  # a Signed-By may hold a whole key
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        yield fields
