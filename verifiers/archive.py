"""Unpack an upstream tarball so that nothing in it can leave the folder it is unpacked into.

Written here rather than left to ``tarfile`` or the system's tar: one pass in bounded memory, every header judged before
anything of it is written, and about as fast as tar, for the decompressor is a process of its own. tarfile's ``data``
filter is the model; where it corrects a bad member, we refuse the archive, except that modes are always 0644 or 0755.

The format: POSIX.1-2017 pax(1) for ustar and the extended headers, the GNU tar manual for types L and K.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from verifiers.errors import InfrastructureError, Unwritable
from verifiers.results import Reason

_BLOCK: Final = 512
_CHUNK: Final = 1 << 18
_LARGEST_HEADER: Final = 1 << 20  # of a long name or a pax header, in bytes
_MOST_MEMBERS: Final = 2_000_000
_WORK: Final = ".unpacking"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

# The first bytes of a file -> who reads it. Memory is bounded where the format lets a file ask for much of it.
_DECOMPRESSORS: Final[dict[bytes, tuple[str, ...]]] = {
    b"\xfd7zXZ\x00": ("xz", "-dcq", "--memlimit-decompress=1GiB"),
    b"\x1f\x8b": ("gzip", "-dcq"),
    b"BZh": ("bzip2", "-dcq"),
    b"\x28\xb5\x2f\xfd": ("zstd", "-dcq"),
}


class ArchiveError(InfrastructureError):
    """An archive is damaged, or holds what no source archive should. Nothing of it was left behind."""

    reason = Reason.ARCHIVE
    msg = "{archive}: {detail}; not unpacked. If upstream really ships this, report it as a fault of the recipe"


class _Refused(Exception):
    """Why an archive is not unpacked."""


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
        with _decompressed(archive) as stream:
            _Unpacking(work, most).run(stream)
        tops = sorted(work.iterdir())
        if not tops:
            raise _Refused("it is empty")
        for top in tops:
            if os.path.lexists(into / top.name):
                raise _Refused(f"{into / top.name} is already there")
        for top in tops:
            top.rename(into / top.name)
        work.rmdir()
    except _Refused as error:
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
class _Header:
    """One member: a header block with the long names and pax records before it put in."""

    name: str
    kind: bytes
    mode: int
    size: int
    mtime: float
    link: str


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
        for count, header in enumerate(_headers(stream, self.limit)):
            if count >= _MOST_MEMBERS:
                raise _Refused(f"it has more than {_MOST_MEMBERS:,} members")
            self._member(header, stream)
        # Last, so that nothing was ever written through one; and judged by where they really lead, one through another.
        for name, target in self.links.items():
            self._place(name)
            with _naming(name):
                os.symlink(target, self._path(name))
        top = os.path.realpath(self.root)
        for name, target in self.links.items():
            if not (os.path.realpath(self._path(name)) + "/").startswith(top + "/"):
                raise _Refused(f"{name!r} is a link that leaves the archive ({target!r})")

    def _member(self, header: _Header, stream: IO[bytes]) -> None:
        name = _clean(header.name)
        if header.kind == tarfile.DIRTYPE:
            self._folder(name)
            _skip(stream, header.size)
            return
        if not name:
            raise _Refused(f"a member has the name {header.name!r}")
        self._place(name)
        if header.kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            self._file(name, header, stream)
        elif header.kind == tarfile.SYMTYPE:
            _judge_link(name, header.link)
            self.links[name] = header.link
        elif header.kind == tarfile.LNKTYPE:
            self._hard_link(name, header.link)
        else:
            raise _Refused(f"{name!r} is {_KINDS.get(header.kind, f'of the unknown type {header.kind!r}')}")

    def _place(self, name: str) -> None:
        """Make the parent folder, and room: a later member of the same name takes the place of an earlier one."""
        self._folder(name.rpartition("/")[0])
        if name in self.files:
            os.unlink(self._path(name))
            self.files.discard(name)
        elif name in self.folders:
            raise _Refused(f"{name!r} is a folder and something else")

    def _folder(self, name: str) -> None:
        if name in self.folders:
            return
        if name in self.files or name in self.links:
            raise _Refused(f"{name!r} is a folder and something else")
        self._folder(name.rpartition("/")[0])
        with _naming(name):
            os.mkdir(self._path(name), 0o755)
        self.folders.add(name)

    def _file(self, name: str, header: _Header, stream: IO[bytes]) -> None:
        self.links.pop(name, None)
        self.written += header.size
        if self.written > self.limit:
            raise _Refused(f"it unpacks to more than {self.limit:,} bytes")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _naming(name):
            file = os.open(self._path(name), flags, 0o600)
        self.files.add(name)
        try:
            for chunk in _body(stream, header.size):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(file, view) :]
            os.fchmod(file, 0o755 if header.mode & 0o111 else 0o644)
            with suppress(OverflowError):
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
            raise _Refused(f"{name!r} is a hard link to {link!r}, which is no file in the archive")

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


_KINDS: Final = {
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def _clean(name: str) -> str:
    """The name in its shortest form, "" for the top. Raises _Refused for one that a source tree has no use for."""
    if name.startswith("/"):
        raise _Refused(f"{name!r} is an absolute name")
    if _CONTROL.search(name):
        raise _Refused(f"{name!r} has control characters in its name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _Refused(f"{name!r} goes up out of its folder")
    return "/".join(parts)


def _judge_link(name: str, target: str) -> None:
    """Refuse a link that leaves by its text alone; where it leads through others is seen when all are there."""
    if not target or _CONTROL.search(target):
        raise _Refused(f"{name!r} is a link to {target!r}")
    if target.startswith("/"):
        raise _Refused(f"{name!r} is an absolute link ({target!r})")
    if (os.path.normpath(os.path.join(os.path.dirname(name), target)) + "/").startswith("../"):
        raise _Refused(f"{name!r} is a link that leaves the archive ({target!r})")


def _headers(stream: IO[bytes], limit: int) -> Iterator[_Header]:
    """The members' headers. The caller reads each one's body before it asks for the next."""
    records: dict[str, str] = {}
    total = 0
    while True:
        block = stream.read(_BLOCK)
        if not any(block):
            if len(block) < _BLOCK:
                raise _Refused("it ends too early" if total or records else "it is not a tar archive")
            return
        total += 1
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise _Refused(f"member {total} is damaged ({error})" if total > 1 else "it is not a tar archive") from None
        if info.size < 0 or info.size > limit:
            raise _Refused(f"it unpacks to more than {limit:,} bytes")
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            text = _small(stream, info.size).rstrip(b"\0").decode("utf-8", "surrogateescape")
            records["path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"] = text
            continue
        if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            records |= _pax(_small(stream, info.size))
            continue
        if info.type == tarfile.XGLTYPE:  # git archive's comment; it speaks of no file by itself
            _small(stream, info.size)
            continue
        if any(key.startswith("GNU.sparse.") for key in records):
            raise _Refused(f"{info.name!r} is a sparse file")
        yield _header(info, records, limit)
        records = {}


def _header(info: tarfile.TarInfo, records: dict[str, str], limit: int) -> _Header:
    try:
        size = int(records.get("size", info.size))
        mtime = float(records.get("mtime", info.mtime))
    except ValueError:
        raise _Refused(f"{info.name!r} has a damaged pax header") from None
    if size < 0 or size > limit:
        raise _Refused(f"it unpacks to more than {limit:,} bytes")
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        size = 0  # pax: a link has no body, whatever its header says
    return _Header(
        records.get("path", info.name), info.type, info.mode, size, mtime, records.get("linkpath", info.linkname)
    )


def _pax(text: bytes) -> dict[str, str]:
    """pax's extended header records: "length keyword=value\\n" each, the length being that of the whole record."""
    records = {}
    while text.strip(b"\0"):
        digits, space, _ = text.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 9 else 0
        keyword, equals, value = text[len(digits) + 1 : length].partition(b"=")
        if not space or not equals or not value.endswith(b"\n") or length > len(text):
            raise _Refused("it has a damaged pax header")
        records[keyword.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        text = text[length:]
    return records


def _small(stream: IO[bytes], size: int) -> bytes:
    if size > _LARGEST_HEADER:
        raise _Refused(f"it has a header of {size:,} bytes")
    return b"".join(_body(stream, size))


def _body(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """A member's bytes, and past its padding."""
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise _Refused("it ends too early")
        left -= len(chunk)
        yield chunk
    padding = -size % _BLOCK
    if padding and len(stream.read(padding)) < padding:
        raise _Refused("it ends too early")


def _skip(stream: IO[bytes], size: int) -> None:
    for _ in _body(stream, size):
        pass


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Tell a name that no file system takes from a fault of our own disk."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise _Refused(f"{name!r} is there twice") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            raise _Refused(f"{name[:80]!r}… cannot be a file's name here") from None
        raise


@contextmanager
def _decompressed(archive: Path) -> Iterator[IO[bytes]]:
    """The tar inside, from a process where the file is compressed."""
    with open(archive, "rb", buffering=0) as file:  # unbuffered: the process reads on from where we are
        magic = file.read(6)
        file.seek(0)
        command = next((words for start, words in _DECOMPRESSORS.items() if magic.startswith(start)), None)
        if command is None:
            with open(archive, "rb", buffering=_CHUNK) as plain:
                yield plain
            return
        if not shutil.which(command[0]):
            raise _Refused(f"{command[0]} is needed to unpack it; install the Debian package {_PACKAGES[command[0]]}")
        with subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=_CHUNK
        ) as process:
            assert process.stdout and process.stderr
            try:
                yield process.stdout
                while process.stdout.read(_CHUNK):
                    pass  # the padding at the end: its checksum stands behind it
                said = process.stderr.read().decode("utf-8", "replace").strip()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise _Refused(f"it is damaged ({said.splitlines()[0] if said else f'{command[0]} failed'})")


_PACKAGES: Final = {"xz": "xz-utils", "gzip": "gzip", "bzip2": "bzip2", "zstd": "zstd"}


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
