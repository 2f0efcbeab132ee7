"""``[nightly]`` in verify.toml: what a night runs, what bounds it, what it keeps, and whom it tells."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from verifiers.configtypes import Bytes
from verifiers.results import Depth, Frozen

Format = Literal["html", "junit", "markdown", "json", "badges"]


class CellsConfig(Frozen):
    """[[nightly.also]]: further cells; what is not given is as in [nightly]."""

    projects: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    depth: Depth | None = None
    sample: str | None = None
    seed: int | None = None
    levels: tuple[str, ...] = ()
    accommodate: bool | None = None


class KeepConfig(Frozen):
    """[nightly.keep]: days. What the newest result of a cell needs is kept in any case."""

    logs: PositiveFloat = 30.0
    history: PositiveFloat = 365.0
    work: PositiveFloat = 7.0  # the folders of red cells
    sysroots: PositiveFloat = 30.0  # that a newer one replaced


class NotifyConfig(Frozen):
    """[nightly.notify]: apprise's URLs; ``$NAME`` in one is taken from the environment."""

    urls: tuple[str, ...] = ()
    link: str = ""  # where the report's folder is on the web
    cases: PositiveInt = 5  # of a cell that are told by name


class NightlyConfig(CellsConfig):
    """[nightly]. Paths are relative to the file's folder."""

    also: tuple[CellsConfig, ...] = ()
    plugins: tuple[str, ...] = ()
    hours: PositiveFloat | None = None  # after which it ends with what it has
    least_free: Bytes = 5 << 30  # bytes of disk; with less it ends
    oracle_days: NonNegativeFloat = 7.0  # how often the oracle is run against itself; 0 is never
    stale: dict[str, PositiveFloat] = Field(default_factory=dict)  # candidate -> days: older, and it was not rebuilt
    formats: tuple[Format, ...] = ("html", "junit", "markdown", "json", "badges")
    report: str = ""  # the folder; by default reports/nightly in the state folder
    keep: KeepConfig = KeepConfig()
    notify: NotifyConfig = NotifyConfig()
