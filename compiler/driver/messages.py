"""What compilers say when they fail, as patterns of one line: GCC, clang, and all whose words we have met.

They are text, so that the runner of small programs, a program of its own that reads bytes, uses the same.
"""

from __future__ import annotations

from typing import Final

ERROR: Final = r"(?:fatal |internal compiler )?[Ee]rror: ?"
# Compilers quote source, too, some without a mark, so what comes first must be a file's name and no statement.
_FILE: Final = r'(?!(?:warning|note|remark):)[^\s|:"(=;]+'

# "a.c:12:3: error: ...", as GCC and all who copy it do; "a.c, line 12: ..." is pcc's.
PLACED: Final = rf"^{_FILE}(?::\d+(?::\d+)?: ?{ERROR}|, line \d+: )"
# "cc: error: ..." and "error: ..." name no place.
ANY_ERROR: Final = rf"^(?:{_FILE}:(?:\d+:){{0,2}} ?)?{ERROR}(?=\S)"
# chibicc and its kin quote the line, and say below it, behind a caret, what is wrong there; no group for a warning.
QUOTED: Final = rf"^({_FILE}:\d+:)(?: |$)"
CARET: Final = r"^\s*\^ (?:(?:warning|note)\b.*|(\S.*))$"
MARK: Final = r"^\s*[\^~]"  # below source, whatever that looks like
# Warnings, and source with texts in it, unless it is an error for certain.
ASIDE: Final = r"^\s|\b(?:warning|note|remark): |^[^`]*\""

CRASH: Final = (
    r"internal compiler error|PLEASE (?:submit|ATTACH)|Please submit a full bug report|Assertion [`'].*failed"
    r"|Segmentation fault|Aborted|core dumped|panicked at|AddressSanitizer|UndefinedBehaviorSanitizer"
    r"|stack smashing detected|LLVM ERROR(?!: out of memory)"
)
# What a compiler's own language says of an exception that nobody caught: Python, Go, Zig, OCaml; and chibicc's words.
UNCAUGHT: Final = (
    r"^Traceback \(most recent call last\)|^panic: |^thread \d+ panic: |^Fatal error: exception |^internal error\b"
)
# tcc says "memory full (vstack)" of a table of its own, whatever memory there is.
MEMORY: Final = (
    r"out of memory|memory full(?! \(vstack\))|memory exhausted|Cannot allocate memory|bad_alloc"
    r"|Killed signal terminated"
)
BAD_FLAG: Final = (
    r"(?i:unrecogni[sz]ed (?:command[- ]line )?(?:option|argument|flag)"
    r"|unknown (?:command[- ]line )?(?:argument|option|flag)\b"
    r"|invalid option|unsupported (?:command[- ]line )?option|unsupported argument .* to option"
    r"|unexpected argument '-|flag provided but not defined)"  # of Rust's clap, of Go
)
UNDEFINED: Final = r"(?i:undefined reference to|undefined symbol|unresolved (?:reference|symbol|external))"
LINKER: Final = (
    r"(?i:\bld(?:\.\w+)?: |collect2: |cannot find (?:-l|library)|library '.*' not found|linker command failed"
    r"|multiple definition of|file not recognized)"
)
