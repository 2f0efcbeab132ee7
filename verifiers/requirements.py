"""What a run needs of this machine, and seeing to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from compiler.arches import Arch
from compiler.choice import find_family
from compiler.families import families
from verifiers import packages
from verifiers.config import Config
from verifiers.recipes.base import Recipe
from verifiers.results import Depth

_ORACLE = "gcc"  # the family that a candidate is not to be where none is named
_UNPACKERS = {".xz": "xz-utils", ".bz2": "bzip2", ".zst": "zstd"}
FOR_TESTS = ("clang", "tcc", "chromium", "ccache")
"""What this project's own tests run besides the oracle: candidates, a browser for the reports, mixes."""


def of_run(cells: Iterable[tuple[Recipe, Arch]], depth: Depth, sandbox: str) -> list[str]:
    """Debian packages for the sandbox, the oracles, the emulators and the projects."""
    names = ["bubblewrap"] if sandbox == "bubblewrap" else []
    for recipe, target in cells:
        names += target.oracle_packages
        names += target.emulator_packages if target.needs_emulator else ()
        names += recipe.packages_on(target, depth)
        for source in recipe.sources:
            names += [package for end, package in _UNPACKERS.items() if source.filename.endswith(end)]
        names += ["patch"] if recipe.patches else []
    return list(dict.fromkeys(names))


def of_candidates(asked: Sequence[str], config: Config) -> list[str]:
    """Debian packages of the families that are asked for by name, or of the preferred one where nothing is there."""
    known = families()
    if asked:
        named = [known[name] for name in asked if name in known and name not in config.compiler]
        return [package for each in named if not find_family(each, os.environ) for package in each.packages]
    if os.environ.get("CC") or config.default_compiler:
        return []
    candidates = [each for each in known.values() if each.preference and each.name != _ORACLE]
    if any(find_family(each, os.environ) for each in candidates):
        return []
    return list(next((each.packages for each in candidates if each.packages), ()))


def ensure(names: Iterable[str], install: bool, say: Callable[[str], None]) -> None:
    """Install what is missing where we may, saying so; raises PackagesMissing with the exact line elsewhere."""
    lacking = packages.missing(names)
    if not lacking:
        return
    if not (install and packages.may_install()):
        raise packages.PackagesMissing(names=", ".join(lacking), line=packages.install_line(lacking))
    packages.install(lacking, say)
