"""Where this machine gets its Debian packages from: the base URLs of apt's own configuration.

Both forms of sources.list(5) are read: one-line ``.list`` and deb822 ``.sources`` files. Nothing is written, and no URL
is built in: a machine without apt has no archive, and then only ``verify.toml`` and upstream are left.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# A distribution's own suites: a code name or one of these, perhaps with a pocket. Third parties name theirs otherwise
# ("nodistro", "bookworm-pgdg"), and do not have the pool we look for.
_SUITES: Final = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "sid")
_POCKETS: Final = ("", "-updates", "-security", "-proposed-updates", "-backports")
_SCHEMES: Final = ("http://", "https://", "file:")
_OPTIONS: Final = re.compile(r"\[[^]]*]")


@dataclass(frozen=True)
class Archive:
    """The distribution's archive as this machine reaches it."""

    bases: tuple[str, ...] = ()  # main archives, in apt's order, without a slash at the end
    security: tuple[str, ...] = ()  # security archives: their pool is below pool/updates
    proxies: Mapping[str, str] | None = None  # Acquire::*::Proxy, by scheme; None where apt has none

    def places(self, pool: str) -> tuple[str, ...]:
        """The URLs that may hold a file of the pool, given as ``pool/main/s/…`` or ``s/…``; best first."""
        path = pool_path(pool)
        late = path.replace("pool/", "pool/updates/", 1)
        return tuple(f"{base}/{path}" for base in self.bases) + tuple(f"{base}/{late}" for base in self.security)


@dataclass(frozen=True)
class _Entry:
    uri: str
    suite: str
    components: tuple[str, ...]


def pool_path(pool: str) -> str:
    """A pool path below an archive's base URL; ``pool/main/`` is understood where it is left out."""
    path = pool.lstrip("/")
    return path if path.startswith("pool/") else f"pool/main/{path}"


def archive() -> Archive:
    """What apt is configured to use; empty on a machine without apt."""
    settings = _settings()
    if not settings:
        return Archive()
    files = [Path(settings.get("LIST", "/etc/apt/sources.list"))]
    parts = Path(settings.get("PARTS", "/etc/apt/sources.list.d"))
    if parts.is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix in (".list", ".sources"))
    proxies = {key.lower(): settings[key] for key in ("HTTP", "HTTPS") if settings.get(key, "DIRECT") != "DIRECT"}
    found = read(files, _codename())
    return Archive(found.bases, found.security, proxies or None)


def read(files: Iterable[Path], codename: str = "") -> Archive:
    """The archives that some ``.list`` and ``.sources`` files name; ``codename`` is the system's, e.g. bookworm."""
    entries = [entry for path in files for entry in _entries(path)]
    usable = [entry for entry in entries if "main" in entry.components and entry.uri.startswith(_SCHEMES)]
    suites = {name + pocket for name in (*_SUITES, *([codename] if codename else ())) for pocket in _POCKETS}
    own = [entry for entry in usable if re.sub(r"/updates$", "-security", entry.suite) in suites] or usable
    security = [entry.uri for entry in own if _is_security(entry)]
    bases = [entry.uri for entry in own if entry.uri not in security]
    return Archive(tuple(dict.fromkeys(bases)), tuple(dict.fromkeys(security)))


def _is_security(entry: _Entry) -> bool:
    # Some distributions keep the security pocket in the main archive: there the URI does not say so.
    return entry.suite.endswith(("-security", "/updates")) and "security" in entry.uri


def _entries(path: Path) -> Iterator[_Entry]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    yield from _deb822(text) if path.suffix == ".sources" else _one_line(text)


def _one_line(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        words = _OPTIONS.sub(" ", line.partition("#")[0], count=1).split()
        if len(words) >= 3 and words[0] in ("deb", "deb-src"):
            yield _Entry(words[1].rstrip("/"), words[2], tuple(words[3:]))


def _deb822(text: str) -> Iterator[_Entry]:
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, list[str]] = {}
        words: list[str] = []
        for line in stanza.splitlines():
            if line[:1].isspace():
                words += line.split()
                continue
            name, _, value = line.partition(":")
            words = fields[name.strip().lower()] = value.split()
        if fields.get("enabled", ["yes"])[:1] in (["no"], ["false"], ["off"], ["without"], ["disable"], ["0"]):
            continue
        components = tuple(fields.get("components", ()))
        for uri in fields.get("uris", ()):
            for suite in fields.get("suites", ()):
                yield _Entry(uri.rstrip("/"), suite, components)


def _settings() -> dict[str, str]:
    """apt's own answer about its files and proxies: {} where there is no apt."""
    names = ("LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d")
    proxies = ("HTTP", "Acquire::http::Proxy", "HTTPS", "Acquire::https::Proxy")
    try:
        done = subprocess.run(
            ["apt-config", "shell", *names, *proxies], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {name: value for name, value in re.findall(r"^([A-Z]+)='(.*)'$", done.stdout, re.MULTILINE) if value}


def _codename() -> str:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^VERSION_CODENAME="?([\w.-]+)', text, re.MULTILINE)
    return found[1] if found else ""
