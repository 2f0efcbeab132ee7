"""The kinds of recipe that plugins are made from."""

from verifiers.recipes.autotools import Autotools, Make
from verifiers.recipes.base import Accommodation, ComputedName, Parser, Patch, Recipe, Suite
from verifiers.recipes.kbuild import Kbuild
from verifiers.recipes.programs import Program, Programs

__all__ = [
    "Accommodation",
    "Autotools",
    "ComputedName",
    "Kbuild",
    "Make",
    "Parser",
    "Patch",
    "Program",
    "Programs",
    "Recipe",
    "Suite",
]
