"""What a call through the driver costs: wall and CPU time of the same command by hand and through bin/cc, alternating.

``python benchmarks/driver_call.py [rounds]`` prints medians in milliseconds, their difference and their ratio.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from compiler.driver import DriverConfig, build_driver, install

SOURCE = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def measured(argv: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = os.posix_spawn(argv[0], argv, os.environ)
    _, status = os.waitpid(process, 0)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        sys.exit(f"{argv} failed")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, candidate: str, args: Sequence[str], rounds: int) -> None:
    """Prints one line; alternates, so that a change of the machine's speed hits both alike."""
    with tempfile.TemporaryDirectory() as folder:
        tree, work = Path(folder, "tree"), Path(folder, "work")
        work.mkdir()
        (work / "a.c").write_text(SOURCE)
        install(tree, build_driver(["gcc"], Path(tempfile.gettempdir()) / "ccverify-bench"), ["gcc"])
        DriverConfig(log=f"{tree}/units.jsonl", root=str(work), candidate=(candidate,), oracle=("gcc",)).write(
            tree / "driver.conf"
        )
        os.chdir(work)
        by_hand, driven = [], []
        for number in range(rounds + 10):
            pair = measured([candidate, *args]), measured([f"{tree}/bin/cc", *args])
            if number >= 10:
                by_hand.append(pair[0])
                driven.append(pair[1])
        os.chdir("/")
    for what, index in (("wall", 0), ("CPU", 1)):
        hand, through = (statistics.median(run[index] for run in runs) * 1000 for runs in (by_hand, driven))
        mean = [statistics.fmean(run[index] for run in runs) * 1000 for runs in (by_hand, driven)]
        print(
            f"{name:14} {what:4} {hand:8.3f} ms by hand {through:8.3f} ms driven"
            f" {through - hand:+.3f} ms  x{through / hand if hand else 0:.3f}  (means x{mean[1] / mean[0]:.3f})"
        )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    compare("/bin/true", "/bin/true", [], rounds)
    for name, args in (("tcc", ["-c", "a.c", "-o", "a.o"]), ("gcc", ["-O1", "-c", "a.c", "-o", "a.o"])):
        if path := shutil.which(name):
            compare(f"{name} -c", path, args, rounds)


if __name__ == "__main__":
    main()
