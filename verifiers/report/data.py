"""A run as JSON, and the schema of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from verifiers.report.health import seconds_between
from verifiers.report.selection import Selection, loaded
from verifiers.results import MatrixResult
from verifiers.store import Store


def schema() -> str:
    """The JSON schema of ``MatrixResult``."""
    return json.dumps(MatrixResult.model_json_schema(mode="serialization"), indent=1) + "\n"


def document(selection: Selection, store: Store) -> Iterator[str]:
    """A ``MatrixResult`` in pieces, one cell after the other."""
    run = selection.run
    started = run.started if run else min(place.started for place in selection.places)
    seconds = seconds_between(run.started, run.finished or run.started) if run else 0.0
    head = MatrixResult(run=selection.title, started=started, seconds=seconds, cells=()).model_dump_json()
    yield head.removesuffix("[]}") + "["
    for number, (_, result) in enumerate(loaded(store, selection.places)):
        yield f"{',' if number else ''}\n{result.model_dump_json()}"
    yield "\n]}\n"
