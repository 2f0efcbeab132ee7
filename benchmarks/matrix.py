"""What running cells side by side gains: a matrix in one run against its cells one after the other, alternating.

``python benchmarks/matrix.py [rounds] [project] [depth]`` runs four arches with gcc and prints wall and CPU seconds of
both and their ratio (medians). The sources are fetched before; every cell runs afresh, in a state folder of its own.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from compiler.arches import arches


def cost(commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Wall and CPU seconds of some runs of the command, one after the other."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stderr[-1000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    project = sys.argv[2] if len(sys.argv) > 2 else "sqlite"
    depth = sys.argv[3] if len(sys.argv) > 3 else "smoke"
    with tempfile.TemporaryDirectory(dir=os.environ.get("CCVERIFY_BENCH", "/var/tmp")) as folder:
        Path(folder).chmod(0o755)
        base = [sys.executable, "-m", "verifiers", "--project", project, "--depth", depth, "--cc", "gcc", "--fresh"]
        base += ["--state", folder, "--json"]
        together = [[*base, "--arch", "all"]]
        apart = [[*base, "--arch", name] for name in arches()]
        cost(apart[:1])  # fetches, builds the driver, asks the compilers
        runs = [(cost(apart), cost(together)) for _ in range(rounds)]
    for index, what in enumerate(("wall", "CPU")):
        one, all_ = (statistics.median(run[side][index] for run in runs) for side in (0, 1))
        print(
            f"{project} {depth} {what:4} {one:8.1f} s one after the other {all_:8.1f} s side by side x{all_ / one:.3f}"
        )


if __name__ == "__main__":
    main()
