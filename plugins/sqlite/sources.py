"""Pinned sources. The sha256 is of Debian's orig tarball: upstream's tree, packed anew.

Every file in it is the one that upstream's own ``manifest`` of that check-in names, by SHA-1 or SHA3-256 (checked for
both versions on 2026-11-22), and nothing is added. But upstream publishes the tree as ``sqlite-src-NNNNNNN.zip``, and
the mirror on GitHub as a tar.gz of tag ``version-X.Y.Z``: the same files in archives of another hash. So those places
can never satisfy the pin; they are listed because they are where the source comes from.
"""

from __future__ import annotations

from verifiers.results import Source

SOURCES = (
    Source(
        version="3.40.1",
        filename="sqlite3_3.40.1.orig.tar.xz",
        sha256="aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655",
        size=8019048,
        urls=(
            "https://www.sqlite.org/2022/sqlite-src-3400100.zip",
            "https://github.com/sqlite/sqlite/archive/refs/tags/version-3.40.1.tar.gz",
        ),
        pool="pool/main/s/sqlite3/sqlite3_3.40.1.orig.tar.xz",
    ),
    Source(
        version="3.46.1",
        filename="sqlite3_3.46.1.orig.tar.xz",
        sha256="d0cdd2ece271b29e7ce18095745d892517ee26d0f270065b3a25c2e9eb11639c",
        size=8456776,
        urls=(
            "https://www.sqlite.org/2024/sqlite-src-3460100.zip",
            "https://github.com/sqlite/sqlite/archive/refs/tags/version-3.46.1.tar.gz",
        ),
        pool="pool/main/s/sqlite3/sqlite3_3.46.1.orig.tar.xz",
    ),
)
