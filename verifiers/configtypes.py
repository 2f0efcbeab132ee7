"""The values of verify.toml that are more than a text or a number."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Final

from pydantic import BeforeValidator, PositiveInt

from compiler.arches import arch
from compiler.families import family
from verifiers.errors import UsageError

_UNITS: Final = {"": 1, "k": 10, "m": 20, "g": 30, "t": 40}


def _words(value: object) -> object:
    """A command is a list of words, or one text that is split as the shell does."""
    words = shlex.split(value) if isinstance(value, str) else value
    if isinstance(words, list | tuple) and (not words or not all(words)):
        raise ValueError("a command needs at least one word")
    return words


def _bytes(value: object) -> object:
    """A size is a number of bytes, or a text such as "2 GiB", "512M"."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", value, re.IGNORECASE)
    if not found:
        raise ValueError('a size is a number of bytes or a text such as "512 MiB"')
    return int(float(found[1]) * (1 << _UNITS[found[2].lower()] if found[2] else 1))


def _family(name: str) -> str:
    try:
        return family(name).name
    except UsageError as error:
        raise ValueError(str(error)) from None


def _arch(name: str) -> str:
    try:
        return arch(name).name
    except UsageError as error:
        raise ValueError(str(error)) from None


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Bytes = Annotated[PositiveInt, BeforeValidator(_bytes)]
KnownFamily = Annotated[str, BeforeValidator(_family)]
KnownArch = Annotated[str, BeforeValidator(_arch)]
