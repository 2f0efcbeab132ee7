"""The folder a report is written to: each file whole, and what an earlier report left there gone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from verifiers.errors import Unwritable

_LIST = ".ccverify-report"


class Folder:
    """Writes files below one folder. Not synced to the disk: a report can be made again at any time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: set[str] = set()

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file whole, or not at all; raises Unwritable."""
        path = self.root / name
        staging = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staging.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
            staging.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                staging.unlink()
            raise Unwritable(path=path, detail=error.strerror or error) from error
        self._written.add(name)

    def finish(self) -> None:
        """Delete what an earlier report wrote here and this one did not; other files are left alone."""
        listed = self.root / _LIST
        before = listed.read_text().splitlines() if listed.exists() else []
        root = self.root.resolve()
        for name in before:
            path = (self.root / name).resolve()
            if name and name not in self._written and path.is_relative_to(root) and path != root:
                path.unlink(missing_ok=True)
        kept = sorted(self._written)
        self.write(_LIST, "\n".join(kept) + "\n")
