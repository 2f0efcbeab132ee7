"""File names of a report, from names that may hold anything."""

from __future__ import annotations

import hashlib
import re

from verifiers.results import CellId


def slug(cell: CellId) -> str:
    """A cell's name as a file's: the same one for the same cell, and for no other."""
    return safe(f"{cell.project}-{cell.version}_{cell.arch}_{cell.candidate}_{cell.depth}", cell.model_dump_json())


def safe(text: str, whole: str = "") -> str:
    """A text as a file name; with a digest of ``whole`` (by default the text), for two texts may come out alike."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "-", text).lstrip(".-")[:100]
    return f"{name}_{hashlib.sha256((whole or text).encode('utf-8', 'replace')).hexdigest()[:6]}"
