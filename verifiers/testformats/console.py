"""A kernel's console from its banner to its end: our own first program's lines, and what went wrong around them.

``Linux version RELEASE (USER@HOST) (COMPILER) #BUILD``, the kernel's messages, then ``ccverify-init: ok NAME`` or ``not
ok NAME: WHY`` a check and ``ccverify-init: end N`` (plugins/linux/init.c). What the kernel prints when it dies is from
its ``kernel/panic.c``, ``lib/bug.c`` and ``arch/*/kernel/traps.c``, ``arch/*/mm/fault.c``.

Cases beside the checks: ``banner`` (this is the image that was built), ``kernel`` (it booted once, did not oops, and
came to the last line; else the reason is ``boot-failure``, with what it said), ``warnings``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.recipes.base import Parser
from verifiers.results import CaseOutcome, Reason, TestCase
from verifiers.testformats.cases import printk_of

_BANNER: Final = re.compile(r"Linux version \S+ \((\S+)\) .*#\d")
_CHECK: Final = re.compile(r"ccverify-init: (not )?ok ([\w-]+)(?:: (.*))?$")
_END: Final = re.compile(r"ccverify-init: end (\d+)$")
_DEATH: Final = re.compile(
    r"Kernel panic - not syncing|\bOops\b|Internal error: |kernel BUG at |BUG: (?!workqueue lockup)|PANIC: |"
    r"Unable to handle kernel |[Gg]eneral protection fault|invalid opcode: |double fault: |divide error: |"
    r"stack segment: |Unhandled (?:exception|fault)|Bad mode in |No working init found|"
    r"Kernel stack overflow|Insufficient stack space to handle exception"
)
# A program's fault, which a check provokes; the kernel's own begin with "traps:" too.
_USER: Final = re.compile(r"^traps: .+\[\d+\] |^\S+\[\d+\]: (?:segfault|unhandled)")
_WARNING: Final = re.compile(r"^WARNING: CPU: ")
_BEFORE, _AFTER, _LONGEST = 5, 30, 2400  # lines around a death, and characters, that are kept


class _Boot:
    """What was seen so far."""

    def __init__(self) -> None:
        self.banners: list[str] = []
        self.checks = 0
        self.end: int | None = None
        self.death = ""
        self.report: list[str] = []
        self.last: deque[str] = deque(maxlen=_AFTER)
        self.warnings: list[str] = []

    def note(self, line: str) -> None:
        """A line that is no check's."""
        if banner := _BANNER.search(line):
            self.banners.append(banner[1])
        if self.death and len(self.report) < _BEFORE + _AFTER:
            self.report.append(line)
        elif not self.death and _DEATH.search(line) and not _USER.search(line):
            self.death, self.report = line, [*list(self.last)[-_BEFORE:], line]
        if _WARNING.match(line):
            self.warnings.append(line)

    @property
    def problem(self) -> str:
        """Why the kernel did not do its work, "" where it did."""
        if self.death:
            return self.death
        if len(self.banners) != 1:
            return f"booted {len(self.banners)} times" if self.banners else "no banner: it did not come to its console"
        if self.end is None:
            return f"the console ends after {self.checks} checks, without the last line"
        if self.end != self.checks:
            return f"the last line counts {self.end} checks, but {self.checks} were seen"
        return ""


def parser(build: str) -> Parser:
    """Parses a boot of the image that says ``build`` (``user@host``) in its banner."""

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        boot = _Boot()
        for raw in lines:
            line = printk_of(raw)
            if check := _CHECK.match(line):
                boot.checks += 1
                outcome = CaseOutcome.FAIL if check[1] else CaseOutcome.PASS
                yield TestCase(name=check[2], outcome=outcome, message=check[3] or "")
            elif end := _END.match(line):
                boot.end = int(end[1])
            else:
                boot.note(line)
            if line.strip():
                boot.last.append(line)
        yield from _endings(boot, build)

    return parse


def _endings(boot: _Boot, build: str) -> Iterator[TestCase]:
    problem = boot.problem
    if problem:
        told = "\n".join([problem, *(boot.report or boot.last)])[:_LONGEST]
        yield TestCase(name="kernel", outcome=CaseOutcome.CRASH, message=told, reason=Reason.BOOT_FAILURE)
    else:
        yield TestCase(name="kernel", outcome=CaseOutcome.PASS)
    stale = next((each for each in boot.banners if each != build), "")
    if stale:
        yield TestCase(name="banner", outcome=CaseOutcome.FAIL, message=f"another image: {stale}, not {build}")
    elif boot.banners:
        yield TestCase(name="banner", outcome=CaseOutcome.PASS)
    outcome = CaseOutcome.FAIL if boot.warnings else CaseOutcome.PASS
    if boot.warnings or not problem:
        yield TestCase(name="warnings", outcome=outcome, message="\n".join(boot.warnings)[:_LONGEST])
