"""What the framework adds to a bare build: configure and build by hand and through a cell's steps.

``python benchmarks/overhead.py [rounds] [subject …]`` prints, for each step, CPU and wall seconds of both and their
ratio (medians over the rounds). Subjects: ``sqlite`` (the amalgamation), ``files`` (SQLite as 100 files), ``probes``
(a configure script that asks its compiler 300 questions) and, where asked for, ``kernel`` (the tiny Linux for x86_64,
six minutes a round and as many before the first). As root both sides run as the sandbox's user.

Both sides of a round run at the same time, each with half of the cores: one after the other, a kernel's CPU seconds
differ by a tenth with what else the machine does meanwhile, five times what is to be measured.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from compiler.arches import arch
from compiler.discovery import oracle
from compiler.driver import DriverLimits, build_driver
from plugins.linux import Linux
from plugins.sqlite import Sqlite
from verifiers.fetch import Fetcher
from verifiers.jobserver import Jobserver
from verifiers.limits import SANDBOX_UID
from verifiers.manager import Manager
from verifiers.passage import Engine, Passage
from verifiers.plan import Plan
from verifiers.recipes import Autotools, Recipe
from verifiers.results import CellId, Depth, Source, Step
from verifiers.session import STEP
from verifiers.state import State, WorkFolder
from verifiers.store import Store
from verifiers.workspace import Workspace

JOBS = max(1, (os.cpu_count() or 1) // 2)
Costs = dict[Step, tuple[float, float]]
"""CPU and wall seconds of each step."""

CONFIGURE = """#!/bin/sh
i=0
while [ $i -lt 300 ]; do
    i=$((i + 1))
    printf '#include <stdio.h>\\n#include <stdlib.h>\\nint main(void) { return %s; }\\n' $i > conftest.c
    $CC -c conftest.c -o conftest.o || exit 1
    rm -f conftest.c conftest.o
done
printf 'all:\\n\\ttrue\\n' > Makefile
"""


class Amalgamation(Sqlite):
    """One large file."""

    name = "sqlite"
    configure_arguments = ("--disable-tcl", "--disable-readline", "--disable-shared")

    def configure(self, work: Workspace) -> None:
        Autotools.configure(self, work)

    def targets(self, work: Workspace) -> Sequence[str]:
        return ("libsqlite3.la",)


class Files(Amalgamation):
    """Many files."""

    name = "files"

    def make_arguments(self, work: Workspace) -> Sequence[str]:
        return ("USE_AMALGAMATION=0",)


class Probes(Autotools):
    """Three hundred questions."""

    name = "probes"
    sources: ClassVar[tuple[Source, ...]] = ()


def probes_archive() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        info = tarfile.TarInfo("probes-1/configure")
        info.size, info.mode = len(CONFIGURE), 0o755
        tar.addfile(info, io.BytesIO(CONFIGURE.encode()))
    return raw.getvalue()


def cost(action: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds, of this process and of all that it waited for."""

    def cpu() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    before, start = cpu(), time.perf_counter()
    action()
    return cpu() - before, time.perf_counter() - start


def by_hand(passage: Passage, folder: Path, command: Sequence[str]) -> Costs:
    """The commands that the cell's steps ran, in another fresh folder, with the compiler itself as CC."""
    shutil.copytree(passage.work.host_path(passage.work.src), folder / "src", symlinks=True)
    (folder / "build").mkdir()
    user = {"user": SANDBOX_UID, "group": SANDBOX_UID, "extra_groups": []} if os.geteuid() == 0 else {}
    cc = " ".join(command)
    environment = {**passage.work.environment, "PATH": os.defpath, "CC": cc, "CC_FOR_BUILD": cc, "HOME": str(folder)}
    environment |= {"TMPDIR": "/tmp", "MAKEFLAGS": f"-j{JOBS}"}
    costs: Costs = {}
    inside, tree = passage.work.sandbox.inside, passage.work.tree

    def outside(text: str) -> str:
        for name in ("cc", "host-cc", "oracle-cc"):
            text = text.replace(f"{tree}/bin/{name}", cc)
        return text.replace(inside, str(folder))

    for name, text in passage.work.written.items():
        place = folder / "build" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(outside(text))
    if user:
        subprocess.run(["chown", "-R", str(SANDBOX_UID), folder], check=True)
    for ran in passage.work.commands:
        argv = [outside(word) for word in ran.argv]
        own = {key: outside(value) for key, value in ran.env.items()}

        def run(argv: Sequence[str] = argv, own: dict[str, str] = own) -> None:
            with (folder / "log").open("ab") as log:
                subprocess.run(
                    argv, cwd=folder / "build", env={**environment, **own}, stdout=log, stderr=log, check=True, **user
                )  # type: ignore[call-overload]

        measured = cost(run)
        before = costs.get(ran.step, (0.0, 0.0))
        costs[ran.step] = (before[0] + measured[0], before[1] + measured[1])
    return costs


def by_cell(recipe: Recipe, source: Source, state: State, folder: WorkFolder) -> tuple[Passage, Costs]:
    """The steps of a cell's candidate, which is gcc."""
    target = arch("x86_64")
    gcc = oracle(target, cache=state.cache)
    command = gcc.command(target.name) or ()
    engine = Engine(
        state=state,
        store=Store(state),
        fetcher=Fetcher(state.sources),
        manager=Manager(),
        driver=build_driver(command, state.cache),
        limits=STEP,
        call_limits=DriverLimits(),
        run="benchmark",
        jobserver=Jobserver(JOBS),
    )
    cell = CellId(project=recipe.name, version=source.version, arch=target.name, candidate=gcc.name, depth=Depth.SMOKE)
    plan = Plan(cell, recipe, source, target, gcc, gcc, command, "", {}, {})
    passage = Passage(plan, engine, folder, state.logs / "benchmark", "candidate", frozenset(), None)
    steps = (Step.FETCH, Step.CONFIGURE, Step.BUILD)
    return passage, {step: cost(partial(check, passage, step)) for step in steps}


def side_by_side(*actions: Callable[[], Costs]) -> list[Costs]:
    """What they cost, each in a process of its own, all at the same time."""
    context = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for action in actions:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=lambda: theirs.send(action()))  # noqa: B023 - it forks at once
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    found = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    return found


def compare(recipe: Recipe, source: Source, state: State, rounds: int) -> None:
    command = oracle(arch("x86_64"), cache=state.cache).command("x86_64") or ()
    kept = state.new_work()
    first, _ = by_cell(recipe, source, state, kept)  # says what commands there are

    def mine() -> Costs:
        folder = state.new_work()
        _, costs = by_cell(recipe, source, state, folder)
        folder.remove()
        return costs

    def theirs() -> Costs:
        with tempfile.TemporaryDirectory(dir="/tmp") as hand:
            os.chmod(hand, 0o755)
            return by_hand(first, Path(hand), command)

    runs = [side_by_side(theirs, mine) for _ in range(rounds)]
    kept.remove()
    for step in (Step.CONFIGURE, Step.BUILD):
        for index, what in enumerate(("CPU", "wall")):
            bare, ours = (statistics.median(run[side][step][index] for run in runs) for side in (0, 1))
            print(
                f"{recipe.name:8} {step:9} {what:4} {bare:8.2f} s by hand {ours:8.2f} s x{ours / bare:.4f}", flush=True
            )


def check(passage: Passage, step: Step) -> None:
    result = passage.step(step, ())
    if not result.ok:
        sys.exit(f"{step}: {result.reason}: {result.message}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    wanted = sys.argv[2:] or ["sqlite", "files", "probes"]
    state = State(Path(os.environ.get("CCVERIFY_BENCH", "/var/tmp/ccverify-bench")))
    state.open()
    for name in wanted:
        if name == "probes":
            data = probes_archive()
            digest = hashlib.sha256(data).hexdigest()
            source = Source(version="1", filename="probes-1.tar.gz", sha256=digest, size=len(data))
            place = state.sources / digest / source.filename
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            compare(Probes(), source, state, rounds)
        else:
            recipe = {"sqlite": Amalgamation, "files": Files, "kernel": Linux}[name]()
            compare(recipe, recipe.sources[0], state, rounds)


if __name__ == "__main__":
    main()
