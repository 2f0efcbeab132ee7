"""A list of libraries (ld.so.cache) with this machine's own in it and no other arch's.

A target's dynamic loader reads the machine's list before it looks into its own folders. Where the machine has libraries
of that arch as well (libc6-i386, or a foreign architecture of dpkg), it would take a libc that is not of its own build:
the two share private data, and programs hang.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from verifiers.files import atomic_write

PLACE: Final = "/etc/ld.so.cache"
_LDCONFIG: Final = "/sbin/ldconfig"
_ENTRY: Final = re.compile(r"^\t\S+ \(([^)]*)\) => (/\S.*)$", re.MULTILINE)


def own_libraries(cache: Path) -> Path | None:
    """The list's file, made with ldconfig(8) and kept below ``cache``; None where this machine has no such list."""
    try:
        whole = Path(PLACE).read_bytes()
        kept = cache / f"ld.so.cache-{hashlib.sha256(whole).hexdigest()[:16]}"
        if not kept.exists():
            atomic_write(kept, _made(_own_folders(_run("-p"))))
            kept.chmod(0o644)
        return kept
    except (OSError, subprocess.SubprocessError):
        return None


def _own_folders(listing: str) -> list[str]:
    """The folders of libraries of the kind that the machine's own libc is."""
    entries = _ENTRY.findall(listing)
    kinds = [(kind.split(", ")[0], path) for kind, path in entries]  # what follows is of one library alone
    mine = next((kind for kind, path in kinds if path == _own_libc()), None)
    return list(dict.fromkeys(os.path.dirname(path) for kind, path in kinds if kind == mine))


def _own_libc() -> str:
    """The libc that this process runs with, as the list names it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[-1]
        if os.path.basename(path) == "libc.so.6":
            folder = os.path.dirname(path).removeprefix("/usr")
            return f"{folder}/libc.so.6" if os.path.exists(f"{folder}/libc.so.6") else path
    return ""


def _made(folders: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        conf, made = Path(place, "conf"), Path(place, "made")
        conf.write_text("".join(f"{folder}\n" for folder in folders))
        _run("-X", "-i", "-f", str(conf), "-C", str(made))
        return made.read_bytes()


def _run(*words: str) -> str:
    return subprocess.run([_LDCONFIG, *words], capture_output=True, text=True, check=True, timeout=60).stdout
