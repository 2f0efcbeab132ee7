"""Text from elsewhere, made harmless: what cannot be seen is shown, and what has no end is cut."""

from __future__ import annotations

import re
import unicodedata

LINE = 600
"""Characters of a line that are shown."""

# Controls but tab and newline; surrogates; what reorders, hides or joins text (Unicode TR #36); no character at all.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text with every control, bidirectional or otherwise unseen character replaced by a picture or its number."""
    return _HIDDEN.sub(_picture, text) if _HIDDEN.search(text) else text


def one(text: str, width: int = LINE) -> str:
    """The same on one line of at most about ``width`` characters."""
    return _cut(visible(text[: width * 4].replace("\n", "⏎").replace("\t", " ")), width, len(text))


def lines(data: bytes, count: int, width: int = LINE) -> list[str]:
    """The last ``count`` lines of a log, each cut at ``width`` characters."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return [_cut(visible(line[: width * 4]), width, len(line)) for line in text.split("\n")[-count:]]


def _cut(text: str, width: int, length: int) -> str:
    if len(text) <= width and length <= width * 4:
        return text
    return f"{text[:width]} … ({length:,} characters)"


def _picture(found: re.Match[str]) -> str:
    char = found[0]
    if char < " ":
        return chr(0x2400 + ord(char))  # the block of control pictures
    if char == "\x7f":
        return "␡"
    name = unicodedata.name(char, "")
    return f"[U+{ord(char):04X}{' ' + name if name else ''}]"
