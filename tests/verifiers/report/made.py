"""Made-up results and histories, for reports that no real run of a test's length would fill."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from verifiers.places import write_failing, write_place
from verifiers.results import (
    CaseOutcome,
    CaseTable,
    CellId,
    CellResult,
    CompilerInfo,
    Depth,
    Difference,
    Fault,
    Provenance,
    Reason,
    RunResult,
    Step,
    StepResult,
    TestCase,
    Usage,
    Verdict,
    VerdictKind,
)
from verifiers.state import State
from verifiers.store import CASES, Store, write_cases

ARCHES = ("x86_64", "i686", "aarch64", "riscv64")
MESSAGES = (
    (Reason.REJECTS_VALID, Step.BUILD, "src/{p}.c:{n}:7: error: unknown type name '_Float{n}'"),
    (Reason.COMPILER_CRASH, Step.BUILD, "src/{p}_main.c:{n}: internal error: regalloc: no register at 0x7ffe{n:04x}"),
    (Reason.UNDEFINED_SYMBOL, Step.BUILD, "main.o: undefined reference to `__builtin_{p}_{n}'"),
    (Reason.BAD_FLAG, Step.CONFIGURE, "mycc: error: unknown option '-fno-{p}'"),
)


def cell(project: str = "p", arch: str = "x86_64", candidate: str = "mycc-1.0", **more: object) -> CellId:
    """A cell's name."""
    given: dict[str, object] = {"version": "1.0", "depth": Depth.STANDARD, **more}
    return CellId.model_validate({"project": project, "arch": arch, "candidate": candidate, **given})


def table(**cases: str) -> CaseTable:
    """Cases by what they came to."""
    passed = {name: "" for name, outcome in cases.items() if outcome == "pass"}
    others = {name: TestCase(name=name, outcome=CaseOutcome(text)) for name, text in cases.items() if text != "pass"}
    return CaseTable(passed=passed, others=others)


def run(
    name: str, cost: float = 1.0, failed: Step | None = None, reason: Reason | None = None, **more: object
) -> RunResult:
    """A compiler's run with all steps, or as far as one that fails; ``cost`` are CPU seconds of the build."""
    steps = []
    for step in Step:
        ok = step is not failed
        busy = {Step.BUILD: cost, Step.TEST: cost * 2}.get(step, 0.1)
        usage = Usage(seconds=busy, cpu_seconds=busy, peak_kib=int(20_000 * cost))
        steps.append(StepResult(step=step, ok=ok, reason=None if ok else reason, usage=usage, suites={"check": 1.0}))
        if not ok:
            break
    info = CompilerInfo(
        name=name, family=name.split("-")[0], version="1", fingerprint=name, command=(f"/usr/bin/{name}",)
    )
    made = Provenance(units=40, candidate=40, assembled=40, linked=3, probes=80)
    return RunResult.model_validate({"compiler": info, "steps": tuple(steps), "provenance": made, **more})


def result(
    name: CellId,
    kind: VerdictKind = VerdictKind.PASS,
    *,
    reason: Reason | None = None,
    step: Step | None = None,
    message: str = "",
    failing: Sequence[str] = (),
    compared: int = 5,
    run_id: str = "",
    cost: float = 1.0,
    **more: object,
) -> CellResult:
    """A finished cell."""
    if kind is VerdictKind.FAIL and reason is None:
        reason, step = Reason.WRONG_RESULT, Step.TEST
    verdict = Verdict(
        kind=kind,
        reason=reason,
        step=step,
        message=message,
        differences=tuple(
            Difference(name=each, oracle=CaseOutcome.PASS, candidate=CaseOutcome.FAIL, message=f"{each} is wrong")
            for each in failing
        ),
        faults=(Fault(reason=reason, unit="src/a.c", message=message),) if reason and step is Step.BUILD else (),
        compared=0 if step in (Step.CONFIGURE, Step.BUILD) else compared,
    )
    judged = kind in (VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.FLAKY)
    failed = step if kind is VerdictKind.FAIL and step is not Step.TEST else None
    fields = {
        "cell": name,
        "fingerprint": "f",
        "verdict": verdict,
        "candidate": run(name.candidate, cost, failed, reason) if judged else None,
        "oracle": run("gcc-12.2.0") if judged else None,
        "counts": {"pass": compared - len(failing), "fail": len(failing)},
        "run": run_id,
        "started": "2026-11-22T01:00:00+00:00",
        "seconds": 60.0,
        "folder": f"logs/{run_id}/{name.project}_{name.arch}_{name.candidate}",
        **more,
    }
    return CellResult.model_validate(fields)


def matrix(projects: int, candidates: Sequence[str], arches: Sequence[str] = ARCHES) -> list[CellId]:
    """Every combination."""
    names = [f"project{number:02}" for number in range(projects)]
    return [cell(name, arch, candidate) for name in names for arch in arches for candidate in candidates]


def night(cells: Sequence[CellId], run_id: str, seed: int, cases: int = 2000) -> Iterator[CellResult]:
    """A run in which most pass, in a mixture that stays mostly the same from one to the next."""
    for number, name in enumerate(cells):
        steady = random.Random(f"{name}")
        chance = random.Random(f"{name} {seed}")
        cost = steady.choice((0.4, 1.1, 1.7, 3.0)) * chance.uniform(0.95, 1.05)
        if number % 97 == 5:
            cost *= 400
        draw = steady.random() + (chance.random() - 0.5) * 0.04
        day = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T01:00:00+00:00"
        base: dict[str, Any] = {"run_id": run_id, "cost": cost, "compared": cases, "started": day}
        if draw < 0.80:
            yield result(name, **base)
        elif draw < 0.86:
            failing = [f"check/case-{steady.randrange(cases)}" for _ in range(steady.randrange(1, 30))]
            failing = list(dict.fromkeys(failing))
            message = f"{len(failing)} of {cases:,} cases differ, first {failing[0]}: got {number} wanted 7"
            yield result(name, VerdictKind.FAIL, failing=failing, message=message, confirmed=True, **base)
        elif draw < 0.93:
            reason, step, text = steady.choice(MESSAGES)
            message = text.format(p=name.project, n=number)
            yield result(name, VerdictKind.FAIL, reason=reason, step=step, message=message, **base)
        elif draw < 0.95:
            yield result(name, VerdictKind.SKIP, reason=Reason.UNSUPPORTED, message="no command for it", **base)
        elif draw < 0.97:
            yield result(
                name, VerdictKind.FLAKY, reason=Reason.TEST_TIMEOUT, step=Step.TEST, failing=["check/net"], **base
            )
        elif draw < 0.985:
            message = "the oracle fails too: tests/x.c:1: error"
            yield result(
                name, VerdictKind.BROKEN, reason=Reason.ORACLE_FAILED, step=Step.BUILD, message=message, **base
            )
        else:
            message = "cannot fetch p-1.0.tar.gz: no mirror has it"
            yield result(name, VerdictKind.ERROR, reason=Reason.DOWNLOAD, message=message, **base)


def history(root: Path, cells: Sequence[CellId], nights: int, cases: int = 2000, files: bool = False) -> Store:
    """A state folder with some nights; with ``files``, the last two nights' case tables are there too."""
    state = State(root)
    state.open()
    store = Store(state)
    store.runs()  # makes the tables
    with sqlite3.connect(state.database) as db:  # one transaction a night: a night is not what is measured
        for number in range(nights):
            run_id = f"202611{number + 1:02}-010000-{number:04x}"
            started = f"2026-11-{number + 1:02}T01:00:00+00:00"
            db.execute(
                "INSERT INTO runs(id, started, finished, request) VALUES(?, ?, ?, ?)",
                (run_id, started, started.replace("T01", "T05"), "{}"),
            )
            for each in night(cells, run_id, number, cases):
                _insert(db, each)
                if files and number >= nights - 2 and each.candidate:
                    _write_cases(root, each, cases)
            db.commit()
    return store


def _insert(db: sqlite3.Connection, each: CellResult) -> None:
    name, verdict = each.cell, each.verdict
    row = (each.run, each.fingerprint, name.project, name.version, name.arch, name.candidate, name.depth, verdict.kind)
    kept = db.execute(
        "INSERT INTO cells(run, fingerprint, project, version, arch, candidate, depth, verdict, reason,"
        " trusted, started, result) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        (*row, verdict.reason, int(verdict.kind.trusted), each.started, each.model_dump_json()),
    )
    write_place(db, kept.lastrowid or 0, each)
    write_failing(db, kept.lastrowid or 0, each)


def _write_cases(root: Path, each: CellResult, cases: int) -> None:
    red = {difference.name for difference in each.verdict.differences}
    names = [f"check/case-{number}" for number in range(cases)]
    passed = {name: "" for name in names if name not in red}
    others = {name: TestCase(name=name, outcome=CaseOutcome.FAIL, message=f"{name} is wrong") for name in red}
    write_cases(root / each.folder / CASES, CaseTable(passed=passed, others=others))
