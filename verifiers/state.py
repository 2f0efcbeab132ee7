"""The state folder: where sources, work, logs, baselines and the history lie."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from verifiers.errors import Unwritable

CUT = "cut.json"
"""In the folder of a run that was cut short and can go on: see ``resume``."""

_KEEP = ".keep"
_LEAST_FREE = 32 << 20  # bytes, to begin at all


def default_state() -> Path:
    """``$XDG_STATE_HOME/ccverify``, or ``~/.local/state/ccverify``."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "ccverify"


@dataclass
class WorkFolder:
    """A folder that one compiler's run works in, locked while its process lives."""

    path: Path
    lock: IO[bytes]

    def keep(self) -> None:
        """Leave it for the user to look at; no run goes on in it."""
        (self.path / CUT).unlink(missing_ok=True)
        (self.path / _KEEP).touch()
        self.lock.close()

    def leave(self) -> None:
        """Give it up as it is: to ``--resume``, or to be cleared away by the next run that is none."""
        self.lock.close()

    def remove(self) -> None:
        """Delete it with all that was built."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        self.lock.close()


class State:
    """The folders below one root; created on first use."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def open(self, *, resuming: bool = False) -> None:
        """Create what is missing and clear away what a killed run left, but for what ``resuming`` goes on with.

        Raises Unwritable.
        """
        try:
            for folder in (self.sources, self.work, self.logs, self.baselines, self.cache):
                folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free
            if free < _LEAST_FREE:
                raise Unwritable(path=self.root, detail=f"only {free >> 20} MiB of disk space are free")
            probe = self.root / f".writable.{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise Unwritable(path=self.root, detail=error.strerror or error) from error
        self._clear_stale(resuming)

    @property
    def sources(self) -> Path:
        """Checked archives, by sha256."""
        return self.root / "sources"

    @property
    def work(self) -> Path:
        """Work folders of running and of red cells."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        """``<run>/<cell>/``: logs, driver logs, cases and ``reproduce.sh``."""
        return self.root / "logs"

    @property
    def baselines(self) -> Path:
        """The oracle's results, by fingerprint."""
        return self.root / "baselines"

    @property
    def cache(self) -> Path:
        """The built driver, fingerprints, calibrations: safe to delete."""
        return self.root / "cache"

    @property
    def database(self) -> Path:
        """The history."""
        return self.root / "history.db"

    def relative(self, path: Path) -> str:
        """A path as results name it: relative to the state folder."""
        return str(path.relative_to(self.root))

    def new_work(self) -> WorkFolder:
        """A fresh work folder; names are of one length, for some tests print their paths."""
        path = self.work / uuid.uuid4().hex[:12]
        try:
            path.mkdir(parents=True)
            return WorkFolder(path, _locked(path))
        except OSError as error:
            raise Unwritable(path=path, detail=error.strerror or error) from error

    def take_work(self, path: Path) -> WorkFolder | None:
        """An existing work folder, unless another process has it."""
        try:
            return WorkFolder(path, _locked(path))
        except OSError:
            return None

    def _clear_stale(self, resuming: bool) -> None:
        for path in self.work.iterdir():
            if not path.is_dir() or (path / _KEEP).exists() or (resuming and (path / CUT).exists()):
                continue
            if folder := self.take_work(path):  # else another run's, at work
                folder.remove()


def _locked(path: Path) -> IO[bytes]:
    file = path.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def now() -> str:
    """The time, as results write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
