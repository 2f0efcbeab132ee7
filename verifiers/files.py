"""Writing files so that a killed or full machine never leaves half of one behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from verifiers.errors import Unwritable


def no_room(error: OSError) -> bool:
    """Whether nothing more can be written there: a full disk, a quota, or a file system that became read-only."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def atomic_write(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``: whole, or not at all. Raises Unwritable."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staging.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            staging.unlink()
        raise Unwritable(path=path, detail=error.strerror or error) from error


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an advisory lock on ``path`` among all runs of this machine; freed by the kernel when a run dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise Unwritable(path=path, detail=error.strerror or error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Whether a living process holds ``lock`` on ``path``."""
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
