"""Makes test cases fast: a suite may have 250,000 of them, nearly all passed."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from verifiers.results import CaseOutcome, TestCase

_PASS = CaseOutcome.PASS


def passed_maker() -> Callable[[str, str], TestCase]:
    """A function (name, digest) -> passed case; a third of the cost of calling ``TestCase``, validated all the same."""
    TestCase.model_rebuild()  # the models build their validators on first use
    validate = TestCase.__pydantic_validator__.validate_python

    def passed(name: str, digest: str = "") -> TestCase:
        case: TestCase = validate({"name": name, "outcome": _PASS, "digest": digest})
        return case

    return passed


def digest_of(output: bytes) -> str:
    """The short hash by which a case's output is held against the oracle's."""
    return blake2b(output, digest_size=8).hexdigest()


_PRINTK: Final = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")


def printk_of(line: bytes) -> str:
    """A line of a kernel's console as text, without the level, the time and the thread that may be before it."""
    return _PRINTK.sub("", text_of(line))


def text_of(line: bytes) -> str:
    """A line as text: test names and messages are not always UTF-8, and must be the same for the same bytes."""
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")
