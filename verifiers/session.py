"""From a request to a finished matrix: resolves names, sees to packages, and runs the cells."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from compiler.arches import Arch, arch, arches, host_arch
from compiler.discovery import Runner, oracle_for, resolve
from compiler.driver import build_driver
from compiler.model import Compiler, distinct
from verifiers import requirements
from verifiers.cell import Engine
from verifiers.config import Config, load_config
from verifiers.errors import UsageError
from verifiers.fetch import Fetcher
from verifiers.limits import Limits
from verifiers.manager import Manager
from verifiers.matrix import Choice, Skipped, choose, exit_code, run_matrix
from verifiers.plan import Plan
from verifiers.recipes.base import Recipe
from verifiers.results import Depth, Frozen, MatrixResult, Mix
from verifiers.state import State, default_state
from verifiers.store import Store


class UnknownSandbox(UsageError):
    """No such isolation."""

    msg = "unknown sandbox {name}; it is bubblewrap or none"


class Request(Frozen):
    """What the user asked for, in the user's words; kept with the run so that --resume can repeat it."""

    projects: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    depth: str = Depth.STANDARD
    accommodate: bool = False
    mix: float | None = None
    seed: int = 0
    mix_files: tuple[str, ...] = ()
    offline: bool = False
    fresh: bool = False
    sandbox: str | None = None
    jobs: int | None = None
    plugins: tuple[str, ...] = ()


class Session:
    """One call of the command: its configuration, its state folder and what it says."""

    def __init__(self, state: Path | None, config: Path | None, say: Callable[[str], None]) -> None:
        self.config: Config = load_config(config)
        self.state = State(state or self.config.state or default_state())
        self._say = say

    def unfinished(self) -> tuple[str, Request] | None:
        """The last run that was cut short: its id and what had been asked."""
        self.state.open()
        found = Store(self.state).unfinished()
        return (found[0], Request.model_validate_json(found[1])) if found else None

    def run(
        self, request: Request, listeners: Sequence[object], run: str | None, *, install: bool
    ) -> tuple[MatrixResult, int]:
        """Run what is asked; ``run`` goes on with an unfinished one. Returns the matrix and the exit code."""
        manager = Manager([Path(file) for file in request.plugins])
        for number, listener in enumerate(listeners):
            manager.register(listener, f"listener {number}")
        recipes = list(_recipes(manager, request.projects))
        targets = targets_of(request.arches)
        sandbox = request.sandbox or self.config.sandbox
        if sandbox not in ("bubblewrap", "none"):
            raise UnknownSandbox(name=sandbox)
        needed = requirements.of_run([each for each, _ in recipes], targets, Depth(request.depth), sandbox)
        needed += requirements.of_candidates(request.candidates, self.config)
        requirements.ensure(needed, install, self._say)
        self.state.open()
        store = Store(self.state)
        engine = Engine(
            state=self.state,
            store=store,
            fetcher=Fetcher(self.state.sources, offline=request.offline, mirrors=self.config.fetch.mirrors),
            manager=manager,
            driver=build_driver(self._oracle(host_arch() or targets[0]).command(targets[0].name) or (), self.state.cache),
            limits=Limits.from_config(self.config.limits),
            run=run or store.begin(request.model_dump_json()),
            sandbox=sandbox,
            jobs=request.jobs or self.config.jobs or os.cpu_count() or 1,
            fresh=request.fresh,
        )
        cells = list(self._cells(request, manager, recipes, targets, engine))
        with _stopping(engine.stop):
            matrix = run_matrix(cells, engine, store.of_run(run) if run else ())
        if not engine.stop.is_set():
            store.finish(engine.run)
        return matrix, 130 if engine.stop.is_set() else exit_code(matrix)

    def _cells(
        self,
        request: Request,
        manager: Manager,
        recipes: Sequence[tuple[Recipe, str]],
        targets: Sequence[Arch],
        engine: Engine,
    ) -> Iterator[Plan | Skipped]:
        candidates = distinct(self._candidates(request.candidates, targets[0], engine))
        choice = Choice(
            recipes=recipes,
            arches=targets,
            candidates=candidates,
            depth=Depth(request.depth),
            accommodate=request.accommodate,
            mix=_mix(request),
        )
        conditions = {"sandbox": engine.sandbox, "limits": repr(engine.limits)}
        yield from choose(choice, manager, self._oracle, conditions)


def _mix(request: Request) -> Mix | None:
    if request.mix is None and not request.mix_files:
        return None
    percent = 100.0 if request.mix is None else request.mix
    return Mix(percent=percent, seed=request.seed, files=request.mix_files)


def _recipes(manager: Manager, names: Sequence[str]) -> Iterator[tuple[Recipe, str]]:
    """Projects by name, with the version that was asked for; ``all`` is every one of them."""
    for name in names:
        bare, _, version = name.partition("@")
        if bare == "all":
            yield from ((recipe, "") for recipe in manager.recipes.values())
        else:
            yield manager.recipe(bare), version


def targets_of(names: Sequence[str]) -> list[Arch]:
    """Arches by name; ``all`` is every one, none is this machine's."""
    if not names:
        here = host_arch()
        return [here] if here else [arch("x86_64")]
    return [each for name in names for each in (arches().values() if name == "all" else (arch(name),))]


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Let ctrl-C and SIGTERM end the run in order: the running step is killed, finished cells are kept."""

    def ask(number: int, frame: object) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
