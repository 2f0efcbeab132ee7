"""Pinned sources: Debian's orig tarballs, which are upstream's without the firmware images and bundled packages."""

from __future__ import annotations

from verifiers.results import Source

SOURCES = (
    Source(
        version="7.2+dfsg",
        filename="qemu_7.2+dfsg.orig.tar.xz",
        sha256="91aca71520040edc40b8d437aa3004dae614f58e286cf653ee8996c07af2962f",
        size=23523172,
        pool="pool/main/q/qemu/qemu_7.2%2bdfsg.orig.tar.xz",
    ),
    Source(
        version="10.0.13+ds",
        filename="qemu_10.0.13+ds.orig.tar.xz",
        sha256="6a0888e806c2ffc0c5f0733e974f9aea55491950d3c47c98669c8b236dde59ae",
        size=40010016,
        pool="pool/main/q/qemu/qemu_10.0.13%2bds.orig.tar.xz",
    ),
)

WHEELS = (
    Source(
        version="1.5.0",
        filename="meson-1.5.0-py3-none-any.whl",
        sha256="52b34f4903b882df52ad0d533146d4b992c018ea77399f825579737672ae7b20",
        size=959846,
        urls=("pip:meson==1.5.0",),
    ),
    Source(
        version="1.3.1",
        filename="pycotap-1.3.1-py3-none-any.whl",
        sha256="1c3a25b3ff89e48f4e00f1f71dbbc1642b4f65c65d416524d07e73492fff25ea",
        size=5119,
        urls=("pip:pycotap==1.3.1",),
    ),
)
"""What 10.0 is configured with: the versions that its pythondeps.toml names, as upstream's tarball has them."""
