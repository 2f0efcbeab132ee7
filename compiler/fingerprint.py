"""Content digests of a compiler's files, remembered by the files' times so that a second look costs little."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compiler.behind import files_behind
from verifiers.errors import Unwritable
from verifiers.files import atomic_write

__all__ = ["Digests", "files_behind", "fingerprint", "settle", "stamp", "write_atomically"]

_GRAIN_NS = 50_000_000  # a file written twice within the clock's grain may keep its times
_MOST_FILES, _MOST_BYTES = 100_000, 4 << 30  # of one folder; a larger one is known by its files' times only
_SKIPPED = frozenset({".git", "__pycache__"})


def stamp(path: str, *, follow: bool = True) -> tuple[int, ...]:
    """What changes when a file or a folder's list does: size, times, inode; empty where there is nothing."""
    try:
        found = os.stat(path, follow_symlinks=follow)
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode


def settle(paths: Iterable[str]) -> None:
    """Waits until the youngest file is older than the clock's grain, so that its times can be trusted."""
    youngest = max((times[2] for path in paths if (times := stamp(path))), default=0)
    age = time.time_ns() - youngest
    if 0 <= age < _GRAIN_NS:
        time.sleep((_GRAIN_NS - age) / 1e9)


def write_atomically(path: Path, text: str) -> None:
    """Replaces a cache file as a whole; a cache that cannot be written is no error."""
    with contextlib.suppress(Unwritable):
        atomic_write(path, text.encode())


def tree(folder: str) -> tuple[list[str], list[str]]:
    """The sub-folders (itself first) and the files of a folder, absolute, in a fixed order; links not followed."""
    folders, files = [folder], []  # type: list[str], list[str]
    for each in folders:
        try:
            with os.scandir(each) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                files.append(entry.path)
            elif entry.name not in _SKIPPED:
                folders.append(entry.path)
    return folders, files


@dataclass
class Digests:
    """sha256 by path, remembered in ``file`` (None: not at all)."""

    file: Path | None = None
    _known: dict[str, list[object]] = field(default_factory=dict)
    _changed: bool = False

    def __post_init__(self) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError, ValueError):
                known = json.loads(self.file.read_text("utf-8"))
                self._known = known if isinstance(known, dict) else {}

    def of(self, path: str) -> str:
        """The digest of a file's content or of a folder's (relative path, content) list; "" where there is nothing."""
        if os.path.isdir(path):
            return self._of_tree(path)
        return self._remembered(path, list(stamp(path)), lambda: _content(os.path.realpath(path)))

    def _of_tree(self, folder: str) -> str:
        files = tree(folder)[1]
        times = [stamp(each, follow=False) for each in files]
        key = hashlib.sha256(repr((files, times)).encode("utf-8", "surrogateescape")).hexdigest()

        def whole() -> str:
            if len(files) > _MOST_FILES or sum(each[0] for each in times if each) > _MOST_BYTES:
                return key
            total = hashlib.sha256()
            for each in files:
                total.update(f"{os.path.relpath(each, folder)}\0{_content(each)}\n".encode("utf-8", "surrogateescape"))
            return total.hexdigest()

        return self._remembered(folder, [key], whole)

    def _remembered(self, path: str, times: Sequence[object], compute: Callable[[], str]) -> str:
        known = self._known.get(path)
        if isinstance(known, list) and known[:-1] == [*times] and isinstance(known[-1], str):
            return known[-1]
        digest = compute()
        self._known[path], self._changed = [*times, digest], True
        return digest

    def save(self) -> None:
        """Writes what was learnt; what another run learnt meanwhile may be lost, which costs time only."""
        if self.file is not None and self._changed:
            write_atomically(self.file, json.dumps(self._known))
            self._changed = False


def fingerprint(files: Iterable[str], digests: Digests, also: Iterable[str] = ()) -> str:
    """sha256 over what the files and folders hold, whatever folder they are in, and over further words (arguments)."""
    total = hashlib.sha256(b"ccverify fingerprint 1\n")
    for line in sorted(f"{os.path.basename(path)}\0{digests.of(path)}" for path in files):
        total.update(line.encode("utf-8", "surrogateescape") + b"\n")
    for word in also:
        total.update(b"\0" + word.encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _content(path: str) -> str:
    """Of a regular file its content, of a link its text and what it leads to, of what cannot be read its times."""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            real = os.path.realpath(path)
            return f"-> {os.readlink(path)} {_content(real) if os.path.isfile(real) else ''}"
        if not stat.S_ISREG(found.st_mode):
            return "special"
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return repr(stamp(path, follow=False))
