"""What of the history goes with time. Every cell's newest place stays, versions of a candidate taken for one."""

from __future__ import annotations

import sqlite3

from verifiers.results import CellId


def newest_folders(db: sqlite3.Connection) -> frozenset[str]:
    """The folders of every cell's newest result."""
    _newest(db)
    query = (
        "SELECT json_extract(c.result, '$.folder') FROM places p JOIN cells c ON c.id = p.cell"
        " WHERE (p.run, p.name) IN (SELECT run, name FROM newest)"
    )
    return frozenset(folder for (folder,) in db.execute(query) if folder)


def forget(db: sqlite3.Connection, before: str) -> int:
    """Delete what is of runs that began before a time, but for the newest places; returns how many runs."""
    old = "SELECT id FROM runs WHERE started < :before AND finished IS NOT NULL"
    _newest(db)
    db.execute(
        f"DELETE FROM places WHERE run IN ({old}) AND (run, name) NOT IN (SELECT run, name FROM newest)",
        {"before": before},
    )
    db.execute("DELETE FROM failing WHERE cell NOT IN (SELECT cell FROM places)")
    db.execute("DELETE FROM cells WHERE id NOT IN (SELECT cell FROM places)")
    db.execute(f"DELETE FROM planned WHERE run IN ({old})", {"before": before})
    gone = db.execute(
        f"DELETE FROM runs WHERE id IN ({old}) AND id NOT IN (SELECT run FROM places)"
        " AND id NOT IN (SELECT run FROM cells)",
        {"before": before},
    ).rowcount
    db.execute("DELETE FROM flaky WHERE seen < ?", (before,))
    named = "SELECT name FROM failing UNION SELECT name FROM flaky"
    db.execute(f"DELETE FROM case_names WHERE id NOT IN ({named})")
    db.execute("DELETE FROM cell_names WHERE id NOT IN (SELECT name FROM places UNION SELECT name FROM planned)")
    return int(gone)


def is_wasteful(db: sqlite3.Connection) -> bool:
    """Whether more than half of the file is no longer needed."""
    (free,), (pages,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count"))
    return bool(free * 2 > pages)


def _newest(db: sqlite3.Connection) -> None:
    """Make the table of every cell's newest place, versions of a candidate taken for one.

    Several versions that the newest run has side by side are all there.
    """

    def family(cell: str) -> str:
        return CellId.model_validate_json(cell).lasting.model_dump_json()

    db.create_function("family", 1, family, deterministic=True)
    db.execute("CREATE TEMP TABLE kinds AS SELECT id, family(cell) AS kind FROM cell_names")  # each name is read once
    db.execute(
        "CREATE TEMP TABLE newest AS SELECT run, name FROM (SELECT p.run, p.name, max(p.run) OVER (PARTITION BY kind)"
        " AS last FROM places p JOIN kinds ON id = p.name) WHERE run = last"
    )
