"""What reading long logs costs: the cases of SQLite's release test, and the calls of a kernel's build.

    python benchmarks/parsing.py [rounds]

Prints the CPU seconds (medians) of 254,024 cases and of 10,000 calls, and their ratio to splitting the same lines into
words. Exit 1 where the cases take more than 2 s or the calls more than 1 s.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from compiler.driver import DriverConfig, build_driver, install
from compiler.driver.log import read_log
from verifiers.testformats import tcl

CASES = 254_024
CALLS = 10_000


def release_test() -> list[bytes]:
    """What a release test of SQLite prints."""
    last = b"0 errors out of %d tests on host Linux 64-bit little-endian\n" % CASES
    return [*(b"name-%d.1... Ok\n" % number for number in range(CASES - 1)), last]


def driver_log(folder: Path) -> Path:
    """The line of one real call, many times."""
    log, tree = folder / "units.jsonl", folder / "tree"
    (folder / "a.c").write_text("int a;\n")
    install(tree, build_driver(["gcc"], Path(tempfile.gettempdir()) / "ccverify-bench"), ["gcc"])
    DriverConfig(log=str(log), root=str(folder), candidate=("gcc",), oracle=("gcc",)).write(tree / "driver.conf")
    pid = os.posix_spawn(f"{tree}/bin/cc", ["cc", "-c", f"{folder}/a.c", "-o", f"{folder}/a.o"], os.environ)
    os.waitpid(pid, 0)
    log.write_bytes(log.read_bytes() * CALLS)
    return log


def seconds(read: Callable[[], Iterable[object]]) -> float:
    """CPU seconds of reading it all."""
    began = time.process_time()
    for _ in read():
        pass
    return time.process_time() - began


def main(rounds: int) -> int:
    lines = release_test()
    with tempfile.TemporaryDirectory() as folder:
        log = driver_log(Path(folder))
        subjects: dict[str, tuple[float, Callable[[], Iterable[object]], Callable[[], Iterable[object]]]] = {
            "cases": (2.0, lambda: tcl.parse(lines), lambda: (line.split() for line in lines)),
            "calls": (1.0, lambda: read_log(log), lambda: (line.split() for line in log.open("rb"))),
        }
        slow = 0
        for name, (limit, parse, bare) in subjects.items():
            pairs = [(seconds(parse), seconds(bare)) for _ in range(rounds)]
            own, words = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{name:8}{own:8.3f} s of CPU, x{own / words:.1f} (limit {limit} s)")
            slow += own > limit
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
