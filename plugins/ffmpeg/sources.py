"""Pinned sources. The sha256 is of Debian's orig tarball, which is upstream's own."""

from __future__ import annotations

from verifiers.results import Source

SOURCES = (
    Source(
        version="5.1.9",
        filename="ffmpeg_5.1.9.orig.tar.xz",
        sha256="d9b593bb2ba93d4b50f74177e0cdcd41747e708596367deed0c30348a71dd176",
        size=10034840,
        urls=("https://ffmpeg.org/releases/ffmpeg-5.1.9.tar.xz",),
        pool="pool/main/f/ffmpeg/ffmpeg_5.1.9.orig.tar.xz",
    ),
    Source(
        version="7.1.5",
        filename="ffmpeg_7.1.5.orig.tar.xz",
        sha256="de668509caf9e35e3cd162473441fdb29538c6d96ed080292b3cf9e6fc5d558f",
        size=11050340,
        urls=("https://ffmpeg.org/releases/ffmpeg-7.1.5.tar.xz",),
        pool="pool/main/f/ffmpeg/ffmpeg_7.1.5.orig.tar.xz",
    ),
)
