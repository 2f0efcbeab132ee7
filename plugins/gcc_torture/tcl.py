"""The little of Tcl that DejaGnu's directives are written in: lists of words in braces, quotes or neither."""

from __future__ import annotations


class BadList(ValueError):
    """A brace or a quote is not closed."""


def split(text: str) -> list[str]:
    """The words of a Tcl list; those in braces as they are, those in quotes with their backslashes taken out."""
    words: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return words
        end, word = {"{": _braced, '"': _quoted}.get(text[at], _bare)(text, at)
        words.append(word)
        at = end


def _braced(text: str, start: int) -> tuple[int, str]:
    depth = 0
    at = start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at + 1, text[start + 1 : at]
        at += 1
    raise BadList(text)


def _quoted(text: str, start: int) -> tuple[int, str]:
    word = ""
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
            word += text[at : at + 1]
        elif text[at] == '"':
            return at + 1, word
        else:
            word += text[at]
        at += 1
    raise BadList(text)


def _bare(text: str, start: int) -> tuple[int, str]:
    at = start
    while at < len(text) and not text[at].isspace():
        at += 1
    return at, text[start:at]
