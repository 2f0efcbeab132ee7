"""Unpack an upstream tarball so that nothing in it can leave the folder it is unpacked into.

Written here rather than left to ``tarfile`` or the system's tar: one pass in bounded memory, every header judged before
anything of it is written, and about as fast as tar, for the decompressor is a process of its own. tarfile's ``data``
filter is the model; where it corrects a bad member, we refuse the archive, except that modes are always 0644 or 0755.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from verifiers.errors import InfrastructureError, Unwritable
from verifiers.results import Reason
from verifiers.tarstream import Header, Refused, body, decompressed, headers, skip

_MOST_MEMBERS: Final = 2_000_000
_WORK: Final = ".unpacking"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class ArchiveError(InfrastructureError):
    """An archive is damaged, or holds what no source archive should. Nothing of it was left behind."""

    reason = Reason.ARCHIVE
    msg = "{archive}: {detail}; not unpacked. If upstream really ships this, report it as a fault of the recipe"


def extract(archive: Path, into: Path, *, limit: int | None = None) -> Path:
    """Unpack ``archive`` and return the one folder at its top, or ``into`` where it has several.

    ``into`` is made where it does not exist. ``limit`` is the most bytes to write; by default 1 GiB or 40 times the
    archive's size, whichever is more. Raises ArchiveError, and Unwritable where our own disk is at fault.
    """
    work = into / _WORK
    try:
        _remove(work)
        work.mkdir(parents=True)
        most = limit if limit is not None else max(1 << 30, 40 * archive.stat().st_size)
        with decompressed(archive) as stream:
            _Unpacking(work, most).run(stream)
        tops = sorted(work.iterdir())
        if not tops:
            raise Refused("it is empty")
        for top in tops:
            if os.path.lexists(into / top.name):
                raise Refused(f"{into / top.name} is already there")
        for top in tops:
            top.rename(into / top.name)
        work.rmdir()
    except Refused as error:
        _remove(work)
        raise ArchiveError(archive=archive, detail=error) from None
    except OSError as error:
        _remove(work)
        raise Unwritable(path=error.filename or into, detail=error.strerror or error) from error
    except BaseException:
        _remove(work)
        raise
    only = into / tops[0].name
    return only if len(tops) == 1 and only.is_dir() and not only.is_symlink() else into


@dataclass
class _Unpacking:
    """One archive on its way into ``root``."""

    root: Path
    limit: int
    written: int = 0
    folders: set[str] = field(default_factory=lambda: {""})
    files: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)

    def run(self, stream: IO[bytes]) -> None:
        for count, header in enumerate(headers(stream, self.limit)):
            if count >= _MOST_MEMBERS:
                raise Refused(f"it has more than {_MOST_MEMBERS:,} members")
            self._member(header, stream)
        # Last, so that nothing was ever written through one; and judged by where they really lead, one through another.
        for name, target in self.links.items():
            self._place(name)
            with _naming(name):
                os.symlink(target, self._path(name))
        top = os.path.realpath(self.root)
        for name, target in self.links.items():
            if not (os.path.realpath(self._path(name)) + "/").startswith(top + "/"):
                raise Refused(f"{name!r} is a link that leaves the archive ({target!r})")

    def _member(self, header: Header, stream: IO[bytes]) -> None:
        name = _clean(header.name)
        if header.kind == tarfile.DIRTYPE:
            self._folder(name)
            skip(stream, header.size)
            return
        if not name:
            raise Refused(f"a member has the name {header.name!r}")
        self._place(name)
        if header.kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            self._file(name, header, stream)
        elif header.kind == tarfile.SYMTYPE:
            _judge_link(name, header.link)
            self.links[name] = header.link
        elif header.kind == tarfile.LNKTYPE:
            self._hard_link(name, header.link)
        else:
            raise Refused(f"{name!r} is {_KINDS.get(header.kind, f'of the unknown type {header.kind!r}')}")

    def _place(self, name: str) -> None:
        """Make the parent folder, and room: a later member of the same name takes the place of an earlier one."""
        self._folder(name.rpartition("/")[0])
        if name in self.files:
            os.unlink(self._path(name))
            self.files.discard(name)
        elif name in self.folders:
            raise Refused(f"{name!r} is a folder and something else")

    def _folder(self, name: str) -> None:
        if name in self.folders:
            return
        if name in self.files or name in self.links:
            raise Refused(f"{name!r} is a folder and something else")
        self._folder(name.rpartition("/")[0])
        with _naming(name):
            os.mkdir(self._path(name), 0o755)
        self.folders.add(name)

    def _file(self, name: str, header: Header, stream: IO[bytes]) -> None:
        self.links.pop(name, None)
        self.written += header.size
        if self.written > self.limit:
            raise Refused(f"it unpacks to more than {self.limit:,} bytes")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _naming(name):
            file = os.open(self._path(name), flags, 0o600)
        self.files.add(name)
        try:
            for chunk in body(stream, header.size):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(file, view) :]
            os.fchmod(file, 0o755 if header.mode & 0o111 else 0o644)
            with suppress(OverflowError, ValueError, OSError):
                os.utime(file, (header.mtime, header.mtime))  # make goes by them
        finally:
            os.close(file)

    def _hard_link(self, name: str, link: str) -> None:
        target = _clean(link)
        if target in self.links:
            self.links[name] = os.path.relpath(
                os.path.join(os.path.dirname(target), self.links[target]), os.path.dirname(name) or "."
            )
            _judge_link(name, self.links[name])
        elif target in self.files:
            self.links.pop(name, None)
            os.link(self._path(target), self._path(name), follow_symlinks=False)
            self.files.add(name)
        else:
            raise Refused(f"{name!r} is a hard link to {link!r}, which is no file in the archive")

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


_KINDS: Final = {
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def _clean(name: str) -> str:
    """The name in its shortest form, "" for the top. Raises Refused for one that a source tree has no use for."""
    if name.startswith("/"):
        raise Refused(f"{name!r} is an absolute name")
    if _CONTROL.search(name):
        raise Refused(f"{name!r} has control characters in its name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(f"{name!r} goes up out of its folder")
    return "/".join(parts)


def _judge_link(name: str, target: str) -> None:
    """Refuse a link that leaves by its text alone; where it leads through others is seen when all are there."""
    if not target or _CONTROL.search(target):
        raise Refused(f"{name!r} is a link to {target!r}")
    if target.startswith("/"):
        raise Refused(f"{name!r} is an absolute link ({target!r})")
    if (os.path.normpath(os.path.join(os.path.dirname(name), target)) + "/").startswith("../"):
        raise Refused(f"{name!r} is a link that leaves the archive ({target!r})")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Tell a name that no file system takes from a fault of our own disk."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise Refused(f"{name!r} is there twice") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            raise Refused(f"{name[:80]!r}… cannot be a file's name here") from None
        raise


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
