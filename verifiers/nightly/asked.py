"""From ``[nightly]`` to the request for its cells, or for some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifiers.nightly.settings import CellsConfig, NightlyConfig
from verifiers.request import Request

AXES = ("projects", "arches", "candidates")


def request_of(settings: NightlyConfig, only: Mapping[str, Sequence[str]], **more: object) -> Request:
    """What a night runs. ``only`` narrows ``projects``, ``arches`` and ``candidates`` to some of theirs.

    ``more`` are fields of the request that are no cells: sandbox, jobs, plugins.
    """
    found = []
    for part in (settings, *settings.also):
        cells = _cells(part, settings)
        cells |= {axis: _some(cells[axis], only[axis]) for axis in AXES if only.get(axis)}
        if cells["projects"] and all(cells[axis] for axis in AXES if only.get(axis)):
            found.append(cells)
    first, also = (found[0], found[1:]) if found else ({}, [])
    return Request.model_validate({**first, **more, "nightly": True, "also": also})


def _cells(part: CellsConfig, base: NightlyConfig) -> dict[str, Sequence[str]]:
    """The fields of a part; what it does not say is as in [nightly]."""
    said = part.model_fields_set
    fields = {name: getattr(part if name in said else base, name) for name in CellsConfig.model_fields}
    return {name: value for name, value in fields.items() if value is not None}


def _some(given: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    if not given or "all" in given:
        return tuple(wanted)
    return tuple(each for each in given if each in wanted or each.partition("@")[0] in wanted)
