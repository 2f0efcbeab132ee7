"""What went wrong in calls of the compiler under test, from the driver's log."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from compiler.arches import Arch
from compiler.driver import messages
from compiler.driver.log import Call, Output
from compiler.elf import MACHINES
from verifiers.results import Fault, Reason, Step

_PLACED: Final = re.compile(messages.PLACED)
_ANY_ERROR: Final = re.compile(messages.ANY_ERROR)
_ASIDE: Final = re.compile(messages.ASIDE)
_MARK: Final = re.compile(messages.MARK)
_CRASH: Final = re.compile(messages.CRASH)
_UNCAUGHT: Final = re.compile(messages.UNCAUGHT)
_QUOTED: Final = re.compile(messages.QUOTED)
_CARET: Final = re.compile(messages.CARET)
_CONTEXT: Final = re.compile(r"^In file included from |: In function |: At top level:$|^\d+ warnings? generated")
_MEMORY: Final = re.compile(messages.MEMORY)
_DISK: Final = re.compile(r"No space left on device")
_BAD_FLAG: Final = re.compile(messages.BAD_FLAG)
_ASSEMBLER: Final = re.compile(
    r"^\S.*:\d+: Error: |^as: |assembler command failed|unknown opcode|invalid instruction mnemonic"
    r"|unknown assembler instruction"
)
_UNDEFINED: Final = re.compile(messages.UNDEFINED)
_LINKER: Final = re.compile(messages.LINKER)

# A shell in between turns a signal into an exit status: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
_SHELL_CRASHES: Final = frozenset(128 + number for number in (4, 5, 6, 7, 8, 11))


# By which a build asks for code of another width than the target's own, as a kernel does for its start.
_OTHER_WIDTH: Final = frozenset(("-m16", "-m32", "-mx32", "-m64"))


def faults(calls: Iterable[Call], target: Arch, *, probes: bool = False) -> tuple[Fault, ...]:
    """Faults of the compiler under test, the most telling first, then in the log's order; each once.

    Questions to the compiler (probes) may fail rightly and do not count, unless ``probes`` asks for them: where
    configure itself gave up, they tell why. Of one call, at most one fault.
    """
    found: dict[tuple[Reason, str, str], Fault] = {}
    for call in calls:
        if not _counts(call, probes):
            continue
        for reason, message in _judge(call, target):
            unit = call.unit or (call.inputs[0] if call.inputs else "")
            fault = Fault(reason=reason, unit=unit, message=message, command=call.argv, cwd=call.cwd)
            found.setdefault((reason, unit, message), fault)
            break
    return tuple(sorted(found.values(), key=lambda fault: fault.reason.rank))


def _counts(call: Call, probes: bool) -> bool:
    if call.role != "candidate" or call.limit == "interrupted":
        return False
    if not probes and (call.kind in ("probe", "info") or call.step == Step.CONFIGURE):
        return False
    # A compiler need not know -V or -qversion, by which configure asks who it is.
    if call.kind == "info" and call.exit is not None:
        return False
    # Mixed builds are linked by the oracle, and fail there for what the candidate's objects lack.
    return call.compiler == "candidate" or call.kind == "link"


def _judge(call: Call, target: Arch) -> Iterator[tuple[Reason, str]]:
    lines = call.stderr.splitlines()
    if call.ok:
        yield from _false_success(call, lines, target)
        return
    first = next((line.strip() for line in lines if line.strip()), "")
    telling = _telling(lines)
    yield from _stopped(call, telling, first)
    if call.exit is not None and not first:
        yield Reason.FALSE_FAILURE, f"exit {call.exit} without a message"
    if pointed := _pointed(lines):
        yield Reason.ASSEMBLER_ERROR if call.kind == "assemble" else Reason.REJECTS_VALID, pointed
    yield from _rejected(call, telling)
    # No form of error that we know. Warnings alone are no reason to fail; anything else is taken for one.
    if message := _first(_UNCAUGHT, telling):
        yield Reason.COMPILER_CRASH, _with_next(message, telling)
    plain = next((line.strip() for line in telling if line.strip() and not _CONTEXT.search(line)), "")
    if any("warning:" in line for line in lines) and not plain:
        yield Reason.FALSE_FAILURE, f"exit {call.exit} with warnings only: {first}"
    reason = {"link": Reason.LINK_ERROR, "assemble": Reason.ASSEMBLER_ERROR}.get(call.kind, Reason.REJECTS_VALID)
    yield reason, plain or first


def _false_success(call: Call, lines: list[str], target: Arch) -> Iterator[tuple[Reason, str]]:
    if message := _first(_ANY_ERROR, _said(lines)):
        yield Reason.FALSE_SUCCESS, f"exit 0 with an error: {message}"
    if not (output := call.output):
        return
    if output.bytes < 0:
        yield Reason.FALSE_SUCCESS, f"exit 0, but it did not write {output.path}"
    elif output.bytes == 0:
        yield Reason.FALSE_SUCCESS, f"exit 0, but {output.path} is empty"
    elif call.makes in ("object", "program") and not output.elf and output.ident != "LLVM bitcode":
        yield Reason.FALSE_SUCCESS, f"exit 0, but {output.path} is no ELF file"
    elif _for_another(output, target) and not _OTHER_WIDTH.intersection(call.argv):
        made = f"{MACHINES.get(output.machine, f'ELF machine {output.machine}')}, {output.bits} bits"
        yield Reason.FALSE_SUCCESS, f"exit 0, but {output.path} is for {made}, not for {target.name}"


def _for_another(output: Output, target: Arch) -> bool:
    """Whether it is an ELF file for another machine; one that is too large was not looked into, and has no bits."""
    return output.bits > 0 and not target.makes(output.machine, output.bits)


def _stopped(call: Call, lines: list[str], first: str) -> Iterator[tuple[Reason, str]]:
    """What ended it before it could judge the source."""
    if call.timeout:
        yield Reason.COMPILER_TIMEOUT, f"killed after {call.seconds:.0f} s"
    if call.limit in ("output", "file"):
        yield Reason.COMPILER_OUTPUT_LIMIT, f"wrote {'messages' if call.limit == 'output' else 'a file'} without end"
    if message := _first(_DISK, lines):
        yield Reason.DISK_FULL, message
    if call.limit == "memory" or _first(_MEMORY, lines):
        yield Reason.COMPILER_OUT_OF_MEMORY, _first(_MEMORY, lines) or f"used {call.peak_kib >> 10} MiB, and died"
    if call.signal is not None:
        telling = _first(_CRASH, lines) or first
        yield Reason.COMPILER_CRASH, f"died of {_signal(call.signal)}" + (f": {telling}" if telling else "")
    if message := _first(_CRASH, lines):
        yield Reason.COMPILER_CRASH, _with_next(message, lines)
    if call.exit is not None and call.exit in _SHELL_CRASHES:
        died = f"died of {_signal(call.exit - 128)} (exit {call.exit})"
        yield Reason.COMPILER_CRASH, died + (f": {first}" if first else "")


def _rejected(call: Call, lines: list[str]) -> Iterator[tuple[Reason, str]]:
    """What its first telling line says; a linker's own "ld: in function ..." only where no line says more."""
    read_on = any(_PLACED.search(line) for line in lines)  # so it only grumbled about options
    for line in lines:
        if _BAD_FLAG.search(line) and (not read_on or _PLACED.search(line)):
            yield Reason.BAD_FLAG, line.strip()
        elif _ASSEMBLER.search(line):
            yield Reason.ASSEMBLER_ERROR, line.strip()
        elif call.links and _UNDEFINED.search(line):
            yield Reason.UNDEFINED_SYMBOL, line.strip()
        elif _PLACED.search(line) or (call.kind != "link" and not _LINKER.search(line) and _ANY_ERROR.search(line)):
            yield Reason.ASSEMBLER_ERROR if call.kind == "assemble" else Reason.REJECTS_VALID, line.strip()
    if call.links and (message := _first(_LINKER, lines) or _first(_ANY_ERROR, lines)):
        yield Reason.LINK_ERROR, message


def _pointed(lines: list[str]) -> str:
    """The last message behind a caret, with its place: such a compiler ends at its first error, and warns before."""
    found = ""
    for above, below in pairwise(lines):
        place, said = _QUOTED.match(above), _CARET.match(below)
        if place and said and said[1]:
            found = f"{place[1]} {said[1]}"
    return found


def _with_next(message: str, lines: list[str]) -> str:
    """A line that ends in a colon, as a panic's first does, together with the one that it announces."""
    stripped = [line.strip() for line in lines]
    after = next(filter(None, stripped[stripped.index(message) + 1 :]), "") if message.endswith(":") else ""
    return f"{message} {after}".rstrip()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _telling(lines: Sequence[str]) -> list[str]:
    """Lines that speak of the call's failure: a program's own "out of memory", quoted, is not the compiler's."""
    return [line for line in _said(lines) if _ANY_ERROR.search(line) or not _ASIDE.search(line)]


def _said(lines: Sequence[str]) -> list[str]:
    """Lines but for source, which a mark stands below."""
    return [line for line, below in pairwise([*lines, ""]) if not _MARK.search(below)]


def _first(pattern: re.Pattern[str], lines: Iterable[str]) -> str:
    return next((line.strip() for line in lines if pattern.search(line)), "")
