"""Builds the guard (guard.c), the small program that every run's processes live and end under."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from verifiers.errors import InfrastructureError
from verifiers.results import Reason

SOURCE: Final = Path(__file__).with_name("guard.c")
_FLAGS: Final = (("-O2", "-static"), ("-O2",))  # static starts faster; not every distribution has a libc.a
_lock = threading.Lock()


class GuardNotBuilt(InfrastructureError):
    """No compiler for the sandbox's own helper."""

    reason = Reason.SANDBOX
    msg = "cannot build the sandbox's guard: {detail}; apt install gcc libc6-dev"


def guard(cache: Path | None = None, cc: Sequence[str] = ()) -> Path:
    """The guard's binary, compiled once by the machine's own compiler and kept in ``cache``.

    ``cache`` is by default the user's cache folder; ``cc`` by default the first of gcc, cc, clang. Two runs may
    build at once: each writes a file of its own and renames it into place.
    """
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ccverify" / "tools"
    digest = hashlib.sha256(SOURCE.read_bytes() + platform.machine().encode()).hexdigest()[:16]
    binary = folder / f"guard-{digest}"
    with _lock:
        if _ours(binary):
            return binary
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _build(binary, cc)
        except OSError:  # a read-only home: a private folder for this process's time
            return _build(Path(tempfile.mkdtemp(prefix="ccverify-")) / binary.name, cc)


def _ours(binary: Path) -> bool:
    """Whether it is there and nobody but us (or root) can have written it: root is going to run it."""
    try:
        status = binary.stat()
    except OSError:
        return False
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022 and os.access(binary, os.X_OK)


def _build(binary: Path, cc: Sequence[str]) -> Path:
    command = list(cc) or next(([found] for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), [])
    if not command:
        raise GuardNotBuilt(detail="there is no C compiler")
    handle, name = tempfile.mkstemp(prefix=".guard-", dir=binary.parent)
    os.close(handle)
    said = ""
    try:
        for flags in _FLAGS:
            made = subprocess.run([*command, *flags, "-o", name, str(SOURCE)], capture_output=True, text=True)
            if made.returncode == 0:
                os.chmod(name, 0o755)
                os.rename(name, binary)
                return binary
            said = next((line for line in made.stderr.splitlines() if "error" in line), made.stderr.strip()[:200])
    finally:
        Path(name).unlink(missing_ok=True)
    raise GuardNotBuilt(detail=f"{command[0]}: {said}")
