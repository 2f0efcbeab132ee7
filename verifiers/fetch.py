"""The shared cache of upstream archives: pinned by sha256, fetched from whoever answers, never used unchecked.

Layout: ``<sources>/<sha256>/<filename>`` beside ``.checked`` (what the file was like when its hash was last computed),
``.lock`` and, while a download is unfinished, ``<filename>.part``; ``<sources>/.answered`` remembers which places did.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from verifiers import apt, pip
from verifiers.download import PlaceFailed, Progress, Transfer, shown
from verifiers.errors import InfrastructureError, Unwritable
from verifiers.files import atomic_write, no_room
from verifiers.results import Reason, Source

_MEMORY: Final = ".answered"
_MARGIN: Final = 1 << 16  # bytes to leave free on the disk


class DownloadFailed(InfrastructureError):
    """No place gave the file."""

    reason = Reason.DOWNLOAD
    msg = "could not fetch {filename}: {tried}; name a mirror in verify.toml, or put the file at {path}"


class Offline(DownloadFailed):
    """The file is not in the cache, and the network is not to be used."""

    msg = "{filename} is not in the cache and --offline is given; run once without it, or put the file at {path}"


class WrongChecksum(InfrastructureError):
    """A place gave a file, but another one than the recipe pins. It was deleted."""

    reason = Reason.CHECKSUM
    msg = (
        "{filename} is not the file with sha256 {sha256}: {tried}; it was deleted. Correct the recipe's pin if "
        "upstream replaced the file, else name another mirror in verify.toml"
    )


class Fetcher:
    """Gets pinned archives; any number of them may share one cache folder, in one process or in many."""

    def __init__(
        self,
        sources: Path,
        *,
        offline: bool = False,
        mirrors: Sequence[str] = (),
        progress: Progress | None = None,
        say: Callable[[str], None] | None = None,
        archive: Callable[[], apt.Archive] = apt.archive,
        transfer: Transfer | None = None,
    ) -> None:
        """``mirrors`` are base URLs of Debian archives, tried before ``archive``'s; ``say`` gets a line a place."""
        self.sources = sources
        self.offline = offline
        self.mirrors = tuple(mirror.rstrip("/") for mirror in mirrors)
        self.progress = progress
        self.say = say or (lambda line: None)
        self.archive = archive
        self.transfer = transfer or Transfer()
        self._memory = _Memory(sources / _MEMORY)

    def get(self, source: Source) -> Path:
        """The archive's path in the cache, checked; downloaded first where it is not there.

        Raises DownloadFailed, WrongChecksum or Unwritable. An unfinished download is gone on with the next time.
        """
        if source.filename in ("", ".", "..") or "/" in source.filename or source.filename.startswith("."):
            raise DownloadFailed(filename=repr(source.filename), tried="this is not a file name", path=self.sources)
        folder = self.sources / source.sha256
        path = folder / source.filename
        with _our_disk(folder):
            if self._trusted(path, source):
                return path
            if self.offline and not path.exists():
                raise Offline(filename=source.filename, path=path)
            folder.mkdir(parents=True, exist_ok=True)
            with self._lock(folder / ".lock", path, source.size):
                if self._trusted(path, source):  # another run has just fetched it
                    return path
                if path.exists():
                    self.say(f"{path} is not what its name says: deleted")
                    path.unlink()
                if self.offline:
                    raise Offline(filename=source.filename, path=path)
                self._download(source, path)
        return path

    def places(self, source: Source) -> tuple[str, ...]:
        """The URLs to try, in order: who answered the last time, whom we do not know, who was out of reach."""
        urls = []
        if source.pool:
            urls += [f"{mirror}/{apt.pool_path(source.pool)}" for mirror in self.mirrors]
            urls += self._archive.places(source.pool)
        urls += source.urls
        return tuple(sorted(dict.fromkeys(urls), key=lambda url: self._memory.rank(_base(url))))

    def _download(self, source: Source, path: Path) -> None:
        part = path.with_name(source.filename + ".part")
        tried, wrong = [], False
        for url in self.places(source):
            self.say(f"fetching {source.filename} from {_base(shown(url))}")
            try:
                self._one_place(url, source, part)
            except PlaceFailed as error:
                tried.append(f"{shown(url)}: {error}")
                wrong |= isinstance(error, _WrongBytes)
                if error.unreachable:
                    self._memory.note(_base(url), answered=False)
                continue
            self._memory.note(_base(url), answered=True)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
            atomic_write(_record(path), json.dumps(_describe(path, source.sha256)).encode())
            return
        listed = "; ".join(tried) or "no place is known for it: apt names no archive, and the recipe no URL"
        if wrong:
            raise WrongChecksum(filename=source.filename, sha256=source.sha256, tried=listed)
        raise DownloadFailed(filename=source.filename, tried=listed, path=path)

    def _one_place(self, url: str, source: Source, part: Path) -> None:
        """Leave the right bytes in ``part``, or raise PlaceFailed."""
        transfer = self._transfer_for(url)
        if url.startswith(pip.SCHEME):
            part.unlink(missing_ok=True)
        while True:
            resumed = part.exists() and part.stat().st_size > 0
            try:
                _need_room(part, source.size)
                if url.startswith(pip.SCHEME):
                    pip.download(url.removeprefix(pip.SCHEME), part)
                else:
                    transfer.run(url, part, source.size)
            except OSError as error:
                if no_room(error):
                    part.unlink(missing_ok=True)  # a full disk harms everybody: leave it as it was
                raise
            digest = _sha256(part)
            if digest == source.sha256:
                return
            part.unlink()
            if not resumed:
                raise _WrongBytes(f"its sha256 is {digest}")
            # Perhaps the beginning was from another place, or torn by a crash: this one gets a fair try.

    def _transfer_for(self, url: str) -> Transfer:
        transfer = replace(self.transfer, progress=self.progress or self.transfer.progress)
        if self._archive.proxies and url.startswith(self._archive.bases + self._archive.security):
            transfer = replace(transfer, proxies=self._archive.proxies)
        return transfer

    @functools.cached_property
    def _archive(self) -> apt.Archive:
        return self.archive()

    def _trusted(self, path: Path, source: Source) -> bool:
        """Whether the cached file is the pinned one: by its record if untouched since, else by its hash."""
        try:
            now = _describe(path, source.sha256)
        except FileNotFoundError:
            return False
        with contextlib.suppress(OSError, ValueError):
            if json.loads(_record(path).read_text(encoding="utf-8")) == now:
                return True
        if _sha256(path) != source.sha256:
            return False
        with contextlib.suppress(OSError):  # a read-only cache is as good, only slower
            atomic_write(_record(path), json.dumps(now).encode())
        return True

    @contextlib.contextmanager
    def _lock(self, lock: Path, path: Path, size: int) -> Iterator[None]:
        """Hold the archive's lock; while another run downloads it, show that one's progress."""
        with lock.open("a") as file:
            waited = False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not waited:
                        self.say(f"waiting for another run that fetches {path.name}")
                    waited = True
                    with contextlib.suppress(OSError):
                        if self.progress:
                            self.progress(path.with_name(path.name + ".part").stat().st_size, size)
                    time.sleep(0.1)
            yield


def places_that_answer(sources: Path) -> tuple[int, int]:
    """How many of the places that were tried answered the last time, and how many there are."""
    known = _Memory(sources / _MEMORY).read()
    return sum(known.values()), len(known)


class _WrongBytes(PlaceFailed):
    """The whole file came, and is another one."""


class _Memory:
    """Which places answered and which were out of reach, across runs. It only orders places: losing it does no harm."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, bool]:
        """Base URL -> whether it answered the last time."""
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(known, dict):
                return {str(base): bool(answered) for base, answered in known.items()}
        return {}

    def rank(self, base: str) -> int:
        """0 for who answered, 1 for who is unknown, 2 for who was out of reach."""
        return {True: 0, None: 1, False: 2}[self.read().get(base)]

    def note(self, base: str, *, answered: bool) -> None:
        known = self.read()
        if known.get(base) != answered:
            with contextlib.suppress(OSError):
                atomic_write(self.path, json.dumps(known | {base: answered}, indent=1).encode())


def _base(url: str) -> str:
    """Whom a URL belongs to, without a login."""
    return "/".join(shown(url).split("/")[:3])


def _record(path: Path) -> Path:
    return path.with_name(".checked")


def _describe(path: Path, sha256: str) -> dict[str, object]:
    stat = path.stat()
    names = ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
    return {"sha256": sha256, "filename": path.name, **{name: getattr(stat, name) for name in names}}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _need_room(part: Path, size: int) -> None:
    there = part.stat().st_size if part.exists() else 0
    if size and shutil.disk_usage(part.parent).free < size - there + _MARGIN:
        raise OSError(errno.ENOSPC, f"the disk is full: {size - there:,} bytes are needed")


@contextlib.contextmanager
def _our_disk(path: Path) -> Iterator[None]:
    """Name the folder where our own disk is at fault."""
    try:
        yield
    except OSError as error:
        raise Unwritable(path=path, detail=error.strerror or str(error)) from error
