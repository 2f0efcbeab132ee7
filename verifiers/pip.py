"""Files of Python packages, by the machine's own pip: its configuration says where they are from, the pin which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from verifiers.download import PlaceFailed

SCHEME: Final = "pip:"
"""What a place begins with that is a requirement (``pip:meson==1.5.0``) and no URL."""

_SECONDS: Final = 600.0


def download(requirement: str, part: Path) -> None:
    """Leave the package's one wheel in ``part``, unchecked. Raises PlaceFailed."""
    with TemporaryDirectory(prefix=".pip-", dir=part.parent) as folder:
        words = ("download", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
        command = (sys.executable, "-I", "-m", "pip", *words, "--dest", folder, "--", requirement)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise PlaceFailed(f"pip did not end within {_SECONDS:g} s", unreachable=True) from None
        found = list(Path(folder).iterdir())
        if done.returncode or len(found) != 1:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise PlaceFailed((lines or ["pip said nothing"])[0][:200], unreachable=True)
        os.replace(found[0], part)
