"""The name a compiler has in reports."""

from __future__ import annotations

import hashlib
import os
import re

from compiler.families import Family


def name_of(command: tuple[str, ...], family: Family, version: str, given: str) -> str:
    """E.g. clang-14.0.6 for a family; file name, version and arguments for a path."""
    stem = given or os.path.basename(command[0])
    numbered = re.fullmatch(r"(.+?)-?(\d+(?:\.\d+)*)", stem)
    if numbered and version and (version == numbered[2] or version.startswith(numbered[2] + ".")):
        stem = numbered[1]  # gcc-12 of version 12.2.0 is gcc-12.2.0
    words = command[1 + len(family.subcommand) :]
    arguments = "-".join(word.lstrip("-") for word in words)
    if len(arguments) > 32 or not re.fullmatch(r"[\w.+=-]*", arguments):
        arguments = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    parts = [re.sub(r"[^\w.+-]", "_", part) for part in (stem, version) if part]
    return "-".join([*parts, *([arguments] if arguments else [])])
