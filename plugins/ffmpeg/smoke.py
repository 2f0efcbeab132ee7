"""What the depth smoke builds and runs, from ``smoke.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from verifiers.results import Frozen


class Smoke(Frozen):
    """What is enabled, all else being off, and FATE's tests that are run, as fnmatch patterns."""

    options: tuple[str, ...]
    components: dict[str, tuple[str, ...]]  # kind -> names
    tests: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """For ``configure``."""
        enabled = (f"--enable-{kind}={','.join(names)}" for kind, names in self.components.items())
        return ("--disable-everything", *(f"--enable-{each}" for each in self.options), *enabled)


SMOKE: Final = Smoke.model_validate(tomllib.loads(Path(__file__).with_name("smoke.toml").read_text("utf-8")))
