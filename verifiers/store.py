"""The history: every run and cell in one SQLite file, and the oracle's results beside it."""

from __future__ import annotations

import gzip
import sqlite3
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from verifiers.errors import InfrastructureError, Unwritable
from verifiers.files import atomic_write
from verifiers.results import CaseTable, CellResult, Reason, RunResult
from verifiers.state import State, now

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs(
        id TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, request TEXT NOT NULL);
    CREATE TABLE cells(
        id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id), fingerprint TEXT NOT NULL,
        project TEXT NOT NULL, version TEXT NOT NULL, arch TEXT NOT NULL, candidate TEXT NOT NULL, depth TEXT NOT NULL,
        verdict TEXT NOT NULL, reason TEXT, trusted INTEGER NOT NULL, started TEXT NOT NULL, result TEXT NOT NULL);
    CREATE INDEX cells_fingerprint ON cells(fingerprint, trusted);
    CREATE INDEX cells_run ON cells(run);
    """,
)
"""Schema changes in order; ``user_version`` counts those applied. Only ever append."""


CASES = "cases.json.gz"
"""Name of the file in a cell's folder that holds the candidate's cases."""


class NewerHistory(InfrastructureError):
    """The history was written by a newer ccverify."""

    reason = Reason.INTERNAL
    msg = "{path} was written by a newer ccverify (schema {found}, this one knows {known}); update, or use --state DIR"


class DamagedHistory(InfrastructureError):
    """SQLite cannot read the history."""

    reason = Reason.INTERNAL
    msg = "the history {path} cannot be read: {detail}; move it away, or use --state DIR"


class Store:
    """Runs and cells, safe for several processes at once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def begin(self, request: str) -> str:
        """Record that a run starts and what was asked, as JSON; returns its id, which sorts by time."""
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        with self._connection() as db:
            db.execute("INSERT INTO runs VALUES(?, ?, NULL, ?)", (run, now(), request))
        return run

    def finish(self, run: str) -> None:
        """Record that a run reached its end."""
        with self._connection() as db:
            db.execute("UPDATE runs SET finished = ? WHERE id = ?", (now(), run))

    def unfinished(self) -> tuple[str, str] | None:
        """The newest run, where it was killed: its id and what was asked."""
        with self._connection() as db:
            row = db.execute("SELECT id, finished, request FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        return (row[0], row[2]) if row and row[1] is None else None

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
            db.execute(
                "INSERT INTO cells(run, fingerprint, project, version, arch, candidate, depth, verdict, reason,"
                " trusted, started, result) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
                row,
            )

    def trusted(self, fingerprint: str) -> CellResult | None:
        """The newest believed verdict for exactly this cell."""
        query = "SELECT result FROM cells WHERE fingerprint = ? AND trusted ORDER BY id DESC LIMIT 1"
        return next(self._results(query, (fingerprint,)), None)

    def of_run(self, run: str) -> list[CellResult]:
        """A run's finished cells, oldest first."""
        return list(self._results("SELECT result FROM cells WHERE run = ? ORDER BY id", (run,)))

    def latest(self, limit: int = 50) -> list[CellResult]:
        """The newest finished cells, newest first."""
        return list(self._results("SELECT result FROM cells ORDER BY id DESC LIMIT ?", (limit,)))

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
                self._migrate(db)
                with db:
                    yield db
        except sqlite3.OperationalError as error:
            raise Unwritable(path=self._state.database, detail=error) from error
        except sqlite3.DatabaseError as error:
            raise DamagedHistory(path=self._state.database, detail=error) from error

    def _migrate(self, db: sqlite3.Connection) -> None:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found > len(_MIGRATIONS):
            raise NewerHistory(path=self._state.database, found=found, known=len(_MIGRATIONS))
        if found == len(_MIGRATIONS):
            return
        db.execute("BEGIN IMMEDIATE")
        (found,) = db.execute("PRAGMA user_version").fetchone()  # another process may have been first
        for number in range(found, len(_MIGRATIONS)):
            for statement in filter(str.strip, _MIGRATIONS[number].split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.commit()


def write_cases(path: Path, cases: CaseTable) -> None:
    """Keep a run's case table, compressed."""
    atomic_write(path, gzip.compress(cases.model_dump_json().encode(), 6))


def read_cases(path: Path) -> CaseTable:
    """Read what ``write_cases`` wrote."""
    return CaseTable.model_validate_json(gzip.decompress(path.read_bytes()))
