"""The pinned source, and the small archive that is made of it: the torture tests alone.

Debian's orig tarball of GCC holds three tarballs; the one of GCC itself (80 MB, half a gigabyte of text) has the tests.
They are taken out of it once for each cache, not once for each run: 3,754 files of 2.2 MB in a plain tar, which has the
same bytes wherever it is made. Its own hash is pinned too, so that it is checked at each use as any source is.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from verifiers.archive import ArchiveError
from verifiers.fetch import Fetcher
from verifiers.files import atomic_write, lock
from verifiers.results import Source
from verifiers.tarstream import Header, Refused, body, decompressed, headers, skip

SOURCES: Final = (
    Source(
        version="12.2.0",
        filename="gcc-12_12.2.0.orig.tar.gz",
        sha256="b8298be16aeeb96a889c6afed0a8e2241b47452e89cc81fe65ea849d5c740fcb",
        size=87090343,
        pool="pool/main/g/gcc-12/gcc-12_12.2.0.orig.tar.gz",
    ),
)
"""Upstream's own gcc-12.2.0.tar.xz is another archive, with the manuals that Debian takes out, so it is not named."""

INNER: Final = (
    "gcc-12-12.2.0/gcc-12.2.0-dfsg.tar.xz",
    "50c63ff82919323c25fbbb4a9eae259edc974118a0fb30c905190cb782ec11c2",
)
"""The tarball of GCC itself within it, and its sha256."""

TESTS: Final = Source(
    version="12.2.0",
    filename="gcc-12.2.0-torture.tar",
    sha256="0d271fef2a95ec521dab2e698c21dfa3d231d7de3061e3768f690b612133641f",
    size=5221888,
)
"""What is made of it."""

_FROM: Final = "gcc-12.2.0/gcc/"
_FOLDER: Final = "testsuite/gcc.c-torture/"
_INCLUDED: Final = frozenset(("testsuite/gcc.dg/20030309-1.c",))  # by compile/pr88423.c
_LIMIT: Final = 4 << 30


def tests(fetcher: Fetcher) -> Source:
    """The archive of the tests, put in the cache where it is not there yet; ``fetcher.get`` checks it."""
    path = fetcher.sources / TESTS.sha256 / TESTS.filename
    with lock(path.with_name(".making")):
        if not path.exists():
            atomic_write(path, take_out(fetcher.get(SOURCES[0]), path.parent))
    return TESTS


def take_out(archive: Path, folder: Path) -> bytes:
    """The tests of the outer tarball as a plain tar; ``folder`` is for the inner tarball meanwhile.

    Raises ArchiveError where either is damaged or not what is pinned.
    """
    try:
        with _inner(archive, folder) as inner, decompressed(inner) as stream:
            return b"".join(_packed(stream))
    except Refused as error:
        raise ArchiveError(archive=archive, detail=error) from None


@contextmanager
def _inner(archive: Path, folder: Path) -> Iterator[Path]:
    name, sha256 = INNER
    path = folder / ".inner.part"
    try:
        with decompressed(archive) as stream, path.open("wb") as file:
            for header in headers(stream, _LIMIT):
                if header.name == name:
                    digest = hashlib.sha256()
                    for chunk in body(stream, header.size):
                        digest.update(chunk)
                        file.write(chunk)
                    if digest.hexdigest() != sha256:
                        raise Refused(f"{name} in it has another sha256 than {sha256}")
                else:
                    skip(stream, header.size)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _packed(stream: IO[bytes]) -> Iterator[bytes]:
    for header in headers(stream, _LIMIT):
        if _wanted(header):
            data = b"".join(body(stream, header.size))
            info = tarfile.TarInfo(header.name.removeprefix(_FROM))
            info.size = len(data)
            yield info.tobuf(tarfile.USTAR_FORMAT)
            yield data + bytes(-len(data) % tarfile.BLOCKSIZE)
        else:
            skip(stream, header.size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _wanted(header: Header) -> bool:
    name = header.name.removeprefix(_FROM)
    return header.kind == tarfile.REGTYPE and (name.startswith(_FOLDER) or name in _INCLUDED)
