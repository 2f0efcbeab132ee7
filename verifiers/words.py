"""The closed lists of words that verdicts are made of; DESIGN.md's, and no others."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_VERSION: Final = re.compile(r"(?:-\d[\w.+~]*)?(?:@[0-9a-f]{8})?$")


def stem(candidate: str) -> str:
    """A candidate's name without its version: "clang" of "clang-14.0.6"."""
    return _VERSION.sub("", candidate) or candidate


class Step(StrEnum):
    """The four steps of a cell, in order."""

    FETCH = "fetch"
    CONFIGURE = "configure"
    BUILD = "build"
    TEST = "test"


class Depth(StrEnum):
    """How much testing: about a minute, what convinces, all there is."""

    SMOKE = "smoke"
    STANDARD = "standard"
    FULL = "full"


class Reason(StrEnum):
    """Why something is not green; a closed list, most telling first (the order decides between several)."""

    COMPILER_CRASH = "compiler-crash"
    COMPILER_TIMEOUT = "compiler-timeout"
    COMPILER_OUT_OF_MEMORY = "compiler-out-of-memory"
    COMPILER_OUTPUT_LIMIT = "compiler-output-limit"  # wrote a file or messages without end
    FALSE_SUCCESS = "false-success"  # exit 0, yet no, an empty or a stale output, or error messages
    FALSE_FAILURE = "false-failure"  # exit 1 without one message
    REJECTS_VALID = "rejects-valid"
    BAD_FLAG = "bad-flag"
    ASSEMBLER_ERROR = "assembler-error"
    UNDEFINED_SYMBOL = "undefined-symbol"
    LINK_ERROR = "link-error"
    SETTING_DROPPED = "setting-dropped"  # configure left out, without a word, what it was told to take
    CONFIGURE_FAILED = "configure-failed"
    BUILD_FAILED = "build-failed"
    STEP_TIMEOUT = "step-timeout"
    OUTPUT_LIMIT = "output-limit"
    BOOT_FAILURE = "boot-failure"
    TEST_CRASH = "test-crash"
    TEST_TIMEOUT = "test-timeout"
    WRONG_RESULT = "wrong-result"
    MISSING_CASES = "missing-cases"
    # not the candidate's
    UNSUPPORTED = "unsupported"
    ORACLE_FAILED = "oracle-failed"
    DOWNLOAD = "download"
    CHECKSUM = "checksum"
    ARCHIVE = "archive"
    DISK_FULL = "disk-full"
    LEAK = "leak"
    SOURCES_CHANGED = "sources-changed"  # by the candidate's run, and not by the oracle's
    NO_UNITS = "no-units"
    NO_TESTS = "no-tests"
    SANDBOX = "sandbox"
    NO_COMPILER = "no-compiler"  # the candidate is not to be found, or cannot be used
    EMULATOR = "emulator"  # the target's programs cannot be run on this machine
    COMPILER_CHANGED = "compiler-changed"  # while its cell ran
    PLUGIN_ERROR = "plugin-error"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"

    @property
    def is_ours(self) -> bool:
        """Whether the reason speaks of our own side, so that it never counts against a candidate."""
        return self in _OURS

    @property
    def rank(self) -> int:
        """Position in the list: the smaller, the more telling."""
        return list(Reason).index(self)


# Errors that a compiler may be behind: it shows them again.
SHAKING = (Reason.LEAK, Reason.SOURCES_CHANGED, Reason.NO_UNITS)
_OURS = frozenset(list(Reason)[list(Reason).index(Reason.DOWNLOAD) :])


class CaseOutcome(StrEnum):
    """What one test case came to."""

    PASS = "pass"
    FAIL = "fail"
    CRASH = "crash"
    TIMEOUT = "timeout"
    SKIP = "skip"
    MISSING = "missing"  # only in comparisons: the oracle has the case, the candidate does not


class VerdictKind(StrEnum):
    """What a cell came to."""

    PASS = "pass"
    FAIL = "fail"
    FLAKY = "flaky"
    BROKEN = "broken"
    SKIP = "skip"
    ERROR = "error"

    @property
    def trusted(self) -> bool:
        """Whether the same fingerprint need not be run again."""
        return self in (VerdictKind.PASS, VerdictKind.FAIL)
