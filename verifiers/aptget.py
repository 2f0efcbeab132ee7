"""An apt of our own: resolves and downloads another architecture's Debian packages, beside the machine's apt.

It takes from the machine's apt what reaches the archive (base URLs, keyrings, proxies, timeouts) and nothing else: no
hooks, no preferences, no foreign sources. Its lists, archives and status are in a folder of ours, so it needs no root.
Only the plain suite is used, without its pockets: it changes four times a year, and a mirror serves it whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from verifiers.aptsources import Entry
from verifiers.errors import InfrastructureError, Unwritable
from verifiers.results import Reason

# Programs that development packages depend on for the machine that builds. For another architecture they are of no use
# and half of all bytes, so they count as installed, in just the version that the suite has.
_TOOLS: Final = ("debconf", "dpkg", "dpkg-dev", "perl", "pkg-config", "pkgconf", "python3", "tar")
_STATUS_FIELDS: Final = ("Package:", "Version:", "Multi-Arch:", "Provides:")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_LINE: Final = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$")
_RESOLVE_SECONDS: Final = 600
_DOWNLOAD_SECONDS: Final = 7200
_WRONG_BYTES: Final = re.compile(r"hash sum mismatch|unexpected size|signature|NO_PUBKEY|not signed", re.I)
_DISK_FULL: Final = re.compile(r"no space left|enough free space|quota exceeded", re.I)
_NOISE: Final = re.compile(
    r"unmet dependencies|index files failed|held broken|maybe run apt-get|fix-missing|unsandboxed", re.I
)


class NoPackages(InfrastructureError):
    """The packages could not be had."""

    reason = Reason.DOWNLOAD
    msg = "no {arch} packages from Debian's {suite}: {detail}"


class NotCached(NoPackages):
    """They are not in the cache, and the network is not to be used."""

    msg = "{detail} for {arch} (Debian's {suite}): not in the cache and --offline is given; run once without it"


class NotAuthentic(NoPackages):
    """The archive gave something, but not what its signed list says."""

    reason = Reason.CHECKSUM


@dataclass(frozen=True)
class Deb:
    """One package of a closure, as the archive's signed list has it."""

    name: str
    version: str
    filename: str
    size: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Whether that file is this package, byte for byte."""
        try:
            with path.open("rb") as file:
                return (
                    os.fstat(file.fileno()).st_size == self.size
                    and hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
                )
        except FileNotFoundError:
            return False


@dataclass
class PrivateApt:
    """apt for one architecture and suite, below ``folder``; the caller holds a lock on that folder."""

    folder: Path
    debian: str
    suite: str
    sources: Sequence[Entry]
    offline: bool = False
    _complaint: str = field(default="", init=False)  # what the last update said that may matter later

    def prepare(self) -> None:
        """Write its configuration and, unless offline, read the archive's lists. Old lists are better than none."""
        if not self.sources:
            raise self._error("apt is not configured with a Debian archive here (no usable entry in sources.list)")
        for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
            if not shutil.which(tool):
                raise self._error(f"{tool} is not installed; a target's libraries come from Debian packages")
        for name in ("lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._write("suite.sources", "\n".join(entry.stanza(self.suite) for entry in self.sources))
        self._write("status", "")
        self._write("apt.conf", _configuration(self.folder, self.debian))
        if not self.offline:
            done = self._run("apt-get", "update", seconds=_RESOLVE_SECONDS)
            self._complaint = _telling(done.stderr)

    def carried(self) -> bool:
        """Whether the suite has this architecture at all. Raises NoPackages where nothing is known of it."""
        releases = sorted((self.folder / "lists").glob("*Release"))
        if not releases:
            if self.offline:
                raise self._error("the archive's lists are", NotCached)
            raise self._failed("the archive's lists could not be read")
        texts = [path.read_text("utf-8", "replace") for path in releases]
        listed = [found[1].split() for text in texts if (found := re.search(r"^Architectures:(.*)$", text, re.M))]
        return not listed or any(self.debian in names for names in listed)

    def closure(self, packages: Sequence[str]) -> list[Deb]:
        """The packages and all they depend on, resolved by apt. Raises NoPackages."""
        for name in packages:
            if not _NAME.fullmatch(name):
                raise self._error(f"{name!r} is no package name")
        self._write("status", self._installed([tool for tool in _TOOLS if tool not in packages]))
        words = ["install", "--print-uris", "-q", "-o", "Acquire::ForceHash=sha256"]
        # In an empty archive folder, for apt leaves out what it already has.
        done = self._run(*self._install(*words, "-o", f"Dir::Cache::archives={self.folder}/none/", *packages))
        if done.returncode:
            raise self._failed(done.stderr, done.stdout)
        debs = [_deb(line) for line in done.stdout.splitlines() if line.startswith("'")]
        # apt takes an unknown name with a dot in it for a regular expression, and a virtual one for its provider.
        if missing := sorted(set(packages) - {deb.name for deb in debs}):
            raise self._error(f"there is no package {missing[0]}")
        return debs

    def download(self, debs: Sequence[Deb], packages: Sequence[str], say: Callable[[str], None]) -> list[Path]:
        """The closure's files, each checked against the signed list. Raises NoPackages."""
        archives = self.folder / "archives"
        paths = {deb: archives / deb.filename for deb in debs}
        absent = [deb for deb, path in paths.items() if not deb.is_at(path)]
        if absent and self.offline:
            raise self._error(", ".join(deb.filename for deb in absent[:3]) + (" …" if absent[3:] else ""), NotCached)
        if absent:
            for deb in absent:  # apt itself looks only at the size
                paths[deb].unlink(missing_ok=True)
            size = sum(deb.size for deb in absent) / 1e6
            say(f"fetching {len(absent)} Debian packages for {self.debian} from {self.suite} ({size:.1f} MB)")
            words = self._install("install", "--download-only", "-qq", *packages)
            done = self._run(*words, seconds=_DOWNLOAD_SECONDS)
            if done.returncode:
                raise self._failed(done.stderr, done.stdout)
            if wrong := [deb.filename for deb in absent if not deb.is_at(paths[deb])]:
                raise self._error(f"{wrong[0]} is not what the archive's list says", NotAuthentic)
        return list(paths.values())

    def _installed(self, tools: Sequence[str]) -> str:
        """A dpkg status that has these programs."""
        done = self._run("apt-cache", "show", "--no-all-versions", *tools)
        lines = []
        for line in done.stdout.splitlines():
            if line.startswith(_STATUS_FIELDS) or not line:
                lines.append(line)
            if line.startswith("Architecture:"):
                lines += [line, "Status: install ok installed"]
        return "\n".join(lines).strip() + "\n" if any(lines) else ""

    @staticmethod
    def _install(verb: str, *words: str) -> list[str]:
        return ["apt-get", verb, "-y", "--no-install-recommends", "--no-remove", *words]

    def _run(self, *argv: str, seconds: float = _RESOLVE_SECONDS) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive",
        }  # fmt: skip
        # A killed run must not leave an apt behind that holds the lists: it would keep the next run out.
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        try:
            return subprocess.run(
                [*bound, *argv],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                env=environment, cwd="/", timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise self._error(f"{argv[0]} took more than {seconds:.0f} seconds") from None

    def _write(self, name: str, text: str) -> None:
        """For us and apt only: the configuration may hold a proxy's password."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    def _failed(self, *texts: str) -> InfrastructureError:
        said = (self._complaint, *(_telling(text) for text in texts))
        detail = "; ".join(dict.fromkeys(text for text in said if text)) or "apt-get failed without a word"
        if _DISK_FULL.search(detail):
            return Unwritable(path=self.folder, detail=detail)
        return self._error(detail, NotAuthentic if _WRONG_BYTES.search(detail) else NoPackages)

    def _error(self, detail: str, kind: type[NoPackages] = NoPackages) -> NoPackages:
        return kind(arch=self.debian, suite=self.suite, detail=detail)


def _configuration(folder: Path, debian: str) -> str:
    """An apt.conf (apt.conf(5)): read before the machine's own, which it shuts out, but for how it fetches."""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    kept = re.compile(r"(?!Acquire::(?:IndexTargets|Languages|ForceHash|GzipIndexes))(?:Acquire|APT::Sandbox)::")
    settings = {
        "APT::Architecture": debian,
        "APT::Architectures::": debian,
        "Acquire::Retries": "3",
        **{f"Dir::Etc::{name}": "/dev/null" for name in ("main", "parts", "preferences", "preferencesparts")},
        "Dir::Etc::sourcelist": f"{folder}/suite.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": str(folder),
        "Dir::State::lists": f"{folder}/lists/",
        "Dir::State::status": f"{folder}/status",
        "Dir::Cache": str(folder),
        "Dir::Cache::archives": f"{folder}/archives/",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Log": str(folder),
        "Acquire::Languages": "none",
    }
    ours = "".join(f'{name} "{value}";\n' for name, value in settings.items())
    return ours + "".join(f"{line}\n" for line in done.stdout.splitlines() if kept.match(line))


def _deb(line: str) -> Deb:
    found = _LINE.match(line.strip())
    if not found:
        raise ValueError(f"apt-get --print-uris said {line!r}")
    name, version, _ = found["file"].removesuffix(".deb").split("_")
    return Deb(name, unquote(version), found["file"], int(found["size"]), found["sha256"])


def _telling(text: str) -> str:
    """What is worth a line of what apt said: its errors, or else its warnings and what depends on what."""
    lines = [line.strip() for line in text.splitlines() if not _NOISE.search(line)]
    for pattern in (_DISK_FULL, _WRONG_BYTES, re.compile(r"E: "), re.compile(r"W: |.*Depends: ")):
        said = [re.sub(r"^[EW]: ", "", line) for line in lines if pattern.search(line)]
        if said:
            return "; ".join(dict.fromkeys(said[:2]))
    return ""
