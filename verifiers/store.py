"""The history: every run and cell in one SQLite file, and the oracle's results beside it."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from verifiers.errors import InfrastructureError, Unwritable
from verifiers.files import atomic_write
from verifiers.forget import forget, is_wasteful, newest_folders
from verifiers.places import COSTS as COSTS
from verifiers.places import LASTING, columns_of_place, learn, write_failing, write_place
from verifiers.places import Costs as Costs
from verifiers.places import Place as Place
from verifiers.results import (
    CaseTable,
    CellId,
    CellResult,
    Difference,
    Reason,
    Ruling,
    RunResult,
    Step,
    VerdictKind,
)
from verifiers.schema import NewerHistory as NewerHistory
from verifiers.schema import migrate
from verifiers.state import State, now
from verifiers.words import SHAKING

_FLAKY_FOR: Final = timedelta(days=90)  # after which a case that was not seen to be so is steady again

CASES = "cases.json.gz"
"""Name of the file in a cell's folder that holds the candidate's cases."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the history has it."""

    id: str
    started: str
    finished: str | None  # None: still at work, or cut short
    request: str
    cells: int
    note: str = ""  # why it did not come to all of its cells, where it says

    @property
    def nightly(self) -> bool:
        """Whether it is a night."""
        try:
            return bool(json.loads(self.request).get("nightly"))
        except (ValueError, AttributeError):
            return False


FAILURES = "failures.log"
"""Name of the file in a cell's folder with one line for each case that the oracle passes and the candidate does not."""

MIXED = "mixed.txt"
"""Name of the file in a cell's folder with a mix's units that were the candidate's."""


class DamagedHistory(InfrastructureError):
    """SQLite cannot read the history."""

    reason = Reason.INTERNAL
    msg = "the history {path} cannot be read: {detail}; move it away, or use --state DIR"


class Store:
    """Runs and cells, safe for several processes at once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._names: dict[int, CellId] = {}  # by their number, as read so far

    def begin(self, request: str) -> str:
        """Record that a run starts and what was asked, as JSON; returns its id, which sorts by time."""
        while True:
            clock = datetime.now(UTC)
            run = f"{clock:%Y%m%d-%H%M%S}-{clock.microsecond * 65536 // 1_000_000:04x}"
            with self._connection() as db:
                done = db.execute(
                    "INSERT OR IGNORE INTO runs(id, started, request) VALUES(?, ?, ?)", (run, now(), request)
                )
                if done.rowcount:
                    return run

    def finish(self, run: str, note: str = "") -> None:
        """Record that a run reached its end, and why it is without some of its cells, if so."""
        with self._connection() as db:
            db.execute("UPDATE runs SET finished = ?, note = ? WHERE id = ?", (now(), note, run))

    def unfinished(self, nightly: bool = False) -> tuple[str, str] | None:
        """The newest run, or the newest night, where it was killed: its id and what was asked."""
        newest = self.newest(nightly)
        return (newest.id, newest.request) if newest and newest.finished is None else None

    def newest(self, nightly: bool = False) -> RunRow | None:
        """The newest run, or the newest night."""
        which = "WHERE json_extract(request, '$.nightly')" if nightly else ""
        query = (
            f"SELECT id, started, finished, request, 0, coalesce(note, '') FROM runs {which} ORDER BY id DESC LIMIT 1"
        )
        with self._connection() as db:
            row = db.execute(query).fetchone()
        return RunRow(*row) if row else None

    def plan(self, run: str, cells: Iterable[CellId]) -> None:
        """Record the cells that a run is to have; a resumed one may have others than it began with."""
        names = [(cell.model_dump_json(),) for cell in cells]
        with self._connection() as db:
            db.execute(
                "DELETE FROM planned WHERE run = ? AND name NOT IN (SELECT name FROM places WHERE run = ?)", (run, run)
            )
            db.executemany("INSERT OR IGNORE INTO cell_names(cell) VALUES(?)", names)
            query = "INSERT OR IGNORE INTO planned SELECT ?, id FROM cell_names WHERE cell = ?"
            db.executemany(query, ((run, name) for (name,) in names))

    def not_run(self, run: str) -> tuple[list[Place], list[CellId]] | None:
        """The planned cells that a run has no result for: as they last were, and those that never were.

        None where nobody knows what was planned.
        """
        missing = "SELECT name FROM planned WHERE run = :run AND name NOT IN (SELECT name FROM places WHERE run = :run)"
        newest = f"p.name IN ({missing}) AND p.run = (SELECT max(run) FROM places WHERE name = p.name AND run < :run)"
        with self._connection() as db:
            if not db.execute("SELECT 1 FROM planned WHERE run = ? LIMIT 1", (run,)).fetchone():
                return None
            known = list(self._rows(db, newest, {"run": run}))
            query = f"SELECT id, cell FROM cell_names WHERE id IN ({missing}) ORDER BY id"
            there = {place.name for place in known}
            names = [cell for name, cell in db.execute(query, {"run": run}) if name not in there]
        return known, [CellId.model_validate_json(name) for name in names]

    def flaky_cases(self, cell: CellId) -> frozenset[str]:
        """Cases of a project on an arch that the oracle itself had otherwise in a second run, in the last months."""
        query = (
            "SELECT n.name FROM flaky f JOIN case_names n ON n.id = f.name"
            " WHERE f.project = ? AND f.version = ? AND f.arch = ? AND f.seen > ?"
        )
        since = (datetime.now(UTC) - _FLAKY_FOR).isoformat(timespec="seconds")
        with self._connection() as db:
            rows = db.execute(query, (cell.project, cell.version, cell.arch, since)).fetchall()
        return frozenset(name for (name,) in rows)

    def last_ran(self, cell: CellId) -> str:
        """When a cell was last run, and not taken from the history; "" where it never was."""
        query = (
            "SELECT max(p.started) FROM places p JOIN cell_names n ON n.id = p.name WHERE n.cell = ? AND NOT p.cached"
        )
        with self._connection() as db:
            (found,) = db.execute(query, (cell.model_dump_json(),)).fetchone()
        return found or ""

    def save(self, result: CellResult) -> None:
        """Keep a finished cell."""
        cell, verdict = result.cell, result.verdict
        row = (
            result.run,
            result.fingerprint,
            cell.project,
            cell.version,
            cell.arch,
            cell.candidate,
            cell.depth,
            verdict.kind,
            verdict.reason,
            int(verdict.kind.trusted),
            result.started,
            result.model_dump_json(),
        )
        with self._connection() as db:
            kept = db.execute(
                "INSERT INTO cells(run, fingerprint, project, version, arch, candidate, depth, verdict, reason,"
                " trusted, started, result) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
                row,
            )
            write_place(db, kept.lastrowid or 0, result)
            write_failing(db, kept.lastrowid or 0, result)
            learn(db, result)

    def trusted(self, fingerprint: str) -> CellResult | None:
        """The believed verdict for exactly this cell; None also where the last run that says anything shook it."""
        marks = _marks(SHAKING)
        query = (
            "SELECT result FROM cells WHERE fingerprint = ? AND"
            f" (verdict IN ('pass', 'fail', 'flaky') OR reason IN ({marks})) ORDER BY id DESC LIMIT 1"
        )
        newest = next(self._results(query, (fingerprint, *SHAKING)), None)
        return newest if newest and newest.verdict.kind.trusted else None

    def of_run(self, run: str) -> list[CellResult]:
        """A run's finished cells, oldest first."""
        return list(self._results("SELECT result FROM cells WHERE run = ? ORDER BY id", (run,)))

    def latest(self, limit: int = 50) -> list[CellResult]:
        """The newest finished cells, newest first."""
        return list(self._results("SELECT result FROM cells ORDER BY id DESC LIMIT ?", (limit,)))

    def failed_cases(self, cell: CellId) -> tuple[str, ...]:
        """Cases that differed when cases of that project, version, arch and candidate were last compared.

        At the cell's levels, or at all; a run of cases that were named says nothing of the others.
        """
        query = (
            "SELECT result FROM cells WHERE project = ? AND version = ? AND arch = ? AND candidate = ?"
            " AND verdict IN ('pass', 'fail', 'flaky') AND json_extract(result, '$.verdict.compared') > 0"
            " AND json_extract(result, '$.cell.levels') IN ('[]', ?)"
            " AND coalesce(json_extract(result, '$.cell.sample.cases'), '[]') = '[]' ORDER BY id DESC LIMIT 1"
        )
        levels = json.dumps(cell.levels, separators=(",", ":"))
        last = next(self._results(query, (cell.project, cell.version, cell.arch, cell.candidate, levels)), None)
        return tuple(each.name for each in last.verdict.differences) if last else ()

    def units(self, cell: CellId) -> int:
        """How many units the oracle had in the newest cell of that project, version, arch and depth; 0: not known."""
        query = (
            "SELECT json_extract(result, '$.oracle.provenance.units') FROM cells"
            " WHERE project = ? AND version = ? AND arch = ? AND depth = ? ORDER BY id DESC LIMIT 1"
        )
        with self._connection() as db:
            row = db.execute(query, (cell.project, cell.version, cell.arch, cell.depth)).fetchone()
        return int(row[0] or 0) if row else 0

    def baseline(self, fingerprint: str) -> RunResult | None:
        """The oracle's kept result; one that cannot be read counts as none."""
        try:
            return RunResult.model_validate_json(gzip.decompress(self._baseline(fingerprint).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, EOFError, zlib.error, ValidationError):
            return None  # damaged or of an older form: the oracle simply runs again

    def keep_baseline(self, fingerprint: str, result: RunResult) -> None:
        """Keep the oracle's result for later cells."""
        atomic_write(self._baseline(fingerprint), gzip.compress(result.model_dump_json().encode(), 6))

    def reuse(self, run: str, result: CellResult) -> None:
        """Record that a run took a cell from the history instead of running it."""
        query = "SELECT id FROM cells WHERE run = ? AND fingerprint = ? ORDER BY id DESC LIMIT 1"
        with self._connection() as db:
            for (row,) in db.execute(query, (result.run, result.fingerprint)).fetchall():
                write_place(db, row, result.model_copy(update={"run": run, "cached": True}))

    def runs(self) -> list[RunRow]:
        """Every run, oldest first, with the number of cells that it has."""
        query = (
            "SELECT id, started, finished, request, (SELECT count(*) FROM places WHERE run = runs.id),"
            " coalesce(note, '') FROM runs ORDER BY id"
        )
        with self._connection() as db:
            return [RunRow(*row) for row in db.execute(query)]

    def places(self, run: str | None = None) -> list[Place]:
        """A run's cells; without a run, every cell's newest place in the history. Reads no whole result."""
        with self._connection() as db:
            if run is None:
                newest = "p.run = (SELECT max(run) FROM places WHERE name = p.name) ORDER BY p.run, p.cell"
                return list(self._rows(db, newest))
            return list(self._rows(db, "p.run = ? ORDER BY p.cell", run))

    def trends(self, places: Iterable[Place], limit: int) -> dict[int, list[Place]]:
        """By the number of a cell's name: its newest places up to the given one, that included, oldest first."""
        with self._connection() as db:
            return {
                place.name: list(
                    self._rows(
                        db, "p.name = ? AND p.run <= ? ORDER BY p.run DESC LIMIT ?", place.name, place.run, limit
                    )
                )[::-1]
                for place in places
            }

    def totals(self, runs: Sequence[str]) -> dict[str, dict[VerdictKind, int]]:
        """Number of cells by verdict, of some runs."""
        found: dict[str, dict[VerdictKind, int]] = {run: {} for run in runs}
        query = f"SELECT run, verdict, count(*) FROM places WHERE run IN ({_marks(runs)}) GROUP BY run, verdict"
        with self._connection() as db:
            for run, verdict, count in db.execute(query, tuple(runs)):
                found[run][VerdictKind(verdict)] = count
        return found

    def load(self, places: Iterable[Place]) -> Iterator[CellResult | None]:
        """The whole results of some places, in their order, one at a time; None where another version wrote it."""
        with self._connection() as db:
            for place in places:
                row = db.execute("SELECT result FROM cells WHERE id = ?", (place.cell_row,)).fetchone()
                try:
                    result = CellResult.model_validate_json(row[0])
                except (ValidationError, TypeError):
                    yield None
                else:
                    yield result.model_copy(update={"cached": place.cached, "ruling": place.ruling})

    def failing(self, places: Iterable[Place]) -> dict[int, dict[str, str]]:
        """By the number of a cell's row: the cases that the oracle passes and it does not -> what they came to."""
        query = (
            "SELECT n.name, f.outcome FROM failing f JOIN case_names n ON n.id = f.name WHERE f.cell = ? AND f.differs"
        )
        with self._connection() as db:
            return {
                place.cell_row: dict(db.execute(query, (place.cell_row,)).fetchall())
                for place in places
                if place.differ
            }

    def newest_folders(self) -> frozenset[str]:
        """The folders of every cell's newest result, versions of a candidate taken for one."""
        with self._connection() as db:
            return newest_folders(db)

    def forget(self, before: str) -> int:
        """Delete what is of runs that began before a time, but for every cell's newest place; returns how many runs."""
        with self._connection() as db:
            gone = forget(db, before)
        with suppress(Unwritable), self._connection() as db:  # no room to shrink it, or another reads: the next time
            if is_wasteful(db):
                db.execute("VACUUM")
        return gone

    def _rows(self, db: sqlite3.Connection, where: str, *given: Any) -> Iterator[Place]:
        query = (
            f"SELECT p.run, p.name, n.cell, p.cell, p.cached, p.ruling, {columns_of_place('verdict', *LASTING)}"
            f" FROM places p JOIN cell_names n ON n.id = p.name WHERE {where}"
        )
        named = given[0] if given and isinstance(given[0], dict) else given
        for run, name, cell, row, cached, ruling, verdict, reason, step, started, differ, seconds, *costs in db.execute(
            query, named
        ):
            if name not in self._names:
                self._names[name] = CellId.model_validate_json(cell)
            yield Place(
                run,
                name,
                self._names[name],
                row,
                bool(cached),
                VerdictKind(verdict),
                Reason(reason) if reason else None,
                Step(step) if step else None,
                started,
                differ,
                Costs(*costs[: len(COSTS)]),
                Costs(*costs[len(COSTS) :]),
                Ruling.model_validate_json(ruling) if ruling else Ruling(),
                seconds,
            )

    def _baseline(self, fingerprint: str) -> Path:
        return self._state.baselines / f"{fingerprint}.json.gz"

    def _results(self, query: str, parameters: tuple[object, ...]) -> Iterator[CellResult]:
        with self._connection() as db:
            rows = db.execute(query, parameters).fetchall()
        for (text,) in rows:
            try:
                yield CellResult.model_validate_json(text)
            except ValidationError:
                continue  # written by another schema version: not comparable, not shown

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._state.database, timeout=30)) as db:
                migrate(db, self._state.database)
                with db:
                    yield db
        except sqlite3.OperationalError as error:
            raise Unwritable(path=self._state.database, detail=error) from error
        except sqlite3.DatabaseError as error:
            raise DamagedHistory(path=self._state.database, detail=error) from error


def write_cases(path: Path, cases: CaseTable) -> None:
    """Keep a run's case table, compressed."""
    atomic_write(path, gzip.compress(cases.model_dump_json().encode(), 6))


def read_cases(path: Path) -> CaseTable:
    """Read what ``write_cases`` wrote."""
    return CaseTable.model_validate_json(gzip.decompress(path.read_bytes()))


def _marks(values: Collection[object]) -> str:
    return ",".join("?" * len(values))


def cases_of(root: Path, result: CellResult) -> CaseTable | None:
    """The candidate's cases of a finished cell; None where the file is gone or damaged."""
    try:
        return read_cases(root / result.folder / CASES) if result.folder else None
    except (OSError, EOFError, zlib.error, ValidationError):
        return None


def write_mixed(path: Path, units: Sequence[str]) -> None:
    """Keep a mix's units of the candidate, a line each, as ``--mix-files`` takes them."""
    if units:
        atomic_write(path, "".join(f"{unit}\n" for unit in units).encode("utf-8", "surrogateescape"))


def write_failures(path: Path, differences: Sequence[Difference], log: str) -> None:
    """Keep the failing cases, a line each for grep: FAIL, outcome, case, message, the folder with the logs."""
    if not differences:
        return
    rows = [
        f"FAIL {each.candidate} {each.name}: {' '.join(each.message.split())}"
        f"{f' ({each.note})' if each.note else ''} log: {log}"
        for each in differences
    ]
    atomic_write(path, "".join(f"{row}\n" for row in rows).encode("utf-8", "backslashreplace"))
