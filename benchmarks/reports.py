"""Pages and comparisons of a large made-up history: time, memory and size, and how they grow.

``PYTHONPATH=. python benchmarks/reports.py [nights] [cells …]`` (default: 30 nights of 1,000 and of 10,000 cells, each
with 2,000 cases) makes the histories below $CCVERIFY_BENCH (default: /var/tmp), measures the real commands on them, and
removes them. 10,000 cells need 2 GB of disk.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.verifiers.report.made import history, matrix
from verifiers.results import VerdictKind
from verifiers.store import CASES, Store, write_cases

CANDIDATES = ("gcc-12.2.0", "clang-14.0.6", "tcc-0.9.27", "mycc-1.2", "slimcc-0.3", "kefir-0.4")
CASES_EACH = 2000


@dataclass(frozen=True)
class Cost:
    """What a command cost: wall and CPU seconds, MiB of memory."""

    wall: float
    cpu: float
    peak: float


def measure(*words: str) -> Cost:
    """Run ``verify`` once."""
    clock = time.perf_counter()
    pid = subprocess.Popen([sys.executable, "-m", "verifiers", *words], stdout=subprocess.DEVNULL).pid
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"verify {' '.join(words)} failed")
    return Cost(time.perf_counter() - clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def make(root: Path, cells: int, nights: int) -> None:
    """Three nights from models, the others copies of those under other dates; case tables of red cells."""
    names = matrix(-(-cells // (4 * len(CANDIDATES))), CANDIDATES)[:cells]
    store = history(root, names, 3, CASES_EACH)
    with sqlite3.connect(root / "history.db") as db:
        for night in range(3, nights):
            source = f"202611{night % 3 + 1:02}-010000-{night % 3:04x}"
            target = f"2026{11 + night // 28}{night % 28 + 1:02}-010000-{night:04x}"
            columns = "started, finished, request, note"
            db.execute(f"INSERT INTO runs SELECT ?, {columns} FROM runs WHERE id = ?", (target, source))
            copy(db, source, target)
            db.commit()
    tables(root, store)


def copy(db: sqlite3.Connection, source: str, target: str) -> None:
    """A night's rows once more, under another run."""
    (first,) = db.execute("SELECT max(id) FROM cells").fetchone()
    (lowest,) = db.execute("SELECT min(id) FROM cells WHERE run = ?", (source,)).fetchone()
    shift = first + 1 - lowest
    db.execute(
        "INSERT INTO cells SELECT id + ?, ?, fingerprint, project, version, arch, candidate, depth, verdict, reason,"
        " trusted, started, replace(result, ?, ?) FROM cells WHERE run = ?",
        (shift, target, source, target, source),
    )
    columns = [row[1] for row in db.execute("PRAGMA table_info(places)")]
    given = ", ".join({"run": "?", "cell": "cell + ?"}.get(name, name) for name in columns)
    db.execute(f"INSERT INTO places SELECT {given} FROM places WHERE run = ?", (target, shift, source))
    db.execute(
        "INSERT INTO failing SELECT cell + ?, name, outcome, differs FROM failing"
        " WHERE cell IN (SELECT cell FROM places WHERE run = ?)",
        (shift, source),
    )


def tables(root: Path, store: Store) -> None:
    """Case tables of the last two nights' cells that are not green: the others' are not read."""
    from verifiers.results import CaseOutcome, CaseTable, TestCase

    for run in store.runs()[-2:]:
        red = [place for place in store.places(run.id) if place.verdict is not VerdictKind.PASS]
        for result in store.load(red):
            if result and result.candidate:
                failing = {each.name for each in result.verdict.differences}
                passed = {f"check/case-{n}": "" for n in range(CASES_EACH)}
                others = {name: TestCase(name=name, outcome=CaseOutcome.FAIL) for name in failing}
                table = CaseTable(passed={n: "" for n in passed if n not in failing}, others=others)
                write_cases(root / result.folder / CASES, table)


def main() -> None:
    nights = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    sizes = [int(word) for word in sys.argv[2:]] or [1000, 10000]
    print(f"{nights} nights; wall s, CPU s, peak MiB; x: against the row before, by cell")
    last: dict[str, tuple[int, Cost]] = {}
    for cells in sizes:
        with tempfile.TemporaryDirectory(dir=os.environ.get("CCVERIFY_BENCH", "/var/tmp")) as folder:
            root = Path(folder)
            make(root, cells, nights)
            size = (root / "history.db").stat().st_size
            print(f"{cells:6,} cells a night: history {size / 1e6:,.0f} MB, {size / cells / nights:,.0f} bytes a cell")
            commands = {
                "html": ("report", "--format", "html"),
                "html, all runs": ("report", "--run", "all", "--format", "html"),
                "junit": ("report", "--format", "junit"),
                "json": ("report", "--format", "json"),
                "markdown, badges": ("report", "--format", "markdown,badges"),
                "compare": ("compare", "previous", "latest"),
                "compare compilers": ("compare", "clang", "mycc"),
                "show": ("show",),
            }
            for name, words in commands.items():
                cost = measure(*words, "--state", folder, *(("--out", f"{folder}/out") if "report" in words else ()))
                grown = ""
                if name in last:
                    before, was = last[name]
                    grown = (
                        f"  x{cost.cpu / was.cpu / (cells / before):.2f} CPU, x{cost.peak / was.peak:.1f} memory in all"
                    )
                last[name] = (cells, cost)
                print(f"{cells:6,} {name:18} {cost.wall:7.1f} {cost.cpu:7.1f} {cost.peak:6.0f}{grown}", flush=True)
                if name == "html":
                    pages = [path.stat().st_size for path in Path(folder, "out").rglob("*.html")]
                    index = Path(folder, "out", "index.html").stat().st_size
                    print(f"{cells:6,}   {len(pages):,} pages, {sum(pages) / 1e6:,.0f} MB; index {index / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
