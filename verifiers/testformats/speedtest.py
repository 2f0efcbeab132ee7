"""SQLite's ``speedtest1 --verify``: `` 100 - 5000 INSERTs into table with no index......    0.005s`` a part.

The parts only say that they ended. The last line, ``Verification Hash: BYTES SHA3``, is over every result row of every
part (of a floating point value only that it is one), and its digest is what is held against the oracle's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats.cases import passed_maker, text_of

HASH: Final = "verification-hash"
_PART: Final = re.compile(rb" *(\d+) - (.*?)\.* +\d+\.\d+s$")
_BEGUN: Final = re.compile(rb" *(\d+) - (.*?)\.*$")
_HASH: Final = re.compile(rb"Verification Hash: (\d+)(?: ([0-9a-f]+))?$")


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """A case a numbered part, and ``verification-hash``."""
    passed = passed_maker()
    for line in lines:
        if match := _PART.match(line):
            yield passed(f"{match[1].decode()}-{text_of(match[2])}", "")
        elif match := _HASH.match(line):
            yield passed(HASH, f"{match[1].decode()}:{(match[2] or b'').decode()}")
        elif match := _BEGUN.match(line):
            name = f"{match[1].decode()}-{text_of(match[2])}"
            yield TestCase(name=name, outcome=CaseOutcome.CRASH, message="the output ends in this part")
