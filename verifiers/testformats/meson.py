"""Meson's ``testlog.json``: a JSON object a line and test (https://mesonbuild.com/Unit-tests.html, "Test outputs").

``name`` is ``[project:suite / ]NAME``, ``result`` a word of mesonbuild/mtest.py's ``TestResult``, ``stdout`` what
the test printed. One that speaks TAP has a case for each of its points, ``NAME/POINT``, beside ``NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from verifiers.results import CaseOutcome, TestCase
from verifiers.testformats import tap

_OUTCOMES: Final = {
    "OK": CaseOutcome.PASS,
    "EXPECTEDFAIL": CaseOutcome.SKIP,
    "SKIP": CaseOutcome.SKIP,
    "IGNORED": CaseOutcome.SKIP,
    "TIMEOUT": CaseOutcome.TIMEOUT,
}  # FAIL, UNEXPECTEDPASS, ERROR and INTERRUPT are failures
_LINES, _LONGEST = 12, 2400  # of what a failed test said, at its end


def names(listed: Iterable[str]) -> list[str]:
    """The tests that ``meson test --list`` names; ninja may have said something before."""
    return [_name(line) for line in listed if line.strip() and not line.startswith("ninja: ")]


def parse(lines: Iterable[bytes]) -> Iterator[TestCase]:
    """The cases of a log; lines that are none of it are passed over."""
    for line in lines:
        if not line.startswith(b"{"):
            continue
        try:
            test = json.loads(line)
        except ValueError:  # torn: the runner was killed
            continue
        name = _name(str(test["name"]))
        outcome = _outcome(test)
        message = "" if outcome in (CaseOutcome.PASS, CaseOutcome.SKIP) else _said(test)
        yield TestCase(name=name, outcome=outcome, message=message)
        for point in tap.parse(str(test.get("stdout", "")).encode("utf-8", "replace").splitlines()):
            yield point.model_copy(update={"name": f"{name}/{point.name.strip('/')}"})


def _name(text: str) -> str:
    return text.rpartition(" / ")[2].strip()


def _outcome(test: dict[str, Any]) -> CaseOutcome:
    died = int(test.get("returncode") or 0) < 0
    return _OUTCOMES.get(str(test["result"]), CaseOutcome.CRASH if died else CaseOutcome.FAIL)


def _said(test: dict[str, Any]) -> str:
    """How it ended and the last lines that it printed, of errors rather than of output."""
    code = int(test.get("returncode") or 0)
    how = f"{test['result']}: " + (f"signal {-code}" if code < 0 else f"exit status {code}")
    said = (str(test.get("stderr", "")).strip() or str(test.get("stdout", "")).strip()).splitlines()
    return "\n".join([how, *said[-_LINES:]])[:_LONGEST]
