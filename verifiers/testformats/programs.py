"""The format of ``recipes/runner.py``: a line a case, its columns between TABs.

``OUTCOME  name  digest  CPU seconds  message  output``, and at the end ``END  number of cases``. The digest is of what
the test's program printed, ``-`` for nothing, with its exit status where that is not 0; and none at all where that is
not to be compared. Where the end is missing or counts otherwise, ``GROUP/summary`` fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from verifiers.results import CaseOutcome, Reason, TestCase
from verifiers.testformats.cases import passed_maker, text_of

_OUTCOMES = {word: CaseOutcome(word.lower()) for word in ("PASS", "FAIL", "CRASH", "TIMEOUT", "SKIP")}
_REASONS = {str(each): each for each in Reason}


def parser(group: str) -> Callable[[Iterable[bytes]], Iterator[TestCase]]:
    """The parser for a group's output; the group's name is that of its summary, which exists only where it is amiss."""

    def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
        return _parse(lines, f"{group}/summary")

    return parse


def _parse(lines: Iterable[bytes], summary: str) -> Iterator[TestCase]:
    passed = passed_maker()
    count = 0
    said: int | None = None
    torn = ""
    for line in lines:
        columns = text_of(line).split("\t")
        if len(columns) == 6 and columns[0] in _OUTCOMES and line.endswith(b"\n"):
            word, name, digest, _, message, _ = columns
            count += 1
            if word == "PASS":
                yield passed(name, digest)
            else:
                reason = _REASONS.get(message.partition(":")[0])
                yield TestCase(name=name, outcome=_OUTCOMES[word], message=message, reason=reason)
        elif columns[0] == "END" and len(columns) == 2 and columns[1].isdigit():
            said = int(columns[1])
        else:
            torn = torn or columns[0]
    if said == count and not torn:
        return
    if torn:
        message = f"not a line of the runner's: {torn[:200]}"
    else:
        message = f"{count} cases, but the end says {said}" if said is not None else f"no end after {count} cases"
    yield TestCase(name=summary, outcome=CaseOutcome.FAIL, message=message)


def output_of(lines: Iterable[bytes], name: str) -> str | None:
    """The first of what a case printed, or its compiler; None where the lines have no such case."""
    for line in lines:
        columns = text_of(line).split("\t")
        if len(columns) == 6 and columns[1] == name:
            return str(json.loads(columns[5])) if columns[5] else ""
    return None
