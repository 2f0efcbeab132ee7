"""Who has been told what: each address by itself, so that one that is dead costs the others nothing.

In ``nightly.json`` of the state folder. An address is there by a digest, for it may hold a password; the report's own
``news.txt`` is the one that is empty. A new address hears what is new from then on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from verifiers.files import atomic_write
from verifiers.nightly.news import Told
from verifiers.results import Frozen

REPORT = ""


class Heard(Frozen):
    """What each address was told."""

    by: dict[str, Told] = Field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Heard:
        """Nothing where that cannot be read, so that it is rather told twice; an older one kept one for all of them."""
        try:
            data = json.loads(path.read_bytes())
            return cls.model_validate({"by": {_key(REPORT): data}} if "cells" in data else data)
        except (OSError, ValueError, TypeError):
            return cls()

    def of(self, address: str) -> Told:
        """What the address was told."""
        return self.by.get(_key(address)) or self.by.get(_key(REPORT)) or Told()

    def alike(self, addresses: Iterable[str]) -> list[tuple[Told, list[str]]]:
        """The addresses that were told the same."""
        found: dict[str, tuple[Told, list[str]]] = {}
        for address in addresses:
            told = self.of(address)
            found.setdefault(told.model_dump_json(), (told, []))[1].append(address)
        return list(found.values())

    @classmethod
    def write(cls, path: Path, told: Mapping[str, Told]) -> None:
        """Keep what addresses have been told now; others are forgotten."""
        heard = cls(by={_key(address): each for address, each in told.items()})
        atomic_write(path, heard.model_dump_json().encode())


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16] if address else "report"
