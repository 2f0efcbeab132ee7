"""What a suite's output and the end of its command come to, as the cases that are held against the oracle's."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins import linux
from verifiers.compare import dead_suites, held, unfit_suites
from verifiers.limits import Completed
from verifiers.recipes import Suite
from verifiers.results import CaseOutcome, CaseTable, Reason, Usage
from verifiers.testformats import console, tap
from verifiers.workspace import collect

SUITE = Suite("check", ("./check",), tap.parse)


def ended(exit: int | None = 0, signal: int | None = None, stopped: Reason | None = None) -> Completed:
    return Completed(exit=exit, signal=signal, stopped=stopped, usage=Usage(), detail="why it was stopped")


def collected(output: str, done: Completed) -> CaseTable:
    return collect(SUITE, [line.encode() + b"\n" for line in output.split("\n")], done, lambda name: name)


def differing(candidate: CaseTable, oracle: CaseTable) -> list[str]:
    return [each.name for each in held(candidate, oracle).differences]


class TestNames:
    """No case hides another."""

    def test_a_name_that_occurs_again(self) -> None:
        """It is numbered, and not as another case is called already, or will be."""
        for names in (("a", "a", "a#2"), ("a#2", "a", "a"), ("a", "a#2", "a")):
            lines = [f"{{}} {number} - {name}" for number, name in enumerate(names, 1)]
            good = collected("\n".join(lines).format("ok", "ok", "ok"), ended())
            assert len(good) == 3
            for bad in range(3):
                words = ["not ok" if number == bad else "ok" for number in range(3)]
                assert len(differing(collected("\n".join(lines).format(*words), ended()), good)) == 1

    def test_the_engine_s_own_name(self) -> None:
        """A test that is called as the case for the command's end does not stand for it."""
        output = "ok 1 - a\nok 2 - completed"
        crashed = collected(output, ended(None, 11))
        assert differing(crashed, collected(output, ended())) == ["check/completed"]


class TestEnds:
    """What is not known to be whole is no measure for another compiler."""

    @pytest.mark.parametrize(
        ("output", "done"),
        [
            ("1..0", ended()),
            ("./check: nothing to do", ended(1)),
            ("ok 1 - a\nout of ports", ended(1)),
            ("ok 1 - a\nok 2 - b # SKIP no tty", ended(2)),
            ("ok 1 - a\nnot ok 2 - b", ended(None, None, Reason.OUTPUT_LIMIT)),
            ("ok 1 - a\nnot ok 2 - b", ended(None, 9)),
            ("not ok 1 - a\nnot ok 2 - b", ended(1)),
            ("ok 1 - a\nnot ok 2 - b", ended(None, None, Reason.STEP_TIMEOUT)),
        ],
    )
    def test_the_rest_is_not_known(self, output: str, done: Completed) -> None:
        """No case, a failure that no case accounts for, or a command that was stopped or died."""
        assert dead_suites(collected(output, done)) == ["check/completed"]

    def test_more_failures_than_passes(self) -> None:
        """Where these are all the tests there are."""
        cases = collected("not ok 1 - a\nnot ok 2 - b\nok 3 - c", ended(1))
        assert (dead_suites(cases), unfit_suites(cases)) == ([], ["check/completed"])
        assert not unfit_suites(collected("not ok 1 - a\nok 2 - b", ended(1)))

    @pytest.mark.parametrize("name", ["oops", "no-root", "panic", "hang", "loop"])
    def test_a_machine_that_does_not_boot(self, name: str) -> None:
        """The emulator ends well all the same."""
        console_of = Path(linux.__file__).parent / "recorded" / f"{name}.log"
        suite = Suite("boot", ("qemu",), console.parser("kernel@debian"))
        with console_of.open("rb") as lines:
            cases = collect(suite, lines, ended(), lambda name: name)
        assert cases.passed and dead_suites(cases) == ["boot/kernel"]

    def test_a_failure_that_is_accounted_for(self) -> None:
        """What the project knows to fail is no reason to doubt the rest."""
        cases = collected("ok 1 - a\nnot ok 2 - b", ended(1))
        assert cases.others["check/completed"].outcome is CaseOutcome.FAIL
        assert not dead_suites(cases)

    def test_too_much_output_is_said(self) -> None:
        """It is a reason of its own, not a crash."""
        cases = collected("ok 1 - a", ended(None, None, Reason.OUTPUT_LIMIT))
        assert cases.others["check/completed"].reason is Reason.OUTPUT_LIMIT
