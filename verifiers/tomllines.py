"""Tells on which line of a TOML text a key stands."""

from __future__ import annotations

import tomllib
from typing import Any


def line_of(text: str, where: tuple[str, ...]) -> int:
    """The line (from 1) on which a key of valid TOML begins; where it is not found, its nearest parent's.

    tomllib gives no positions. But the text up to a line is TOML of its own unless the line ends inside a value: so the
    key begins on the first line after the last such text that does not have it yet.
    """
    lines = text.split("\n")
    known = where
    while known:
        start = 1
        for number in range(1, len(lines) + 1):
            try:
                document: Any = tomllib.loads("\n".join(lines[:number]))
            except tomllib.TOMLDecodeError:
                continue
            if _has(document, known):
                return start
            start = number + 1
        known = known[:-1]
    return 1


def _has(document: Any, where: tuple[str, ...]) -> bool:
    for part in where:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return False
    return True
