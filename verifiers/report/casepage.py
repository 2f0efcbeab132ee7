"""One case of a finished cell as a page of text: its source, both compilers' commands and outputs, how to repeat it."""

from __future__ import annotations

import json
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from verifiers.recipes.programs import PLAN
from verifiers.recipes.runner import arguments
from verifiers.report.wording import one_line
from verifiers.reproduce import files_of
from verifiers.results import CaseOutcome, CellResult, RunResult, Step
from verifiers.store import MIXED, cases_of
from verifiers.testformats.programs import output_of

_LINES: Final = 400  # of a source, before the rest is only counted
_MENTIONS: Final = 20  # lines of a log that name the case


def case_page(result: CellResult, case: str, root: Path) -> Iterator[str]:
    """The lines of the page; ``root`` is the state folder."""
    differing = next((each for each in result.verdict.differences if each.name == case), None)
    yield f"{result.cell}"
    yield f"case {case}: {'differs from the oracle' if differing else 'does not differ from the oracle'}"
    if differing and differing.note:
        yield f"  {one_line(differing.note)}"
    for role, run in (("candidate", result.candidate), ("oracle", result.oracle)):
        if run:
            yield from _side(role, run, result, case, root)
    yield f"repeat it: {shlex.join(_again(result, case, root))}"
    yield f"or by hand: sh {shlex.quote(str(root / result.folder / 'reproduce.sh'))}, which works in a folder $W"


def _side(role: str, run: RunResult, result: CellResult, case: str, root: Path) -> Iterator[str]:
    """What one compiler made of it. The oracle's files may lie with another run, the one that its result is from."""
    folder = _folder(run, root)
    yield f"{role} {run.compiler.name}: {_outcome(role, run, result, case, root)}"
    if folder is None or not folder.exists():
        yield "  its logs are gone"
        return
    if found := _planned(folder / files_of(role) / PLAN, case):
        plan, test, level = found
        if role == "candidate":
            yield from _source(plan, test, root)
        argv = [*run.compiler.command, *arguments(test, [level])]
        program = " && ./a.out " + shlex.join(test["arguments"]) if test["do"] == "run" else ""
        yield f"  $ {_by_hand(shlex.join(argv) + program, plan).rstrip()}"
        for line in (_output(folder, role, case) or "").splitlines():
            yield f"  {one_line(line)}"
        return
    for log in _logs(folder, role, run, case):
        yield f"  {log}"
        yield from (f"    {one_line(line)}" for line in _mentions(log, case))


def _outcome(role: str, run: RunResult, result: CellResult, case: str, root: Path) -> str:
    cases = cases_of(root, result) if role == "candidate" else None
    other = run.cases.others.get(case)
    if other:
        return one_line(f"{other.outcome}: {other.message}")
    if role == "candidate":
        return str(CaseOutcome.PASS if cases and case in cases.passed else CaseOutcome.MISSING)
    return next((str(each.oracle) for each in result.verdict.differences if each.name == case), str(CaseOutcome.PASS))


def _folder(run: RunResult, root: Path) -> Path | None:
    test = run.step(Step.TEST)
    return (root / test.log).parent if test and test.log else None


def _planned(path: Path, case: str) -> tuple[dict[str, Any], dict[str, Any], str] | None:
    """The plan of a suite of small programs, the case's test in it, and its level; None for other projects."""
    if not path.exists():
        return None
    plan = json.loads(path.read_text(encoding="utf-8"))
    name, _, level = case.rpartition("/")
    for tests in plan["groups"].values():
        for test in tests:
            if test["name"] == name:
                return plan, test, level
    return None


def _source(plan: Mapping[str, Any], test: Mapping[str, Any], root: Path) -> Iterator[str]:
    """The test's files from its archive, or the command that makes it."""
    if test["generate"]:
        yield f"  made by: {_by_hand(test['generate'], plan)}"
        return
    archive = root / "sources" / plan["archive"]
    if not archive.exists():
        yield f"  the source is no longer in {archive}"
        return
    wanted = [each.removeprefix(plan["source"]) for each in test["sources"]]
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if any(name == each or name.partition("/")[2] == each for each in wanted):
                file = tar.extractfile(member)
                lines = file.read().decode("utf-8", "replace").splitlines() if file else []
                yield f"  --- {name}"
                yield from (f"  {one_line(each.expandtabs(), strip=False)}" for each in lines[:_LINES])
                if len(lines) > _LINES:
                    yield f"  … and {len(lines) - _LINES:,} lines more"


def _by_hand(command: str, plan: Mapping[str, Any]) -> str:
    """A command with the folder of ``reproduce.sh`` in the place of the sandbox's."""
    inside = str(plan["source"]).removesuffix("/src/")
    return command.replace(f"{inside}/", "$W/")


def _output(folder: Path, role: str, case: str) -> str | None:
    for log in sorted(folder.glob(f"{role}-test-*.log")):
        with log.open("rb") as lines:
            if (said := output_of(lines, case)) is not None:
                return said
    return None


def _logs(folder: Path, role: str, run: RunResult, case: str) -> list[Path]:
    """The log of the case's suite."""
    test = run.step(Step.TEST)
    suites = [name for name in (test.suites if test else ()) if case.startswith(f"{name}/")]
    paths = [folder / f"{role}-test-{name.replace('/', '-')}.log" for name in sorted(suites, key=len)[-1:]]
    return [path for path in paths if path.exists()]


def _mentions(log: Path, case: str) -> list[str]:
    """The first lines of a log that name the case."""
    wanted = (case.partition("/")[2] or case).encode()
    found = []
    with log.open("rb") as lines:
        for line in lines:
            if wanted in line:
                found.append(line.decode("utf-8", "replace"))
                if len(found) == _MENTIONS:
                    break
    return found


def _again(result: CellResult, case: str, root: Path) -> list[str]:
    cell = result.cell
    command = result.candidate.compiler.command if result.candidate else ()
    words = ["verify", "--project", f"{cell.project}@{cell.version}", "--arch", cell.arch, "--depth", cell.depth]
    words += ["--cc", shlex.join(command) if command else cell.candidate, "--case", case]
    words += [word for level in cell.levels for word in ("--opt", level)]
    if cell.mix:
        files = ["--mix-files", str(root / result.folder / MIXED)]
        words += files if cell.mix.files else ["--mix", f"{cell.mix.percent:g}%"]
    seed = cell.seed or (cell.mix.seed if cell.mix else 0)
    words += ["--seed", str(seed)] if seed else []
    words += ["--accommodate"] if cell.accommodate else []
    return [*words, "--fresh"]
