"""One build, several people: which shares of the units hold the bad one."""

from __future__ import annotations

import pytest

from compiler.driver import share
from tests.e2e.conftest import Verify
from tests.e2e.test_saboteurs import PARSE, SABOTEURS
from verifiers.results import Step, VerdictKind

UNITS = [f"src/{name}.c" for name in ("main", "scale", "stub", "table", "text", "words")]


@pytest.mark.parametrize("seed", [3, 4, 7])
def test_red_where_the_share_holds_the_bad_unit(verify: Verify, seed: int) -> None:
    """And the cell names the candidate's units, also as a list for --mix-files."""
    script, *_ = SABOTEURS["flips a constant"]
    arguments = ("--mix", "40%", "--seed", str(seed), "--cc", verify.compiler(PARSE + script))
    cell, code = verify.cell(*arguments)
    wanted = tuple(unit for unit in UNITS if share(seed, unit) < 40)
    red = "src/scale.c" in wanted
    assert red == (seed in (4, 7))
    assert (cell.verdict.kind, code) == ((VerdictKind.FAIL, 1) if red else (VerdictKind.PASS, 0)), cell.verdict
    assert not red or cell.verdict.step is Step.TEST
    assert cell.candidate is not None
    assert cell.candidate.provenance.mixed == wanted
    kept = verify.folder / "state" / cell.folder / "mixed.txt"
    assert kept.read_text() == "".join(f"{unit}\n" for unit in wanted)
    assert str(kept) in verify.run("show", "tally").stdout
