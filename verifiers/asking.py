"""Questions that only the sandbox can answer: what a compiler in a closed folder says, how programs run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from compiler.arches import Arch
from compiler.probe import KEEP, SECONDS, TOOK_TOO_LONG, Runner
from verifiers.emulation import Foreign, foreign
from verifiers.ldcache import own_libraries
from verifiers.limits import Limits, Mount
from verifiers.process import SandboxFailed
from verifiers.results import Reason
from verifiers.sandbox import Bubblewrap, sandbox_for
from verifiers.state import State


def in_sandbox(state: State, shown: Sequence[str]) -> Runner:
    """A runner for ``compiler.discovery``; ``shown`` are files and folders that the compiler needs."""
    mounts = [Mount(Path(path), path) for path in shown]

    def run(argv: Sequence[str]) -> tuple[int, str]:
        folder = state.new_work()
        try:
            sandbox = Bubblewrap(folder.path / "cell")
            answer = folder.path / "answer"
            with answer.open("wb") as log:
                done = sandbox.run(
                    argv,
                    cwd=f"{sandbox.inside}/tmp",
                    env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                    log=log,
                    limits=Limits(seconds=SECONDS, log=KEEP),
                    mounts=mounts,
                )
            if done.stopped is Reason.STEP_TIMEOUT:
                return TOOK_TOO_LONG, ""
            code = done.exit if done.exit is not None else 128 + (done.signal or 0)
            return code, answer.read_text("utf-8", "replace")
        finally:
            folder.remove()

    return run


def ways_to_run(state: State, sandbox: str) -> Callable[[Arch], Foreign]:
    """A function from an arch to how its programs run here, found out once by running one; threads may share it."""

    def runs(way: Foreign, command: Sequence[str]) -> bool:
        folder = state.new_work()
        try:
            inside = sandbox_for(sandbox, folder.path / "cell", way)
            with (folder.path / "answer").open("wb") as log:
                return inside.run(command, cwd="/", env={}, log=log, limits=Limits(seconds=60.0)).ok
        except SandboxFailed:
            return False  # no user namespace, or no binfmt_misc in one
        finally:
            folder.remove()

    known: dict[str, Foreign] = {}
    one = threading.Lock()

    def find(target: Arch) -> Foreign:
        with one:
            if target.name not in known:
                known[target.name] = foreign(target, sandbox, runs, own_libraries(state.cache))
            return known[target.name]

    return find
