"""What starting ``./verify`` costs, as a ratio to starting Python at all.

    .venv/bin/python benchmarks/startup.py [rounds]

Prints CPU and wall seconds (medians of rounds that alternate between the commands, so that a busy machine hits all
alike) of ``python -c pass``, ``./verify --help`` and ``./verify list``. Exit 1 where one takes more than 0.3 s of CPU.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 0.3
ROOT = Path(__file__).resolve().parent.parent


def measure(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of one run, with all its children."""
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return after.children_user + after.children_system - before.children_user - before.children_system, wall


def main(rounds: int) -> int:
    environment = os.environ | {"CCVERIFY_PREPARE": "base"}
    prepared = subprocess.run([str(ROOT / "verify")], env=environment, capture_output=True, text=True, check=True)
    python = str(Path(prepared.stdout.strip()) / "bin/python")
    verify = str(ROOT / "verify")
    commands = {"python -c pass": [python, "-c", "pass"], "--help": [verify, "--help"], "list": [verify, "list"]}
    for command in commands.values():
        measure(command)  # warm: byte code, page cache
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            figures[name].append(measure(command))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()
    }
    bare = medians["python -c pass"]
    print(f"{'':16}{'CPU s':>8}{'ratio':>8}{'wall s':>8}{'ratio':>8}   ({rounds} rounds, limit {LIMIT} s of CPU)")
    for name, (cpu, wall) in medians.items():
        print(f"{name:16}{cpu:8.3f}{cpu / bare[0]:8.1f}{wall:8.3f}{wall / bare[1]:8.1f}")
    return int(any(cpu > LIMIT for cpu, _ in medians.values()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
