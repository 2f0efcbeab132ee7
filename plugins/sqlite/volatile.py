"""Fuzz cases whose output differs from run to run with one and the same compiler, and why: they are only run, not compared."""

from __future__ import annotations

from functools import cache


@cache
def volatile_cases(version: str, file: str) -> frozenset[str]:
    """Names of such cases in one fuzzdata file of a version."""
    return frozenset()
