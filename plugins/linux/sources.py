"""Pinned sources: Debian's orig tarballs, which Debian packs from upstream's tree, and one that upstream alone has."""

from __future__ import annotations

from verifiers.results import Source

_UPSTREAM = "https://cdn.kernel.org/pub/linux/kernel/v6.x/"

SOURCES = (
    Source(
        version="6.12.107",
        filename="linux_6.12.107.orig.tar.xz",
        sha256="efc76d3c78a5d65f42724118c437d11db1c9f6309a5f024ee9a8b1978fdc6919",
        size=151398592,
        pool="pool/main/l/linux/linux_6.12.107.orig.tar.xz",
    ),
    Source(
        version="6.1.176",
        filename="linux_6.1.176.orig.tar.xz",
        sha256="9aad4025973feea3f0d978e82ab7db97d8d5ce3f59fcc6b1f316153d66e3a504",
        size=137945728,
        pool="pool/main/l/linux/linux_6.1.176.orig.tar.xz",
    ),
    Source(
        version="6.9",
        filename="linux-6.9.tar.xz",
        sha256="24fa01fb989c7a3e28453f117799168713766e119c5381dac30115f18f268149",
        size=0,  # upstream's page does not say
        urls=(f"{_UPSTREAM}linux-6.9.tar.xz",),
    ),
)
