"""Asks a compiler something inside the sandbox, where a folder that is closed to other users can be shown to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler.probe import KEEP, SECONDS, TOOK_TOO_LONG, Runner
from verifiers.limits import Limits, Mount
from verifiers.results import Reason
from verifiers.sandbox import Bubblewrap
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
