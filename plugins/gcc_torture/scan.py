"""Finds in the tokens of a C source what no pattern can: nested functions, variable members, old heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_TOKENS: Final = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\.\.\.|\S")
_DIRECTIVE: Final = re.compile(r"^[ \t]*#([^\n]*)", re.MULTILINE)
_DEFINE: Final = re.compile(r"\s*define\s+(\w+)")
_NO_FUNCTION: Final = frozenset(
    [
        "if",
        "for",
        "while",
        "switch",
        "return",
        "sizeof",
        "typeof",
        "__typeof__",
        "__typeof",
        "do",
        "else",
        "case",
        "goto",
        "asm",
        "__asm",
        "__asm__",
        "_Static_assert",
        "_Alignas",
        "__alignof__",
        "_Generic",
        "__extension__",
    ]
)
_STORAGE: Final = frozenset(
    [
        "static",
        "extern",
        "inline",
        "__inline",
        "__inline__",
        "const",
        "volatile",
        "register",
        "auto",
        "typedef",
        "__extension__",
        "__const",
        "__volatile",
    ]
)
_TYPES: Final = frozenset(("void", "char", "short", "int", "long", "float", "double", "signed", "unsigned"))
_SCOPES: Final = frozenset(("struct", "union", "enum"))
_LIBRARY: Final = frozenset(
    [
        "abort",
        "exit",
        "memcpy",
        "memset",
        "memcmp",
        "memmove",
        "strcmp",
        "strlen",
        "strcpy",
        "strcat",
        "strncmp",
        "strchr",
        "printf",
        "sprintf",
        "malloc",
        "free",
        "calloc",
        "puts",
        "bcopy",
    ]
)


def scan(code: str) -> frozenset[str]:
    """Which of nested_function, vla_in_struct, old_style, implicit_int and implicit_declaration there is.

    ``code`` has no comments, and its strings are empty. Macros are not expanded.
    """
    lines = _DIRECTIVE.findall(code)
    macros = {match[1] for line in lines if (match := _DEFINE.match(line))}
    included = any(line.split()[:1] == ["include"] for line in lines)
    tokens = _without_attributes(_TOKENS.findall(_DIRECTIVE.sub("", code)))
    found = _Scan(tokens, macros).found
    if not included and _calls_undeclared(tokens):
        found.add("implicit_declaration")
    return frozenset(found)


@dataclass
class _Scan:
    """One pass over the tokens, with the stack of open braces."""

    tokens: Sequence[str]
    macros: set[str]
    found: set[str] = field(default_factory=set)
    pairs: dict[int, int] = field(default_factory=dict)  # closing parenthesis -> opening one

    def __post_init__(self) -> None:
        braces: list[str] = []
        open_at: list[int] = []
        begin = 0  # of the statement or declaration at the top level
        for at, token in enumerate(self.tokens):
            if token == "(":
                open_at.append(at)
            elif token == ")" and open_at:
                self.pairs[at] = open_at.pop()
            elif token == "{":
                opens = self._opens(at, bool(braces))
                if opens == "function" and "function" in braces:
                    self.found.add("nested_function")
                if opens == "function" and not braces:
                    self._head(begin, at)
                if opens == "struct" and "function" in braces and self._variable(at):
                    self.found.add("vla_in_struct")
                braces.append(opens)
            elif token == "}":
                if braces and braces.pop() == "function" and not braces:
                    begin = at + 1
            elif token == ";" and not braces and not open_at and not self._in_head(begin, at):
                self._declaration(begin, at)
                begin = at + 1

    def _opens(self, at: int, inside: bool) -> str:
        """What a brace opens: a function's body, a struct's, or anything else."""
        before = self.tokens[at - 1] if at else ""
        if before in _SCOPES or (at > 1 and self.tokens[at - 2] in _SCOPES):
            enum = "enum" in (before, self.tokens[at - 2])
            return "block" if enum else "struct"
        if not inside:
            return "block" if before in ("=", ",", "{", '"') else "function"
        if before == ")" and (start := self.pairs.get(at - 1)):
            name = self.tokens[start - 1]
            typed = start > 1 and (_is_name(self.tokens[start - 2]) or self.tokens[start - 2] in ("*", "}", ";", "{"))
            if _is_name(name) and name not in _NO_FUNCTION and name not in self.macros and typed:
                return "function"
        return "block"

    def _in_head(self, begin: int, at: int) -> bool:
        """Whether a semicolon ends a parameter's declaration before a function's body."""
        for index in range(begin, at):
            if self.tokens[index] == ")" and index + 1 < at and _is_name(self.tokens[index + 1]):
                after = self.tokens[index + 1]
                start = self.pairs.get(index, 0)
                if start and _is_name(self.tokens[start - 1]) and after not in ("asm", "__asm__", "__asm"):
                    return True
            if self.tokens[index] == "=":
                return False
        return False

    def _head(self, begin: int, at: int) -> None:
        """A function's head: are its parameters bare names, has it a type?"""
        for index in range(begin, at):
            if self.tokens[index] == "(" and index > begin and _is_name(self.tokens[index - 1]):
                break
        else:
            return
        name = index - 1
        if self.tokens[name] in self.macros or self.tokens[name] in _NO_FUNCTION:
            return
        if all(each in _STORAGE or each == "*" for each in self.tokens[begin:name]):
            self.found.add("implicit_int")
        if at - 1 not in self.pairs or self.tokens[at - 1] == ";":
            self.found.add("old_style")
            return
        inside = self.tokens[index + 1 : at - 1]
        if inside and all(_is_name(each) != (number % 2) for number, each in enumerate(inside)) and inside != ["void"]:
            self.found.add("old_style")

    def _declaration(self, begin: int, end: int) -> None:
        """A declaration at the top level: has it a type?"""
        words = list(self.tokens[begin:end])
        bare = words[:1] and words[0] not in _STORAGE
        while words and words[0] in _STORAGE:
            words.pop(0)
        first, second, third = (*words, ";", ";", ";")[:3]
        if not _is_name(first) or first in _NO_FUNCTION | _TYPES | self.macros or (bare and second == ";"):
            return
        if second in (";", "=", ",", "[") or (second == "(" and third != "*"):
            self.found.add("implicit_int")

    def _variable(self, at: int) -> bool:
        """Whether an array in the struct that opens here has a size with a lower-case name in it."""
        depth = 0
        for index in range(at, len(self.tokens)):
            token = self.tokens[index]
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return False
            if token == "[":
                size = self.tokens[index + 1 : self.tokens.index("]", index)]
                if "sizeof" not in size and any(
                    _is_name(each) and each not in self.macros and each.islower() for each in size
                ):
                    return True
        return False


def _calls_undeclared(tokens: Sequence[str]) -> bool:
    called, declared = set(), set()
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token == "{") - (token == "}")
        if token in _LIBRARY and at + 1 < len(tokens):
            before = tokens[at - 1] if at else ""
            typed = (_is_name(before) and before not in _NO_FUNCTION) or before == "*" or (before == "," and not depth)
            if typed:
                declared.add(token)
            elif tokens[at + 1] == "(":
                called.add(token)
    return bool(called - declared)


def _without_attributes(tokens: Sequence[str]) -> list[str]:
    """Attributes have parentheses that look like a function's."""
    kept: list[str] = []
    depth = 0
    skipping = False
    for token in tokens:
        if token in ("__attribute__", "__attribute"):
            skipping, depth = True, 0
        elif skipping:
            depth += (token == "(") - (token == ")")
            skipping = depth > 0
        else:
            kept.append(token)
    return kept


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] == "_"
