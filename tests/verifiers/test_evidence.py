"""Why a step failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifiers.evidence import explain, first_error
from verifiers.results import Fault, Reason, Step, StepResult

VAGUE = StepResult(step=Step.BUILD, ok=False, reason=Reason.BUILD_FAILED, message="make: exit status 2")


class TestFirstError:
    """The first line that tells, not the last."""

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("gcc -c a.c\na.c:3:1: error: oops\nb.c:1:1: error: later\n", "a.c:3:1: error: oops"),
            ("checking for error... no\nmake: *** [all] Error 2\n", ""),
            ("ld: main.o: undefined reference to `f'\nmake: *** [x] Error 1", "ld: main.o: undefined reference to `f'"),
            ("make: *** No rule to make target 'x'.  Stop.", ""),
            (
                "configure: error: C compiler cannot create executables\n",
                "configure: error: C compiler cannot create executables",
            ),
            (
                "  HOSTLD  scripts/kconfig/conf\n/ccverify/bin/cc: unknown C compiler\n"
                "scripts/Kconfig.include:45: Sorry, this C compiler is not supported.\n",
                "/ccverify/bin/cc: unknown C compiler",
            ),
            ("gcc -Werror -c error.c\nsh: 1: tclsh: not found\n", "sh: 1: tclsh: not found"),
        ],
    )
    def test_line(self, text: str, line: str) -> None:
        """Make's own summing up, options and file names are no errors."""
        assert first_error(text.encode()) == line


class TestExplain:
    """From "exit status 2" to what it was."""

    def test_the_most_telling_fault_names_the_reason(self, tmp_path: Path) -> None:
        """The driver's log knows better than make's."""
        log = tmp_path / "log"
        log.write_text("a.c:1:1: error: x\n")
        faults = (
            Fault(reason=Reason.REJECTS_VALID, unit="a.c", message="a.c:1:1: error: x"),
            Fault(reason=Reason.COMPILER_CRASH, unit="b.c", message="died of SIGSEGV"),
        )
        found = explain(VAGUE.model_copy(update={"faults": faults}), log, tmp_path)
        assert (found.reason, found.message) == (Reason.COMPILER_CRASH, "b.c: died of SIGSEGV")

    @pytest.mark.parametrize(
        ("said", "reason", "message"),
        [
            ("configure: error: it needs SSE2\n", Reason.CONFIGURE_FAILED, "configure: error: it needs SSE2"),
            (
                "../meson.build:1:0: ERROR: Unknown compiler(s): [['cc']]\n\nERROR: meson setup failed\n",
                Reason.CONFIGURE_FAILED,
                "../meson.build:1:0: ERROR: Unknown compiler(s): [['cc']]",
            ),
            ("configure: error: C compiler cannot create executables\n", Reason.REJECTS_VALID, "a.c:1:1: error: x"),
            ("checking for x... no\n", Reason.REJECTS_VALID, "a.c:1:1: error: x"),
        ],
    )
    def test_what_a_configure_says_itself(self, tmp_path: Path, said: str, reason: Reason, message: str) -> None:
        """It asked many things that it took no for; but of a compiler that makes nothing it only knows that."""
        log = tmp_path / "log"
        log.write_text(said)
        fault = Fault(reason=Reason.REJECTS_VALID, unit="a.c", message="a.c:1:1: error: x")
        gave_up = StepResult(step=Step.CONFIGURE, ok=False, reason=Reason.CONFIGURE_FAILED, faults=(fault,))
        found = explain(gave_up, log, tmp_path)
        assert (found.reason, found.message) == (reason, message)
        crash = Fault(reason=Reason.COMPILER_CRASH, unit="b.c", message="died of SIGSEGV")
        found = explain(gave_up.model_copy(update={"faults": (fault, crash)}), log, tmp_path)
        assert found.reason is Reason.COMPILER_CRASH

    def test_without_a_fault_the_log_speaks(self, tmp_path: Path) -> None:
        """The reason stays vague, the message does not."""
        log = tmp_path / "log"
        log.write_text("x\nsh: 1: tclsh: not found\nmake: *** [Makefile:3: x] Error 127\n")
        found = explain(VAGUE, log, tmp_path)
        assert (found.reason, found.message) == (Reason.BUILD_FAILED, "sh: 1: tclsh: not found")

    def test_a_known_reason_is_left_alone(self, tmp_path: Path) -> None:
        """A step that was stopped says itself why."""
        stopped = VAGUE.model_copy(update={"reason": Reason.STEP_TIMEOUT})
        assert explain(stopped, tmp_path / "no-log", tmp_path) is stopped
