"""A cell in which everything that comes from elsewhere is hostile, and what must never come of it."""

from __future__ import annotations

from pathlib import Path

from tests.verifiers.report.made import cell, result, run
from verifiers.results import (
    CaseOutcome,
    CaseTable,
    CellResult,
    ConfigurationDifference,
    Difference,
    Fault,
    Leak,
    Provenance,
    Reason,
    Step,
    TestCase,
    Verdict,
    VerdictKind,
)
from verifiers.store import CASES, Store, write_cases

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
BREAKOUT = "\"'><svg onload=document.title='owned'>]]>--></pre></style></title>{{ 7*7 }}{% raw %}"
MARKDOWN = "| x | `code` [link](javascript:alert(1)) @everyone #1 **bold** <b>"
UNSEEN = "\0 \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnp.exe\u2066 \ufffe \x85 \r over"
NASTY = f"{SCRIPT} {IMAGE} {BREAKOUT} {MARKDOWN} {UNSEEN}"
LONG = "A" * (1 << 20)


def hostile(root: Path, store: Store) -> CellResult:
    """Save it in a run of its own, with logs and cases."""
    run_id = store.begin("{}")
    name = cell(f"p{NASTY}", candidate=f"cc-{NASTY}", version=NASTY)
    names = [f"check/{NASTY} {number}" for number in range(3)]
    differences = [
        Difference(name=each, oracle=CaseOutcome.PASS, candidate=CaseOutcome.FAIL, message=f"{NASTY}\n{LONG}")
        for each in names
    ]
    verdict = Verdict(
        kind=VerdictKind.FAIL,
        reason=Reason.REJECTS_VALID,
        step=Step.TEST,
        message=NASTY + LONG,
        faults=(Fault(reason=Reason.REJECTS_VALID, unit=NASTY, message=NASTY, command=("cc", NASTY), cwd=NASTY),),
        differences=tuple(differences),
        compared=9,
        both_fail=(NASTY,),
        extra=(NASTY,),
        notes=(NASTY,),
    )
    leaks = Provenance(units=1, leaks=(Leak(unit=NASTY, how=NASTY, command=(NASTY,)),), notes=(NASTY,))
    ran = run(name.candidate, provenance=leaks, sandbox=NASTY, ran_by=NASTY)
    made = result(
        name,
        run_id=run_id,
        candidate=ran,
        accommodations=(NASTY,),
        fingerprint=NASTY,
        configuration_differences=(ConfigurationDifference(file=NASTY, oracle=NASTY, candidate=NASTY),),
        folder=f"logs/{run_id}/hostile",
    ).model_copy(update={"verdict": verdict})
    folder = root / made.folder
    folder.mkdir(parents=True)
    (folder / "candidate-test-check.log").write_bytes(
        f"{NASTY}\n{LONG}\n{NASTY}\n\udcff".encode("utf-8", "surrogateescape")
    )
    others = {each: TestCase(name=each, outcome=CaseOutcome.FAIL, message=NASTY) for each in (*names, NASTY)}
    write_cases(folder / CASES, CaseTable(passed={f"check/fine {NASTY}": ""}, others=others))
    store.save(made)
    store.finish(run_id)
    return made
