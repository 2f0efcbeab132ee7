"""What the framework adds to a bare loop over the torture tests: xargs and a shell against a cell's test step.

``python benchmarks/torture.py [rounds] [compiler]`` prints CPU and wall seconds of both and their ratios
(medians over the rounds, which alternate), for the compiler (default gcc) and the smoke depth: a tenth of the tests at
-O0 and -O2. The loop has no sandbox, no limits and no records; both run the same command lines, as
many at once as there are cores, and as root both as the sandbox's user.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.overhead import check, cost
from compiler.arches import arch
from compiler.discovery import oracle, resolve
from compiler.driver import DriverLimits, build_driver
from plugins.gcc_torture import GccTorture
from verifiers.fetch import Fetcher
from verifiers.jobserver import Jobserver
from verifiers.limits import SANDBOX_UID
from verifiers.manager import Manager
from verifiers.passage import Engine, Passage
from verifiers.plan import Plan
from verifiers.results import CellId, Depth, Step
from verifiers.session import STEP
from verifiers.state import State
from verifiers.store import Store
from verifiers.workspace import Workspace

SCRIPT = 'if eval "$1" >/dev/null 2>&1; then echo pass; else echo fail; fi'


def command_lines(work: Workspace, compiler: str) -> list[str]:
    """The plan's cases as shell commands, each with a name of its own for its program."""
    lines: list[str] = []
    groups = json.loads(work.host_path(f"{work.build}/plan.json").read_text())["groups"]
    for tests in groups.values():
        for test in tests:
            sources = [str(work.host_path(source)) for source in test["sources"]]
            for level in test["levels"]:
                name = f"{len(lines)}.out"
                words = [compiler, level, *test["flags"], "-o", name, *sources, "-lm"]
                lines.append(f"{shlex.join(words)} && ./{name}")
    return lines


def loop(lines: list[str], folder: Path) -> None:
    """The bare loop: it counts what passes, and that is all."""
    user = {"user": SANDBOX_UID, "group": SANDBOX_UID, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        ["xargs", "-d", "\n", "-n", "1", "-P", str(os.cpu_count() or 1), "sh", "-c", SCRIPT, "sh"],
        input="\n".join(lines).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        check=True,
        **user,  # type: ignore[call-overload]
    )
    if len(done.stdout.split()) != len(lines):
        sys.exit("the loop lost a case")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    name = sys.argv[2] if len(sys.argv) > 2 else "gcc"
    state = State(Path(os.environ.get("CCVERIFY_BENCH", "/var/tmp/ccverify-bench")))
    state.open()
    target = arch("x86_64")
    trusted = oracle(target, cache=state.cache)
    candidate = trusted if name == "gcc" else resolve(name, target, cache=state.cache)
    command = trusted.command(target.name) or ()
    engine = Engine(
        state=state,
        store=Store(state),
        fetcher=Fetcher(state.sources, say=print),
        manager=Manager(),
        driver=build_driver(command, state.cache),
        limits=STEP,
        call_limits=DriverLimits(),
        run="benchmark",
        jobserver=Jobserver(os.cpu_count() or 1),
    )
    recipe = GccTorture()
    cell = CellId(project=recipe.name, version="12.2.0", arch=target.name, candidate=name, depth=Depth.SMOKE)
    plan = Plan(cell, recipe, recipe.sources[0], target, candidate, trusted, command, "", {}, {})
    framework, bare = [], []
    count = 0
    for _ in range(rounds):
        folder = engine.state.new_work()
        passage = Passage(plan, engine, folder, state.logs / "benchmark", "candidate", frozenset(), None)
        before = [cost(partial(check, passage, step)) for step in (Step.FETCH, Step.CONFIGURE, Step.BUILD)]
        framework.append((*cost(partial(check, passage, Step.TEST)), sum(each[0] for each in before)))
        lines = command_lines(passage.work, (candidate.command(target.name) or ())[0])
        count = len(lines)
        with tempfile.TemporaryDirectory(dir="/tmp") as hand:
            os.chmod(hand, 0o777)
            bare.append(cost(partial(loop, lines, Path(hand))))
        folder.remove()
    for what, index in (("CPU", 0), ("wall", 1)):
        mine, theirs = (statistics.median(each[index] for each in runs) for runs in (framework, bare))
        print(f"{name} {count} cases {what:4} {theirs:7.2f} s in a loop {mine:7.2f} s x{mine / theirs:.3f}", flush=True)
    print(f"before the test step: {statistics.median(each[2] for each in framework):.2f} s CPU")


if __name__ == "__main__":
    main()
