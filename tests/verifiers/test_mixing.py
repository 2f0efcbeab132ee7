"""What keeps two compilers from one build."""

from __future__ import annotations

import pytest

from verifiers.mixing import cannot_be_mixed
from verifiers.results import Reason, Step, Verdict, VerdictKind

PIE = "ld: a.o: relocation R_X86_64_32S against `x' can not be used when making a PIE object; recompile with -fPIE"


def failed(reason: Reason, message: str, step: Step = Step.BUILD) -> Verdict:
    """A red cell."""
    return Verdict(kind=VerdictKind.FAIL, reason=reason, step=step, message=message)


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (failed(Reason.LINK_ERROR, PIE), "position-independent"),
        (failed(Reason.LINK_ERROR, "a.o: file not recognized: file format not recognized"), "link-time"),
        (failed(Reason.LINK_ERROR, "ld: a.o: can't link double-float modules with soft-float modules"), "the ABI"),
        (failed(Reason.BAD_FLAG, "clang: error: unknown argument: '-fconserve-stack'"), "-fconserve-stack"),
    ],
)
def test_is_said(verdict: Verdict, told: str) -> None:
    """As a skip, which is never green."""
    skip = cannot_be_mixed(verdict)
    assert skip
    assert (skip.kind, skip.reason) == (VerdictKind.SKIP, Reason.UNSUPPORTED)
    assert told in skip.message


@pytest.mark.parametrize(
    "verdict",
    [
        failed(Reason.UNDEFINED_SYMBOL, "a.c:1: undefined reference to `f'"),
        failed(Reason.COMPILER_CRASH, "a.c: died of SIGSEGV"),
        failed(Reason.REJECTS_VALID, "a.c:1:1: error: unknown type"),
        failed(Reason.WRONG_RESULT, PIE, Step.TEST),
        Verdict(kind=VerdictKind.PASS, message=PIE),
    ],
)
def test_is_not_guessed_at(verdict: Verdict) -> None:
    """All else is what it is without a mix."""
    assert cannot_be_mixed(verdict) is None
