"""What a candidate is when nobody has anything to gain: a known program compiled inside the sandbox, once per compiler.

Every compiler proper of the machine is wired up meanwhile. One that fires here is what the candidate is made of (a
wrapper around gcc is gcc); one that fires only later, for some files of a real project, is a leak.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Final

from compiler.driver import Call
from verifiers.results import Frozen

SOURCE: Final = """\
int printf(const char *, ...);
static const int table[] = {3, 1, 4};
static int sum(const int *at, int n) { int total = 0; while (n-- > 0) total += at[n]; return total; }
int main(void) { return printf("sum %d\\n", sum(table, sizeof table / sizeof *table)) > 0 ? 0 : 1; }
"""
WRONG: Final = "int main(void) { return undeclared_name }\n"
_ASSEMBLER: Final = re.compile(r"(?:^|-)as(?:-\d+)?$")
_LINKER: Final = re.compile(r"(?:^|-)(?:ld(?:\.(?:bfd|gold|lld|mold))?|lld|mold)(?:-\d+)?$")
_TOOL_PLACES: Final = ("/usr/bin/*as", "/usr/bin/*ld*", "/usr/lib/llvm-*/bin/*ld*", "/usr/local/bin/*ld*")
SCRIPT: Final = """\
say() { printf '%s=%s\\n' "$1" "$2"; }
"$CC" -c calibrate.c -o calibrate.o; say compiles $?
"$CC" calibrate.o -o calibrate.out; say links $?
say prints "$($RUN ./calibrate.out)"
"$CC" -c wrong.c -o wrong.o 2>/dev/null; say wrong $?
"$CC" -fccverify-no-such-option -c calibrate.c -o option.o 2>/dev/null; say option $?
exit 0
"""


class Calibration(Frozen):
    """What was seen."""

    starts: bool = True  # False: the program could not even be executed inside the sandbox
    why: str = ""  # what it said then, or of the known program
    works: bool = True  # compiles, links and runs the known program
    compiles: bool = True
    links: bool = True
    assembler: str = ""  # the program that it had assemble; "" where it did so itself
    linker: str = ""  # and link
    ident: str = ""  # its objects' .comment
    engines: tuple[str, ...] = ()  # compilers proper that compiled: its own
    names: tuple[str, ...] = ()  # compilers it had compile by their name on PATH: its own as well
    notes: tuple[str, ...] = ()


def judge(said: str, calls: list[Call]) -> Calibration:
    """From the script's answers and the driver's log."""
    answers = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    own = [call for call in calls if call.role == "candidate"]
    first = next(iter(own), None)
    if first is None or (first.exit in (126, 127) and not any(call.ok for call in own)):
        message = next(
            (line for line in (first.stderr if first else said).splitlines() if line.strip()), "it said nothing"
        )
        return Calibration(starts=False, why=message.strip())
    notes = []
    compiles, links = answers.get("compiles") == "0", answers.get("links") == "0"
    works = compiles and links and answers.get("prints") == "sum 8"
    why = ""
    if not works:
        message = next((line for call in own if not call.ok for line in call.stderr.splitlines() if line.strip()), "")
        why = message or said.replace("\n", " ")
        notes.append(f"does not build a hello world: {why}")
    if compiles and not links:
        notes.append(
            'compiles and does not link; if it only makes objects, put linker = "oracle" in its entry of verify.toml'
        )
    if answers.get("wrong") == "0":
        notes.append("accepts a program with a syntax error, so every question of configure is answered yes")
    if answers.get("option") == "0":
        notes.append("accepts options that do not exist, so configure believes that it has them all")
    # Only where it did its work: whom it asks when it fails, on what is wrong, is not what it is made of. The driver
    # logs a call as it ends, so what comes after the link's belongs to the questions.
    works_in = calls[: calls.index(own[1]) + 1] if len(own) > 1 else calls
    # Nobody but the candidate runs here, so an engine whose call is unknown (`env -i gcc`) is its own. One that only
    # preprocesses, assembles or links for it has yet to show that it does not compile for it.
    tools = [call.engine for call in works_in if call.role == "engine" and is_tool(call.engine)]
    compiled = [call for call in works_in if call.kind == "compile" and call.engine not in tools]
    ident = next((call.output.ident for call in own if call.ok and call.output and call.makes == "object"), "")
    return Calibration(
        why=why,
        works=works,
        compiles=compiles,
        links=links,
        assembler=next((each for each in tools if _ASSEMBLER.search(os.path.basename(each))), ""),
        linker=next((each for each in tools if _LINKER.search(os.path.basename(each))), ""),
        ident=ident,
        engines=tuple(dict.fromkeys(call.engine for call in compiled if call.role == "engine")),
        names=tuple(dict.fromkeys(call.name for call in compiled if call.role == "leak" and call.call)),
        notes=tuple(notes),
    )


def cut_off(found: Calibration, why: str) -> Calibration:
    """What is believed of a compiler that had no time to answer: nothing that would make a cell green, or a skip."""
    ident = found.ident or f"not known, as its hello world was not done: {why}"
    note = f"was asked to build a hello world, and was not done: {why}"
    return Calibration(works=False, compiles=False, links=False, why=why, ident=ident, notes=(note,))


def is_tool(path: str) -> bool:
    """Whether a program by that name assembles or links."""
    name = os.path.basename(path)
    return bool(_ASSEMBLER.search(name) or _LINKER.search(name))


def host_tools() -> tuple[str, ...]:
    """The real path of every assembler and linker on this machine."""
    found = {os.path.realpath(path) for place in _TOOL_PLACES for path in glob.glob(place) if is_tool(path)}
    return tuple(sorted(path for path in found if is_tool(path)))
