"""What the depth smoke builds and runs, from ``smoke.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from verifiers.results import Frozen


class Smoke(Frozen):
    """``components``: kind -> names, all that is enabled; ``tests``: fnmatch patterns over FATE's names."""

    components: dict[str, tuple[str, ...]]
    tests: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """For ``configure``."""
        enabled = (f"--enable-{kind}={','.join(names)}" for kind, names in self.components.items())
        return ("--disable-everything", *enabled)


SMOKE: Final = Smoke.model_validate(tomllib.loads(Path(__file__).with_name("smoke.toml").read_text("utf-8")))
