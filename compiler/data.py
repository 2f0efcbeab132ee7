"""Reads the data files of an axis: one TOML file a member, beside the module of the axis' name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from verifiers.results import Frozen

Member = TypeVar("Member", bound=Frozen)


def members(folder: Path, model: type[Member]) -> dict[str, Member]:
    """Every member of an axis by name (its file's stem)."""
    return {
        path.stem: model.model_validate({"name": path.stem, **tomllib.loads(path.read_text("utf-8"))})
        for path in sorted(folder.glob("*.toml"))
    }
