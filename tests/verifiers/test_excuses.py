"""What excuses make of a verdict: the truth table, and what is wrong with an excuse."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from verifiers.config import ConfigError, load_config
from verifiers.excuses import Excuse, idle, rule
from verifiers.results import (
    CaseOutcome,
    CellId,
    Depth,
    Difference,
    Fault,
    Mix,
    Reason,
    Ruling,
    Step,
    Verdict,
    VerdictKind,
)

TODAY = date(2026, 11, 22)
CELL = CellId(project="p", version="1.0", arch="x86_64", candidate="mycc-1.2", depth=Depth.SMOKE)
PASSED = ("check/good", "check/other", "check/completed")


def excuse(**given: Any) -> Excuse:
    """A valid one for a case, unless told otherwise."""
    what = {} if "step" in given else {"case": "check/bad"}
    return Excuse.model_validate({"project": "p", "bug": "https://bugs/1", "expires": "2026-11-22", **what, **given})


def failing(*cases: str, **more: Any) -> Verdict:
    """A verdict of failing cases."""
    differences = tuple(
        Difference(name=name, oracle=CaseOutcome.PASS, candidate=CaseOutcome.FAIL, message="wrong") for name in cases
    )
    base = {"kind": VerdictKind.FAIL, "reason": Reason.WRONG_RESULT, "step": Step.TEST, "compared": 5}
    return Verdict.model_validate({**base, "differences": differences, **more})


def stopped(step: Step, reason: Reason = Reason.REJECTS_VALID, *faults: Reason) -> Verdict:
    """A verdict of a failed step."""
    found = tuple(Fault(reason=each, unit="a.c", message="no") for each in faults)
    return Verdict(kind=VerdictKind.FAIL, reason=reason, step=step, faults=found)


GREEN = Verdict(kind=VerdictKind.PASS, compared=5)


def ruled(verdict: Verdict, *excuses: Excuse) -> Ruling:
    """Today's ruling."""
    return rule(CELL, verdict, excuses, TODAY, lambda: PASSED)


class TestRule:
    """The truth table."""

    @pytest.mark.parametrize(
        ("verdict", "excuses", "excused"),
        [
            (failing("check/bad"), [excuse()], True),
            (failing("check/bad"), [excuse(project="p@1.0", arch="x86*", candidate="mycc")], True),
            (failing("check/bad"), [excuse(candidate="mycc-1.*")], True),
            (failing("check/bad"), [excuse(project="q")], False),
            (failing("check/bad"), [excuse(project="p@2")], False),
            (failing("check/bad"), [excuse(arch="i686")], False),
            (failing("check/bad"), [excuse(candidate="tcc")], False),
            (failing("check/bad"), [excuse(case="check/ba")], False),
            (failing("check/bad", "check/new"), [excuse()], False),  # one of two: still red
            (failing("check/bad", "check/new"), [excuse(), excuse(case="*/new")], True),
            (failing("check/bad", "check/new"), [excuse(case="check/*")], True),
            (failing("check/bad[1]"), [excuse(case="check/bad[1]")], True),  # the name itself, though a pattern too
            (failing("check/bad", flaky=("check/new",)), [excuse()], False),  # what failed once is not excused
            (failing("check/bad", flaky=("check/new",)), [excuse(case="*")], True),
            (failing("check/bad"), [excuse(expires="2026-11-21")], False),
            (failing("check/bad"), [excuse(expires="2026-11-21"), excuse(expires="2027-01-01")], True),
            (failing("check/bad"), [excuse(step="build")], False),
            (failing("check/bad", kind=VerdictKind.FLAKY), [excuse(case="*")], False),
            (failing("check/bad", kind=VerdictKind.ERROR, reason=Reason.LEAK), [excuse(case="*")], False),
            (Verdict(kind=VerdictKind.BROKEN, step=Step.BUILD), [excuse(step="build")], False),
            (stopped(Step.BUILD), [excuse(step="build")], True),
            (stopped(Step.BUILD), [excuse(step="configure")], False),
            (stopped(Step.BUILD), [excuse(case="*")], False),  # a case's excuse is none for not building
            (stopped(Step.BUILD), [excuse(step="build", reason="rejects-valid")], True),
            (stopped(Step.BUILD), [excuse(step="build", reason="compiler-crash")], False),
            (
                stopped(Step.BUILD, Reason.COMPILER_CRASH, Reason.COMPILER_CRASH, Reason.REJECTS_VALID),
                [excuse(step="build", reason="compiler-crash")],
                False,  # another fault hides behind the excused one
            ),
            (failing("check/new", step=Step.BUILD, reason=Reason.FALSE_SUCCESS), [excuse(step="build")], False),
            (failing("check/bad", step=Step.BUILD), [excuse(step="build"), excuse()], True),
            (failing("check/bad", step=Step.BUILD), [excuse()], False),
            (failing("check/bad"), [], False),
            (GREEN, [excuse(case="*")], False),
        ],
    )
    def test_excused(self, verdict: Verdict, excuses: list[Excuse], excused: bool) -> None:
        """Only where a valid excuse covers every single thing that fails."""
        assert ruled(verdict, *excuses).excused is excused

    def test_partly(self) -> None:
        """What is covered is said, also where the cell stays red."""
        found = ruled(failing("check/bad", "check/new"), excuse())
        assert not found.excused
        assert found.cases == {"check/bad"}
        assert [(each.bug, each.until) for each in found.by] == [("https://bugs/1", "2026-11-22")]

    def test_expired(self) -> None:
        """It is told only where it would have covered something."""
        late = excuse(expires="2026-11-21")
        assert [each.cases for each in ruled(failing("check/bad"), late).expired] == [("check/bad",)]
        assert ruled(failing("check/new"), late).expired == ()
        assert ruled(GREEN, late) == Ruling()

    @pytest.mark.parametrize(
        ("verdict", "given", "cases"),
        [
            (GREEN, excuse(case="check/good"), [("check/good",)]),
            (GREEN, excuse(case="check/*"), [("check/good", "check/other")]),  # how the suite ended is no case
            (GREEN, excuse(case="check/gone"), []),  # it did not run: nobody knows
            (GREEN, excuse(step="build"), [()]),
            (failing("check/bad"), excuse(case="check/good"), [("check/good",)]),
            (failing("check/bad"), excuse(case="check/*"), []),  # some of it fails
            (failing("check/bad"), excuse(step="build"), [()]),
            (stopped(Step.BUILD), excuse(case="check/good"), []),  # no test ran
            (stopped(Step.BUILD), excuse(step="configure"), [()]),
            (stopped(Step.CONFIGURE), excuse(step="build"), []),
            (failing("check/bad", kind=VerdictKind.FLAKY), excuse(case="check/good"), []),
        ],
    )
    def test_unexpected_passes(self, verdict: Verdict, given: Excuse, cases: list[tuple[str, ...]]) -> None:
        """Only of what ran, and where nothing of it fails."""
        assert [each.cases for each in ruled(verdict, given).unexpected] == cases


def test_a_mix_that_passes_is_not_unexpected() -> None:
    """The unit at fault may have been the oracle's."""
    for mix, count in ((None, 1), (Mix(percent=10), 0)):
        cell = CELL.model_copy(update={"mix": mix})
        assert len(rule(cell, GREEN, [excuse(step="build")], TODAY, lambda: PASSED).unexpected) == count


def test_the_cases_are_read_once() -> None:
    """However many excuses ask for them: they may be 300,000."""
    asked = []
    rule(CELL, GREEN, [excuse(case=name) for name in "abc"], TODAY, lambda: asked.append(1) or PASSED)
    assert len(asked) == 1


def test_idle_excuses_are_named() -> None:
    """Those of no cell, perhaps misspelt, and those that expired; none where all are of use."""
    other = excuse(project="q")
    late = excuse(expires="2026-11-21")
    assert list(idle([excuse()], [CELL], TODAY)) == []
    (line,) = idle([excuse(), other], [CELL], TODAY)
    assert line == "the excuse of q check/bad (https://bugs/1) fits no cell of this run"
    (line,) = idle([late], [CELL], TODAY)
    assert "expired after 2026-11-21" in line


VALID = '[[excuse]]\nproject = "p"\ncase = "c"\nbug = "https://bugs/1"\nexpires = 2026-12-01\n'


class TestFile:
    """What is wrong is told with file, line and key."""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (VALID + VALID.replace("https://bugs/1", "soon"), "verify.toml:9: excuse.1.bug: a bug is a link"),
            (VALID.replace("2026-12-01", '"next week"'), "verify.toml:5: excuse.0.expires: a day is written as"),
            (VALID.replace("expires = 2026-12-01\n", ""), "verify.toml:1: excuse.0.expires: field required"),
            (VALID.replace('case = "c"\n', ""), "verify.toml:1: excuse.0: say what fails"),
            (VALID + 'step = "build"\n', "verify.toml:1: excuse.0: say what fails"),
            (VALID.replace("case", "cases"), "verify.toml:3: excuse.0.cases: unknown key (did you mean case?)"),
            ('excuses = "gone.toml"\n', "verify.toml:1: excuses: there is no file"),
        ],
    )
    def test_complaints(self, tmp_path: Path, text: str, complaint: str) -> None:
        """One line each."""
        path = tmp_path / "verify.toml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert str(caught.value).startswith(f"{tmp_path}/{complaint}")

    def test_a_file_of_their_own(self, tmp_path: Path) -> None:
        """Beside those of verify.toml; its complaints name it."""
        (tmp_path / "verify.toml").write_text('excuses = "known.toml"\n' + VALID)
        (tmp_path / "known.toml").write_text(VALID.replace('"c"', '"d"'))
        assert [each.case for each in load_config(tmp_path / "verify.toml").excuse] == ["c", "d"]
        (tmp_path / "known.toml").write_text(VALID.replace("project", "projct"))
        with pytest.raises(ConfigError, match=r"known.toml:2: excuse.0.projct: unknown key"):
            load_config(tmp_path / "verify.toml")
