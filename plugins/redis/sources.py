"""Pinned sources. The sha256 is of Debian's orig tarball."""

from __future__ import annotations

from verifiers.results import Source

SOURCES = (
    Source(
        version="7.0.15",
        filename="redis_7.0.15.orig.tar.gz",
        sha256="4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982",
        size=3025940,
        urls=("https://github.com/redis/redis/archive/refs/tags/7.0.15.tar.gz",),
        pool="pool/main/r/redis/redis_7.0.15.orig.tar.gz",
    ),
    Source(
        version="8.0.2",
        filename="redis_8.0.2.orig.tar.gz",
        sha256="caf3c0069f06fc84c5153bd2a348b204c578de80490c73857bee01d9b5d7401f",
        size=3860147,
        urls=("https://github.com/redis/redis/archive/refs/tags/8.0.2.tar.gz",),
        pool="pool/main/r/redis/redis_8.0.2.orig.tar.gz",
    ),
)
