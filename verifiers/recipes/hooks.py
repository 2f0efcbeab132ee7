"""The built-in way to run a step: ask the cell's recipe. Any plugin's own implementation comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from verifiers import hookimpl
from verifiers.errors import StepFailed
from verifiers.results import StepResult

if TYPE_CHECKING:
    from verifiers.workspace import Workspace


@hookimpl(trylast=True)
def ccverify_fetch(work: Workspace) -> StepResult:
    """The recipe's ``fetch``: by default the pinned archive, checked, unpacked and patched."""
    return _step(work, work.recipe.fetch)


@hookimpl(trylast=True)
def ccverify_configure(work: Workspace) -> StepResult:
    """The recipe's ``configure``."""
    return _step(work, work.recipe.configure)


@hookimpl(trylast=True)
def ccverify_build(work: Workspace) -> StepResult:
    """The recipe's ``build``."""
    return _step(work, work.recipe.build)


@hookimpl(trylast=True)
def ccverify_test(work: Workspace) -> StepResult:
    """The recipe's ``test``: by default its suites, their cases collected."""
    return _step(work, work.recipe.test)


def _step(work: Workspace, action: Callable[[Workspace], object]) -> StepResult:
    step = work.step
    try:
        action(work)
    except StepFailed as failure:
        return StepResult(step=step, ok=False, reason=failure.reason, message=failure.message, usage=work.usage)
    return StepResult(
        step=step,
        ok=True,
        usage=work.usage,
        suites=dict(work.suite_seconds),
        benchmarks=dict(work.benchmark_cpu),
        cases=work.cases,
    )
