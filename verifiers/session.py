"""From a request to a finished matrix: resolves names, sees to packages, and runs the cells."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from compiler.arches import Arch, host_arch
from compiler.discovery import oracle, resolve
from compiler.driver import DriverLimits, build_driver
from compiler.model import Compiler, distinct
from verifiers import process, requirements
from verifiers.asking import in_sandbox, ways_to_run
from verifiers.config import Config, LimitsConfig, find_config, load_config
from verifiers.errors import InfrastructureError, UsageError
from verifiers.fetch import Fetcher
from verifiers.files import is_locked, lock
from verifiers.jobserver import Jobserver
from verifiers.limits import GIB, MIB, Limits
from verifiers.manager import Manager
from verifiers.matrix import Choice, Settled, choose, exit_code, run_matrix
from verifiers.pace import Curfew, Pace
from verifiers.passage import Engine
from verifiers.plan import Plan
from verifiers.request import Asked, Request, levels_of, mix_of, sample_of
from verifiers.results import MatrixResult, VerdictKind
from verifiers.sandbox import UnknownSandbox
from verifiers.state import State, default_state
from verifiers.store import Store
from verifiers.sysroot import sysroot

STEP: Final = Limits(seconds=3600.0, memory=12 * GIB, processes=2048, log=256 * MIB)
COMPILE_MEMORY: Final = 6 * GIB  # of one compiler process; sqlite3.c takes one known compiler 1.5 GiB


class StillRunning(UsageError):
    """The run that --resume would go on with has not been cut short."""

    msg = "nothing to resume: the last run, {run}, is still at work in another process"


@dataclass(frozen=True)
class Night:
    """What makes a run a night: bounds, and that it makes do with what it has."""

    seconds: float | None = None
    least_free: int = 0  # bytes of disk
    oracle_days: float = 0.0  # how old the oracle's run against itself may be; 0 is no such run


class Session:
    """One call of the command: its configuration, its state folder and what it says."""

    def __init__(self, state: Path | None, config: Path | None, say: Callable[[str], None]) -> None:
        self.config: Config = load_config(find_config(config))
        self.state = State(state or (Path(self.config.state) if self.config.state else default_state()))
        self._say = say
        self._own: set[str] = set()  # fingerprints of oracles that stand in a candidate's place
        self._named: dict[str, tuple[str | None, Arch]] = {}  # a candidate's fingerprint -> how it was asked for

    def unfinished(self, nightly: bool = False) -> tuple[str, Request] | None:
        """The last run, or night, that was cut short: its id and what had been asked."""
        self.state.open(resuming=True)
        found = Store(self.state).unfinished(nightly)
        if found and is_locked(self._lock(found[0])):
            raise StillRunning(run=found[0])
        return (found[0], Request.model_validate_json(found[1])) if found else None

    def run(
        self,
        request: Request,
        listeners: Sequence[object],
        run: str | None,
        *,
        install: bool,
        night: Night | None = None,
    ) -> tuple[MatrixResult, int]:
        """Run what is asked; ``run`` goes on with an unfinished one. Returns the matrix and the exit code.

        ``night`` bounds it, and lets it end in order with what it has.
        """
        end = time.monotonic() + night.seconds if night and night.seconds else None
        manager = Manager([Path(file) for file in request.plugins])
        manager.settle(self.config.project)
        for number, listener in enumerate(listeners):
            manager.register(listener, f"listener {number}")
        sandbox = request.sandbox or self.config.sandbox or "bubblewrap"
        if sandbox not in ("bubblewrap", "none"):
            raise UnknownSandbox(name=sandbox)
        asked = [Asked.of(each, manager) for each in (request, *request.also) if each.projects]
        needed = [package for each in asked for package in each.needed(sandbox, self.config)]
        requirements.ensure(needed, install, self._say)
        self.state.open(resuming=run is not None)
        store = Store(self.state)
        pace = _pace(store, end) if night else None
        choices = [self._choice(each, lenient=night is not None) for each in asked]
        jobs = request.jobs or self.config.jobs or os.cpu_count() or 1
        stop = threading.Event()
        host = self._oracle(host_arch() or asked[0].targets[0])
        command = next(iter(host.commands.values()))
        limits, call_limits = bounds(self.config.limits)
        fetcher = Fetcher(self.state.sources, offline=request.offline, mirrors=self.config.fetch.mirrors, say=self._say)
        engine = Engine(
            state=self.state,
            store=store,
            fetcher=fetcher,
            manager=manager,
            driver=build_driver(command, self.state.cache),
            limits=limits,
            call_limits=call_limits,
            sandbox=sandbox,
            jobserver=Jobserver(jobs, stop),
            foreign=ways_to_run(self.state, sandbox),
            stop=stop,
            fresh=request.fresh,
            objects=self.config.limits.objects or Engine.objects,
            excuses=self.config.excuse,
            plugin_seconds=self.config.limits.plugin_seconds or Engine.plugin_seconds,
            unchanged=self._unchanged,
            run=run or store.begin(request.model_dump_json()),
        )
        conditions: dict[str, object] = {"sandbox": sandbox, "limits": repr(limits), "calls": repr(call_limits)}
        libraries = partial(sysroot, cache=self.state.cache / "sysroots", offline=request.offline, say=self._say)

        def chosen(choice: Choice) -> Iterator[Plan | Settled]:
            return choose(choice, manager, self._oracle, command, conditions, libraries, store.failed_cases)

        with lock(self._lock(engine.run)):  # also while cells are chosen, which may take a download
            cells = self._cells(choices, chosen, store, night)
            store.plan(engine.run, [cell.id for cell in cells])
            bounded = Curfew(stop, end, self.state.root, night.least_free) if night else nullcontext()
            with _stopping(engine.stop), bounded as curfew:
                if night:
                    _fetch_first(cells, fetcher, stop, self._say)
                matrix = run_matrix(cells, engine, jobs, store.of_run(run) if run else (), pace)
            why = curfew.why if curfew else ""
            if engine.stop.is_set() and not why:
                raise KeyboardInterrupt
            missing = any(store.not_run(engine.run) or ())
            store.finish(engine.run, (why or "they would not have ended in time") if missing else "")
        return matrix, exit_code(matrix.counts)

    def _choice(self, asked: Asked, lenient: bool) -> Choice:
        """What is asked with its candidates found; ``lenient`` makes those that are lost cells of their own."""
        request, lost = asked.request, dict[str, str]()
        names = list(request.candidates)
        for name in request.candidates if lenient else ():
            try:
                self._candidates([name], asked.targets)
            except UsageError as error:
                names.remove(name)
                lost[name] = str(error)
        candidates = self._candidates(names, asked.targets) if names or not lost else []
        taken = {compiler.name for each in candidates for compiler in each.values()}
        return Choice(
            recipes=asked.recipes,
            arches=asked.targets,
            candidates=candidates,
            depth=asked.depth,
            accommodate=request.accommodate,
            mix=mix_of(request),
            levels=levels_of(request.levels, [recipe for recipe, _ in asked.recipes]),
            sample=sample_of(request),
            seed=request.seed,
            lost={_lost_name(name, taken): why for name, why in lost.items()},
        )

    def _cells(
        self,
        choices: Sequence[Choice],
        chosen: Callable[[Choice], Iterator[Plan | Settled]],
        store: Store,
        night: Night | None,
    ) -> list[Plan | Settled]:
        """The cells of some choices, and at night those of the oracle against itself, which are run again when due."""
        cells = [cell for choice in choices for cell in chosen(choice)]
        if night and night.oracle_days:
            for choice in choices:
                oracles = {target.name: self._oracle(target) for target in choice.arches}
                self._own.update(each.fingerprint for each in oracles.values())
                cells += chosen(replace(choice, candidates=[oracles], lost={}))
            since = (datetime.now(UTC) - timedelta(days=night.oracle_days)).isoformat(timespec="seconds")
            for number, cell in enumerate(cells):
                if isinstance(cell, Plan) and cell.of_oracle and store.last_ran(cell.id) < since:
                    cells[number] = replace(cell, again=True)
        return list({cell.id: cell for cell in reversed(cells)}.values())[::-1]  # the first of its name

    def _lock(self, run: str) -> Path:
        """Held while the run's process lives."""
        return self.state.logs / run / ".lock"

    def _candidates(self, named: Sequence[str], targets: Sequence[Arch]) -> list[dict[str, Compiler]]:
        """The compilers under test, as they are for each arch; says which one was taken where none was named."""
        specs = named or (None,)
        by_arch = {target.name: distinct(self._candidate(spec, target) for spec in specs) for target in targets}
        found = [{name: compilers[number] for name, compilers in by_arch.items()} for number in range(len(specs))]
        if not named:
            first = found[0][targets[0].name]
            self._say(f"candidate: {first.name} ({first.why})")
        return found

    def _candidate(self, spec: str | None, target: Arch) -> Compiler:
        found = resolve(spec, target, self.config, cache=self.state.cache)
        if found.unreachable:
            # below a folder that is closed to others, such as /root: the sandbox can show it
            runner = in_sandbox(self.state, found.mounts)
            found = resolve(spec, target, self.config, cache=self.state.cache, runner=runner)
        self._named[found.fingerprint] = (spec, target)
        return found

    def _unchanged(self, candidate: Compiler) -> bool:
        """Whether what the user named is still that compiler; one that is gone is not."""
        if candidate.fingerprint in self._own and candidate.fingerprint not in self._named:
            return True  # nobody named it
        try:
            now = self._candidate(*self._named[candidate.fingerprint])
        except UsageError:
            return False
        return now.fingerprint == candidate.fingerprint

    def _oracle(self, target: Arch) -> Compiler:
        return oracle(target, cache=self.state.cache)


def _lost_name(given: str, taken: set[str]) -> str:
    """A short name for the cells of a candidate that is not to be had, which no other has; adds it to ``taken``."""
    short = Path((given.split() or [""])[0]).name
    name = short if short and short not in taken else given or "?"
    taken.add(name)
    return name


def _pace(store: Store, end: float | None) -> Pace:
    """What the history knows before the night begins."""
    judged = [place for place in store.places() if place.verdict in (VerdictKind.PASS, VerdictKind.FAIL)]
    seconds = {place.cell.lasting: place.seconds for place in judged if place.seconds is not None}
    last = store.newest(nightly=True)
    before, never = (store.not_run(last.id) if last else None) or ([], [])
    waiting = frozenset(cell.lasting for cell in (*(place.cell for place in before), *never))
    return Pace(seconds=seconds, waiting=waiting, end=end)


def _fetch_first(
    cells: Sequence[Plan | Settled], fetcher: Fetcher, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """All sources, before the first cell begins; what cannot be had is its cells' affair."""
    sources = {cell.source.sha256: cell.source for cell in cells if isinstance(cell, Plan)}
    for source in sources.values():
        if stop.is_set():
            return
        try:
            fetcher.get(source)
        except InfrastructureError as error:
            say(str(error))


def bounds(config: LimitsConfig) -> tuple[Limits, DriverLimits]:
    """What a step and what a single compiler call may use; what is not configured keeps its built-in value."""
    given = {
        "seconds": config.step_seconds,
        "memory": config.memory,
        "processes": config.processes,
        "file": config.file,
        "disk": config.disk,
        "log": config.log,
    }
    limits = replace(STEP, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    calls = DriverLimits(seconds=config.compile_seconds or 0, memory=config.compile_memory or COMPILE_MEMORY)
    return limits, calls


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Let ctrl-C and SIGTERM end the run in order: the running step is killed, finished cells are kept."""

    def ask(number: int, frame: object) -> None:
        stop.set()
        process.interrupt()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
