"""FFmpeg's FATE: a line ``REP`` and the test's report (``tests/data/fate/<test>.rep``) for each test.

A report is written by ``tests/fate-run.sh``: ``<test>:<status>:<differences>:<errors>``. The status is the exit status
of the test's program, or where that is 0 of the comparison with the reference, or a signal's name; the last two are
base64, and empty where it is 0. ``not run`` is our own word for a test without a report: what it needs has failed.

Programs are run by ``timeout -v`` under a limit of CPU time. That ends most by SIGXCPU; ffmpeg takes it as a wish to
end, and exits with 255, or with 123 when it comes a fourth time (``sigterm_handler`` of ``fftools/ffmpeg.c``).
``timeout`` itself has status 124, or KILL where they did not end when they were told to.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import text_of
from verifiers.testformats.checkasm import SENT

_REPORT: Final = re.compile(rb"REP ([^:\s]+):([^:]*):([^:]*):([^:]*)$")
_OUT_OF_TIME: Final = {
    "XCPU": b"",
    "255": b"Exiting normally, received signal 24.",
    "123": b"Received > 3 system signals, hard exiting",
    "124": SENT,
    "KILL": SENT,
}
"""Status -> what must be among the errors that it is because of a limit."""
_LINES, _WIDTH = 8, 160  # lines of the differences and of the errors that are kept, and characters of each


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """One case for each test."""
    for line in lines:
        if not (report := _REPORT.match(line.rstrip())):
            continue
        name, status = text_of(report[1]), text_of(report[2])
        if status == "0":
            yield TestCase(name=name, outcome=CaseOutcome.PASS)
            continue
        differences, errors = _decoded(report[3]), _decoded(report[4])
        outcome, ending = _ending(status, errors)
        message = "\n".join([ending, *_shown(_differing(differences)), *_shown(errors.splitlines()[-_LINES:])])
        yield TestCase(name=name, outcome=outcome, message=message)


def _ending(status: str, errors: bytes) -> tuple[CaseOutcome, str]:
    if status in _OUT_OF_TIME and _OUT_OF_TIME[status] in errors:
        return CaseOutcome.TIMEOUT, "it ran out of time"
    if status == "not run":
        return CaseOutcome.FAIL, "not run: what it needs has failed"
    if status.isdigit():
        return CaseOutcome.FAIL, f"exit status {status}"
    return CaseOutcome.CRASH, f"died of SIG{status}"


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b"(torn)"


def _differing(differences: bytes) -> list[bytes]:
    """What differs, of a unified diff; all lines where it is none."""
    lines = differences.splitlines()
    if not lines or not lines[0].startswith(b"--- "):
        return lines[:_LINES]
    return [line for line in lines[2:] if line[:1] in (b"+", b"-")][:_LINES]


def _shown(lines: Iterable[bytes]) -> list[str]:
    return [text_of(line)[:_WIDTH] for line in lines]
