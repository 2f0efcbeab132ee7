"""Pinned sources. Debian's orig tarballs are the ones that upstream publishes (the same bytes under another name)."""

from __future__ import annotations

from verifiers.results import Source

SOURCES = (
    Source(
        version="15.18",
        filename="postgresql-15_15.18.orig.tar.bz2",
        sha256="11df0df97fe3ea4ba9a791faaf39cee1d2fe571e78885b5b55d8517d27c323b4",
        size=23405115,
        urls=("https://ftp.postgresql.org/pub/source/v15.18/postgresql-15.18.tar.bz2",),
        pool="pool/main/p/postgresql-15/postgresql-15_15.18.orig.tar.bz2",
    ),
    Source(
        version="17.11",
        filename="postgresql-17_17.11.orig.tar.bz2",
        sha256="dd27f2b3c59e73ed14aa3324901242bf69a032a6347805f274e6260322d42979",
        size=21787224,
        urls=("https://ftp.postgresql.org/pub/source/v17.11/postgresql-17.11.tar.bz2",),
        pool="pool/main/p/postgresql-17/postgresql-17_17.11.orig.tar.bz2",
    ),
)
