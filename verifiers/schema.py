"""The history's tables: every change of them since the first, and bringing a file up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from verifiers.errors import InfrastructureError
from verifiers.results import Reason

MIGRATIONS: Final[tuple[str, ...]] = (
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
    # What reports of many runs need of a cell, so that they need not read every result. ``cell_names.cell`` is a
    # CellId's JSON; a place is a cell in a run, also one taken from the history; ``failing`` is what did not pass.
    """
    CREATE TABLE cell_names(id INTEGER PRIMARY KEY, cell TEXT NOT NULL UNIQUE);
    CREATE TABLE case_names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE failing(
        cell INTEGER NOT NULL REFERENCES cells(id), name INTEGER NOT NULL REFERENCES case_names(id),
        outcome TEXT NOT NULL, differs INTEGER NOT NULL, PRIMARY KEY(cell, name)) WITHOUT ROWID;
    CREATE TABLE places(
        run TEXT NOT NULL REFERENCES runs(id), name INTEGER NOT NULL REFERENCES cell_names(id),
        cell INTEGER NOT NULL REFERENCES cells(id), cached INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT,
        step TEXT, started TEXT NOT NULL, differ INTEGER NOT NULL, build_cpu REAL, build_peak INTEGER, test_cpu REAL,
        oracle_build_cpu REAL, oracle_build_peak INTEGER, oracle_test_cpu REAL, PRIMARY KEY(run, name)) WITHOUT ROWID;
    CREATE INDEX places_name ON places(name, run);
    INSERT INTO cell_names(cell) SELECT DISTINCT json_extract(result, '$.cell') FROM cells ORDER BY id;
    INSERT OR REPLACE INTO places
        SELECT run, (SELECT id FROM cell_names WHERE cell = json_extract(result, '$.cell')), id, 0, verdict, reason,
            json_extract(result, '$.verdict.step'), started, json_array_length(result, '$.verdict.differences'),
            json_extract(result, '$.candidate.steps[2].usage.cpu_seconds'),
            json_extract(result, '$.candidate.steps[2].usage.peak_kib'),
            json_extract(result, '$.candidate.steps[3].usage.cpu_seconds'),
            json_extract(result, '$.oracle.steps[2].usage.cpu_seconds'),
            json_extract(result, '$.oracle.steps[2].usage.peak_kib'),
            json_extract(result, '$.oracle.steps[3].usage.cpu_seconds')
        FROM cells ORDER BY id;
    INSERT OR IGNORE INTO case_names(name)
        SELECT json_extract(each.value, '$.name') FROM cells, json_each(result, '$.verdict.differences') each;
    INSERT OR IGNORE INTO failing
        SELECT cells.id, (SELECT id FROM case_names WHERE name = json_extract(each.value, '$.name')),
            json_extract(each.value, '$.candidate'), 1
        FROM cells, json_each(result, '$.verdict.differences') each;
    """,
    # What the night's excuses said of a cell, and how long it took. ``planned`` are the cells of a run, also those that
    # it did not come to. ``flaky`` are cases that the oracle itself had otherwise in a second run.
    """
    ALTER TABLE places ADD COLUMN ruling TEXT;
    ALTER TABLE places ADD COLUMN seconds REAL;
    CREATE TABLE planned(
        run TEXT NOT NULL REFERENCES runs(id), name INTEGER NOT NULL REFERENCES cell_names(id), PRIMARY KEY(run, name)
    ) WITHOUT ROWID;
    CREATE TABLE flaky(
        project TEXT NOT NULL, version TEXT NOT NULL, arch TEXT NOT NULL,
        name INTEGER NOT NULL REFERENCES case_names(id), seen TEXT NOT NULL,
        PRIMARY KEY(project, version, arch, name)) WITHOUT ROWID;
    UPDATE places SET seconds = (SELECT json_extract(result, '$.seconds') FROM cells WHERE cells.id = places.cell);
    """,
    # a cell's name has a seed
    """
    UPDATE cell_names SET cell = json_insert(cell, '$.seed', 0);
    """,
    # Why a run did not come to all of its cells; the size of the code, and the time of a project's benchmark.
    """
    ALTER TABLE runs ADD COLUMN note TEXT;
    ALTER TABLE places ADD COLUMN code_bytes INTEGER;
    ALTER TABLE places ADD COLUMN bench REAL;
    ALTER TABLE places ADD COLUMN oracle_code_bytes INTEGER;
    ALTER TABLE places ADD COLUMN oracle_bench REAL;
    """,
    # a sample may be named cases
    """
    UPDATE cell_names SET cell = json_insert(cell, '$.sample.cases', json('[]'))
        WHERE json_type(cell, '$.sample') = 'object';
    """,
)
"""Schema changes in order; ``user_version`` counts those applied. Only ever append."""


class NewerHistory(InfrastructureError):
    """The history was written by a newer ccverify."""

    reason = Reason.INTERNAL
    msg = "{path} was written by a newer ccverify (schema {found}, this one knows {known}); update, or use --state DIR"


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring a history up to date; raises NewerHistory where it is ahead of us."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > len(MIGRATIONS):
        raise NewerHistory(path=path, found=found, known=len(MIGRATIONS))
    if found == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    (found,) = db.execute("PRAGMA user_version").fetchone()  # another process may have been first
    for number in range(found, len(MIGRATIONS)):
        for statement in filter(str.strip, MIGRATIONS[number].split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number + 1}")
    db.commit()
