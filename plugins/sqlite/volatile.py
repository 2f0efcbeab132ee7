"""Fuzz cases that are run but not compared, as the source alone does not determine their output (see the TOML)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


def volatile_cases(version: str, file: str) -> frozenset[str]:
    """Names of such cases in one fuzzdata file of a version."""
    kinds = _read().values()
    return frozenset(name for kind in kinds for name in kind["cases"].get(version, {}).get(file, ()))


@cache
def _read() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
