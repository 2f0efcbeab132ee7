"""Whether what failed is that two compilers do not go together in one build, which says nothing of either."""

from __future__ import annotations

import re
from typing import Final

from verifiers.results import Reason, Step, Verdict, VerdictKind

_LINK: Final = frozenset({Reason.LINK_ERROR, Reason.UNDEFINED_SYMBOL, Reason.BUILD_FAILED, Reason.REJECTS_VALID})
_SIGNS: Final = (
    # of GNU ld and lld, and of gcc's LTO front end
    (r"recompile with -fPI[CE]", "position-independent code"),
    (
        r"file (format )?not recognized|unknown file type|plugin needed to handle lto|bytecode stream",
        "link-time optimisation",
    ),
    (
        r"can't link \S+ modules with|uses VFP register arguments|is incompatible with|different (float|RVE) ABI",
        "the ABI",
    ),
)


def cannot_be_mixed(verdict: Verdict) -> Verdict | None:
    """The skip that a mixed cell's failed build comes to where it names such a difference, else None.

    Without a mix the same line is the candidate's failure: it made all that is linked, and its own answers configured
    the build.
    """
    if verdict.kind is not VerdictKind.FAIL or verdict.step is not Step.BUILD:
        return None
    if verdict.reason is Reason.BAD_FLAG:
        return _skip(f"the oracle configured the build, with an option that the candidate lacks: {verdict.message}")
    if verdict.reason not in _LINK:
        return None
    for line in (verdict.message, *(fault.message for fault in verdict.faults)):
        for sign, what in _SIGNS:
            if re.search(sign, line):
                return _skip(f"the two compilers' objects cannot be mixed, they differ in {what}: {line}")
    return None


def _skip(message: str) -> Verdict:
    return Verdict(kind=VerdictKind.SKIP, reason=Reason.UNSUPPORTED, step=Step.BUILD, message=message)
