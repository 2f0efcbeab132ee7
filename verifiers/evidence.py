"""Why a step failed: the driver's log first, then the machine, then the step's own output."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from verifiers.results import Reason, Step, StepResult

_VAGUE = (Reason.CONFIGURE_FAILED, Reason.BUILD_FAILED)
_TAIL = 256 * 1024  # bytes of a log that are searched: the first error may be far above the last line
_FULL = 64 * 1024 * 1024  # bytes free below which "No space left" is believed to be the machine's
_ERROR = re.compile(
    rb"(?i)(?:^|[\s:])(?:fatal )?error[: ]|undefined reference|cannot find|not found|No such file|No rule to make"
    rb"|unknown (?:C )?compiler"  # as the scripts/cc-version.sh of Linux says
)
# The last words of autoconf's scripts, of meson and of QEMU's configure (but for what it says of meson) …
_GIVES_UP = re.compile(
    rb"^(?:configure: error|(?:\S+meson\.build:\d+:\d+: )?ERROR): (?!meson setup failed)", re.MULTILINE
)
# … which say nothing where all they know is that the compiler's first program came to nothing.
_FIRST_PROGRAM = re.compile(
    rb"cannot create executables|cannot run C compiled|no acceptable C compiler|cannot compute|does not work"
    rb"|compiler test"
)
_NOISE = re.compile(rb"(?i)^(?:checking|\$ )|error\.[cho]\b|make(?:\[\d+\])?: \*\*\* |-Werror|config\.log")


def explain(result: StepResult, log: Path, disk: Path) -> StepResult:
    """The step with the reason and the first telling line in place of "make: exit status 2".

    The most telling of the compiler's own faults names the reason; without any, the log's first error line does. A
    configure that gives up says best itself why, unless a question has shown a compiler that does not work at all.
    """
    if result.reason not in _VAGUE:
        return result
    tail = _read_tail(log)
    if b"No space left on device" in tail and shutil.disk_usage(disk).free < _FULL:
        message = f"no space left below {disk}"
        return result.model_copy(update={"reason": Reason.DISK_FULL, "message": message})
    worst = min(result.faults, key=lambda fault: fault.reason.rank, default=None)
    if worst is None or worst.reason.rank > Reason.FALSE_SUCCESS.rank:
        own = last_words(tail) if result.step is Step.CONFIGURE else ""
        if own:
            return result.model_copy(update={"message": own})
    if worst:
        return result.model_copy(update={"reason": worst.reason, "message": worst.line})
    line = first_error(tail)
    return result.model_copy(update={"message": line}) if line else result


def first_error(text: bytes) -> str:
    """The first line that looks like an error, at most 300 characters; empty where none does."""
    for line in text.splitlines():
        if _ERROR.search(line) and not _NOISE.search(line):
            return line.decode("utf-8", "replace").strip()[:300]
    return ""


def last_words(text: bytes) -> str:
    """Why a configure script gave up, by its own account, at most 300 characters; empty where it does not know."""
    found = [line for line in text.splitlines() if _GIVES_UP.search(line)]
    if not found or _FIRST_PROGRAM.search(found[-1]):
        return ""
    return found[-1].decode("utf-8", "replace").strip()[:300]


def _read_tail(log: Path) -> bytes:
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        return file.read()
