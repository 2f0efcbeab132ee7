"""Access to the real logs recorded from SQLite's programs."""

from __future__ import annotations

from pathlib import Path

from verifiers.recipes.base import Parser
from verifiers.results import CaseOutcome, TestCase

RECORDED = Path(__file__).parents[3] / "plugins" / "sqlite" / "recorded"


def lines(name: str) -> list[bytes]:
    return (RECORDED / name).read_bytes().splitlines(keepends=True)


def cases(parse: Parser, output: list[bytes]) -> list[TestCase]:
    return list(parse(output))


def outcomes(parse: Parser, output: list[bytes]) -> dict[str, CaseOutcome]:
    return {case.name: case.outcome for case in parse(output)}
