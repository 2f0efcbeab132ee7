"""What one run in a sandbox costs over the bare command: `python benchmarks/sandbox_start.py [RUNS]`.

Alternates the bare command, plain bwrap and both sandboxes, and prints the median and least wall milliseconds of each,
and the ratio of the least to the bare command's (the least is what a loaded machine disturbs least).
"""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from verifiers.limits import Limits
from verifiers.sandbox import Sandbox, sandbox_for

COMMAND = ["/bin/true"]
BWRAP = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"]


def _bare(prefix: list[str]) -> None:
    subprocess.run([*prefix, *COMMAND], check=True, stdin=subprocess.DEVNULL)


def _boxed(sandbox: Sandbox) -> None:
    assert sandbox.run(COMMAND, cwd=sandbox.inside, env={}, log=io.BytesIO(), limits=Limits()).ok


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    folder = Path(tempfile.mkdtemp(prefix="ccverify-bench-"))
    folder.chmod(0o755)
    ways: dict[str, Callable[[], None]] = {"bare": lambda: _bare([]), "plain bwrap": lambda: _bare(BWRAP)}
    for name in ("bubblewrap", "none"):
        sandbox = sandbox_for(name, folder / name)
        ways[f"sandbox {name}"] = lambda sandbox=sandbox: _boxed(sandbox)  # type: ignore[misc]
    times: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(runs + 1):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                times[name].append((time.perf_counter() - started) * 1e3)
    finally:
        shutil.rmtree(folder)
    least = min(times["bare"][1:])
    for name, taken in times.items():
        measured = taken[1:]  # the first builds the guard and warms up
        median, best = statistics.median(measured), min(measured)
        print(f"{name:20} median {median:6.2f} ms  least {best:6.2f} ms  ratio {best / least:5.1f}")


if __name__ == "__main__":
    main()
