"""What is known of a cell's cases beyond their outcomes: remarks on failures, and the share of what is claimed."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.recipes.base import Recipe
from verifiers.results import COMPLETED, RunResult, Share, Verdict


def remarked(verdict: Verdict, recipe: Recipe) -> Verdict:
    """The verdict with what the recipe knows of each differing case."""
    differences = tuple(each.model_copy(update={"note": recipe.remark(each.name)}) for each in verdict.differences)
    return verdict.model_copy(update={"differences": differences})


def share(verdict: Verdict, oracle: RunResult, recipe: Recipe, lacks: Sequence[str]) -> Share | None:
    """How many of the cases that the oracle passes are passed; None where that is no compiler's own suite.

    ``lacks`` are the features that the candidate does not claim to support: labels of cases. Those that any case here
    needs are named.
    """
    names = [name for name in oracle.cases.passed if not name.endswith(COMPLETED)]
    if not recipe.tests_compile or not names or not verdict.compared:
        return None
    failed = {each.name for each in verdict.differences}
    needs = {name: recipe.labels(name) & frozenset(lacks) for name in names}
    claimed = [name for name in names if not needs[name]]
    return Share(
        total=len(names),
        passed=sum(name not in failed for name in names),
        claimed=len(claimed),
        claimed_passed=sum(name not in failed for name in claimed),
        lacks=tuple(sorted(frozenset[str]().union(*needs.values()))),
    )
