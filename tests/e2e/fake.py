"""A project small enough to be built in a second, served over loopback, and the plugin that declares it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import textwrap
from pathlib import Path

TREE = Path(__file__).parent / "tally"


def archive(changes: dict[str, str] | None = None) -> bytes:
    """The project's tarball; ``changes`` replaces files' texts."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path in sorted(TREE.iterdir()):
            data = (changes or {}).get(path.name, path.read_text()).encode()
            info = tarfile.TarInfo(f"tally-1.0/{path.name}")
            info.size, info.mode = len(data), 0o755 if path.name == "configure" else 0o644
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)  # the same bytes each time: the hash is a part of the fingerprint


def write_plugin(folder: Path, url: str, data: bytes, body: str = "", sha256: str = "") -> Path:
    """The plugin file; ``body`` is further lines of the recipe's class or of the module."""
    plugin = folder / "tally_plugin.py"
    plugin.write_text(
        textwrap.dedent(
            f"""
            from verifiers import hookimpl
            from verifiers.recipes import Accommodation, Autotools, ComputedName, Suite
            from verifiers.results import Source
            from verifiers.testformats import tap


            class Tally(Autotools):
                name = "tally"
                summary = "a project for ccverify's own tests"
                sources = (
                    Source(
                        version="1.0", filename="tally-1.0.tar.gz", size={len(data)},
                        sha256="{sha256 or hashlib.sha256(data).hexdigest()}", urls=("{url}",),
                    ),
                )
                configuration = ("config.h",)

                def suites(self, work):
                    return [Suite("check", (f"{{work.build}}/tally",), tap.parse, seconds=20)]


            @hookimpl
            def ccverify_projects():
                return [Tally()]
            """
        )
        + textwrap.dedent(body)
    )
    return plugin
