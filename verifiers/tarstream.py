"""A tar archive as a stream: decompressed, its headers with long names put in, its bodies in bounded memory.

The format: POSIX.1-2017 pax(1) for ustar and the extended headers, the GNU tar manual for types L and K.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_BLOCK: Final = 512
_CHUNK: Final = 1 << 18
_LARGEST_HEADER: Final = 1 << 20  # of a long name or a pax header, in bytes

# The first bytes of a file -> who reads it. Memory is bounded where the format lets a file ask for much of it.
_DECOMPRESSORS: Final[dict[bytes, tuple[str, ...]]] = {
    b"\xfd7zXZ\x00": ("xz", "-dcq", "--memlimit-decompress=1GiB"),
    b"\x1f\x8b": ("gzip", "-dcq"),
    b"BZh": ("bzip2", "-dcq"),
    b"\x28\xb5\x2f\xfd": ("zstd", "-dcq"),
}


class Refused(Exception):
    """Why an archive is not unpacked."""


@dataclass
class Header:
    """One member: a header block with the long names and pax records before it put in."""

    name: str
    kind: bytes
    mode: int
    size: int
    mtime: float
    link: str


def headers(stream: IO[bytes], limit: int) -> Iterator[Header]:
    """The members' headers. The caller reads each one's body before it asks for the next."""
    records: dict[str, str] = {}
    total = 0
    while True:
        block = stream.read(_BLOCK)
        if not any(block):
            if len(block) < _BLOCK:
                raise Refused("it ends too early" if total or records else "it is not a tar archive")
            return
        total += 1
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise Refused(f"member {total} is damaged ({error})" if total > 1 else "it is not a tar archive") from None
        if info.size < 0 or info.size > limit:
            raise Refused(f"it unpacks to more than {limit:,} bytes")
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
            raise Refused(f"{info.name!r} is a sparse file")
        yield _header(info, records, limit)
        records = {}


def _header(info: tarfile.TarInfo, records: dict[str, str], limit: int) -> Header:
    try:
        size = int(records.get("size", info.size))
        mtime = float(records.get("mtime", info.mtime))
    except ValueError:
        raise Refused(f"{info.name!r} has a damaged pax header") from None
    if size < 0 or size > limit:
        raise Refused(f"it unpacks to more than {limit:,} bytes")
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        size = 0  # pax: a link has no body, whatever its header says
    return Header(
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
            raise Refused("it has a damaged pax header")
        records[keyword.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        text = text[length:]
    return records


def _small(stream: IO[bytes], size: int) -> bytes:
    if size > _LARGEST_HEADER:
        raise Refused(f"it has a header of {size:,} bytes")
    return b"".join(body(stream, size))


def body(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """A member's bytes, and past its padding."""
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise Refused("it ends too early")
        left -= len(chunk)
        yield chunk
    padding = -size % _BLOCK
    if padding and len(stream.read(padding)) < padding:
        raise Refused("it ends too early")


def skip(stream: IO[bytes], size: int) -> None:
    """Read past a member that nobody wants."""
    for _ in body(stream, size):
        pass


@contextmanager
def decompressed(archive: Path) -> Iterator[IO[bytes]]:
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
            raise Refused(f"{command[0]} is needed to unpack it; install the Debian package {_PACKAGES[command[0]]}")
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
            raise Refused(f"it is damaged ({said.splitlines()[0] if said else f'{command[0]} failed'})")


_PACKAGES: Final = {"xz": "xz-utils", "gzip": "gzip", "bzip2": "bzip2", "zstd": "zstd"}
