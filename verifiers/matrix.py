"""Chooses a run's cells, runs them and adds them up."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from compiler.arches import Arch
from compiler.model import Compiler
from verifiers.cell import known_result, run_cell
from verifiers.errors import InfrastructureError, UsageError
from verifiers.manager import BadPlugin, Manager
from verifiers.pace import Pace
from verifiers.packages import versions
from verifiers.passage import Engine
from verifiers.plan import Plan, recipe_digest
from verifiers.recipes.base import Recipe
from verifiers.results import (
    EXCUSED,
    CellId,
    CellResult,
    Depth,
    MatrixResult,
    Mix,
    Reason,
    Sample,
    Source,
    Verdict,
    VerdictKind,
)
from verifiers.state import now
from verifiers.sysroot import Sysroot
from verifiers.words import SHAKING


@dataclass(frozen=True)
class Choice:
    """What the user asked for, names resolved; every combination is a cell."""

    recipes: Sequence[tuple[Recipe, Source]]
    arches: Sequence[Arch]
    candidates: Sequence[Mapping[str, Compiler]]  # each as it is for an arch, by the arch's name
    depth: Depth
    accommodate: bool = False
    mix: Mix | None = None
    levels: tuple[str, ...] = ()
    sample: Sample | None = None
    seed: int = 0
    lost: Mapping[str, str] = field(default_factory=dict)  # candidates that are not to be had -> why


@dataclass(frozen=True)
class Settled:
    """A cell whose verdict is known before anything of it runs."""

    id: CellId
    verdict: Verdict


Libraries = Callable[[Arch, Sequence[str]], Sysroot]
"""Prepares the private sysroot of an arch with some Debian packages; raises InfrastructureErrors."""


def choose(
    choice: Choice,
    manager: Manager,
    oracle: Callable[[Arch], Compiler],
    host: tuple[str, ...],
    conditions: dict[str, object],
    libraries: Libraries,
    last: Callable[[CellId], Sequence[str]],
) -> Iterator[Plan | Settled]:
    """The cells of a choice, in the order they were named.

    ``host`` is the command for the build machine's programs; ``last`` gives the cases that failed in a cell's last run.
    """
    for recipe, source in choice.recipes:
        version = source.version
        digest = recipe_digest(manager.files(recipe))
        for arch in choice.arches:
            emulator = arch.emulator_packages if arch.needs_emulator else ()
            machine = versions((*recipe.packages_on(arch, choice.depth), *emulator, "libc6-dev", "binutils", "make"))
            wanted = () if arch.native else recipe.target_packages(arch, choice.depth)
            for name, why in choice.lost.items():
                verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.NO_COMPILER, message=why)
                yield Settled(_named(choice, recipe, version, arch, name, False), verdict)
            for candidate in (each[arch.name] for each in choice.candidates):
                fitting = tuple(each for each in recipe.accommodations if each.fits(candidate.family, arch.name))
                accommodations = fitting if choice.accommodate else ()
                cell = _named(choice, recipe, version, arch, candidate.name, bool(accommodations))
                if why := skips(recipe, arch, choice.depth, version) or _untargeted(candidate, arch):
                    yield Settled(cell, Verdict(kind=VerdictKind.SKIP, reason=Reason.UNSUPPORTED, message=why))
                    continue
                failed = tuple(sorted(last(cell))) if choice.sample and not choice.sample.cases else ()
                if choice.sample and choice.sample.failed_only and not failed:
                    why = "no case failed in the last run"
                    yield Settled(cell, Verdict(kind=VerdictKind.SKIP, reason=Reason.NO_TESTS, message=why))
                    continue
                try:
                    sysroot = libraries(arch, wanted) if wanted else None
                except InfrastructureError as error:
                    yield Settled(cell, Verdict(kind=VerdictKind.ERROR, reason=error.reason, message=str(error)))
                    continue
                yield Plan(
                    id=cell,
                    recipe=recipe,
                    source=source,
                    arch=arch,
                    candidate=candidate,
                    oracle=oracle(arch),
                    host=host,
                    recipe_digest=digest,
                    machine=machine,
                    conditions=conditions,
                    accommodations=accommodations,
                    sysroot=sysroot,
                    failed=failed,
                )


def _named(choice: Choice, recipe: Recipe, version: str, arch: Arch, candidate: str, accommodate: bool) -> CellId:
    return CellId(
        project=recipe.name,
        version=version,
        arch=arch.name,
        candidate=candidate,
        depth=choice.depth,
        accommodate=accommodate,
        mix=choice.mix,
        levels=choice.levels if recipe.levels else (),
        sample=choice.sample,
        seed=choice.seed if recipe.seeded else 0,
    )


def skips(recipe: Recipe, arch: Arch, depth: Depth, version: str) -> str:
    """Why the project cannot be done there; raises BadPlugin where its plugin cannot say."""
    try:
        return recipe.skip(arch, depth, version)
    except Exception as error:
        raise BadPlugin(name=recipe.name, detail=f"skip() raised {type(error).__name__}: {error}") from error


def run_matrix(
    cells: Sequence[Plan | Settled],
    engine: Engine,
    jobs: int,
    done: Sequence[CellResult] = (),
    pace: Pace | None = None,
) -> MatrixResult:
    """Run ``jobs`` cells side by side, results in their order; ``done`` are those that a resumed run has already.

    Of these, errors of our side are run again: a download may succeed now, a disk have room.
    ``pace`` gives another order than theirs to begin in, and leaves out what would not end in time; what the history
    answers comes first, and is never left out.
    """
    started, clock = now(), time.monotonic()
    kept = (each for each in done if each.verdict.kind is not VerdictKind.ERROR or each.verdict.reason in SHAKING)
    finished = {(result.cell, result.fingerprint): result for result in kept}
    engine.manager.matrix_started([cell.id for cell in cells])

    answered = {cell.id for cell in cells if isinstance(cell, Settled) or known_result(cell, engine)} if pace else set()

    def run(cell: Plan | Settled) -> CellResult | None:
        if engine.stop.is_set() and cell.id not in answered:
            return None
        # a compiler or a plugin that was changed meanwhile makes it another cell
        if known := finished.get((cell.id, "" if isinstance(cell, Settled) else cell.fingerprint)):
            engine.manager.cell_finished(known)
            return known
        if isinstance(cell, Settled):
            return _settled(cell.id, cell.verdict, "", engine)
        if pace and pace.too_late(cell.id) and cell.id not in answered:
            return None
        try:
            return run_cell(cell, engine)
        except UsageError as error:  # a candidate that cannot be used
            if len(cells) == 1:
                raise
            verdict = Verdict(kind=VerdictKind.ERROR, reason=Reason.SANDBOX, message=str(error))
            return _settled(cell.id, verdict, cell.fingerprint, engine)

    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="cell") as pool:
        futures = {number: pool.submit(run, cells[number]) for number in _spread(cells, answered, pace)}
        results = [futures[number].result() for number in range(len(cells))]
    cells_done = tuple(result for result in results if result)
    matrix = MatrixResult(run=engine.run, started=started, seconds=time.monotonic() - clock, cells=cells_done)
    engine.manager.matrix_finished(matrix)
    return matrix


def _spread(cells: Sequence[Plan | Settled], answered: Collection[CellId], pace: Pace | None) -> list[int]:
    """The order to begin in: cells that would wait for one another's baseline far apart, those ``answered`` first."""
    seen: dict[str, int] = {}
    order = []
    for number, cell in sorted(enumerate(cells), key=lambda each: pace.key(each[1].id) if pace else ()):
        key = "" if isinstance(cell, Settled) else cell.baseline_fingerprint
        seen[key] = seen.get(key, -1) + 1
        order.append(((cell.id not in answered, seen[key] if key else 0), number))
    return [number for _, number in sorted(order, key=lambda each: each[0])]


def exit_code(counts: Mapping[str, int]) -> int:
    """From the cells by how they are shown: 0 all pass or are excused, 1 some are red, 3 our side or none at all."""
    if counts["fail"] or counts["flaky"]:
        return 1
    if counts["error"] or counts["broken"] or not (counts["pass"] or counts[EXCUSED]):
        return 3
    return 0


def _untargeted(candidate: Compiler, arch: Arch) -> str:
    if candidate.command(arch.name):
        return ""
    command = shlex.join(next(iter(candidate.commands.values()), ()))
    hint = "name one under targets in its entry of verify.toml"
    return f"{candidate.name} ({command}) has no command for {arch.name}; {hint}"


def _settled(cell: CellId, verdict: Verdict, fingerprint: str, engine: Engine) -> CellResult:
    result = CellResult(cell=cell, fingerprint=fingerprint, verdict=verdict, started=now(), run=engine.run)
    engine.store.save(result)
    engine.manager.cell_finished(result)
    return result
