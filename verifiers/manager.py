"""Finds plugins and gives typed calls around pluggy."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pluggy

import plugins
from verifiers import hookspecs
from verifiers.errors import UsageError
from verifiers.nearest import hint
from verifiers.recipes.base import Recipe
from verifiers.results import CaseTable, CellId, CellResult, CompilerInfo, MatrixResult, Step, StepResult

if TYPE_CHECKING:
    from verifiers.config import ProjectEntry
    from verifiers.progress import Progress
    from verifiers.workspace import Workspace


class BadPlugin(UsageError):
    """A plugin cannot be loaded."""

    msg = "plugin {name}: {detail}"


class NoSamples(UsageError):
    """The folder that the configuration names is none."""

    msg = "[project.{project}] samples: {path} is not a folder; mend verify.toml"


class UnknownProject(UsageError):
    """No plugin declares that project."""

    msg = "unknown project {name}{hint}; `verify list` names them all"


class Manager:
    """All plugins of a run: the built-in ones, entry points of the group ``ccverify``, and ``--plugin`` files."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self._telling = threading.RLock()
        self._pm = pluggy.PluginManager("ccverify")
        self._pm.add_hookspecs(hookspecs)
        for name in _built_in():
            self._pm.register(importlib.import_module(name), name)
        try:
            self._pm.load_setuptools_entrypoints("ccverify")
        except Exception as error:
            raise BadPlugin(name="from an entry point", detail=_one_line(error)) from error
        for file in files:
            self.register(_load(file), str(file))
        self._recipes = self._collect()

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin object, such as a report that listens."""
        try:
            self._pm.register(plugin, name)
            self._pm.check_pending()
        except (ValueError, pluggy.PluginValidationError) as error:
            raise BadPlugin(name=name, detail=_one_line(error)) from error

    @property
    def recipes(self) -> dict[str, Recipe]:
        """Every project, by name."""
        return self._recipes

    def recipe(self, name: str) -> Recipe:
        """A project; raises UnknownProject with the nearest name."""
        if name not in self._recipes:
            raise UnknownProject(name=name, hint=hint(name, self._recipes))
        return self._recipes[name]

    def settle(self, entries: Mapping[str, ProjectEntry]) -> None:
        """Give recipes what the configuration has for them; raises UnknownProject and NoSamples."""
        for name, entry in entries.items():
            if entry.samples and not entry.samples.is_dir():
                raise NoSamples(project=name, path=entry.samples)
            self.recipe(name).samples = entry.samples

    def files(self, recipe: Recipe) -> list[Path]:
        """The files that decide what a recipe does: all of its plugin's folder, or its one file and its patches."""
        module = importlib.util.find_spec(type(recipe).__module__)
        origin = Path(module.origin) if module and module.origin else _loaded.get(type(recipe).__module__)
        if origin is None:
            return []
        if origin.name == "__init__.py":
            return sorted(path for path in origin.parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return [origin, *(patch.file for patch in recipe.patches)]

    def family_files(self) -> list[Path]:
        """TOML files of further compiler families."""
        return [file for files in self._pm.hook.ccverify_families() for file in files]

    def arch_files(self) -> list[Path]:
        """TOML files of further architectures."""
        return [file for files in self._pm.hook.ccverify_arches() for file in files]

    def report_formats(self) -> dict[str, Callable[[MatrixResult], str]]:
        """Report formats by name."""
        return {name: write for formats in self._pm.hook.ccverify_reports() for name, write in formats.items()}

    def run_step(self, step: Step, work: Workspace) -> object:
        """What the first plugin that takes the step returns; rubbish is for the caller to notice."""
        hook = getattr(self._pm.hook, f"ccverify_{step}")
        return hook(work=work)

    def fetching(self, done: int, total: int) -> None:
        """Tell all plugins."""
        self._tell("ccverify_fetching", done=done, total=total)

    def matrix_started(self, cells: Sequence[CellId]) -> None:
        """Tell all plugins."""
        self._tell("ccverify_matrix_started", cells=cells)

    def cell_started(self, cell: CellId) -> None:
        """Tell all plugins."""
        self._tell("ccverify_cell_started", cell=cell)

    def step_started(self, cell: CellId, compiler: CompilerInfo, role: str, step: Step) -> None:
        """Tell all plugins."""
        self._tell("ccverify_step_started", cell=cell, compiler=compiler, role=role, step=step)

    def step_progress(self, cell: CellId, role: str, step: Step, progress: Progress) -> None:
        """Tell all plugins."""
        self._tell("ccverify_step_progress", cell=cell, role=role, step=step, progress=progress)

    def step_finished(self, cell: CellId, compiler: CompilerInfo, role: str, result: StepResult) -> None:
        """Tell all plugins."""
        self._tell("ccverify_step_finished", cell=cell, compiler=compiler, role=role, result=result)

    def suite_finished(
        self,
        cell: CellId,
        compiler: CompilerInfo,
        role: str,
        oracle: CaseTable | None,
        suite: str,
        cases: CaseTable,
    ) -> None:
        """Tell all plugins."""
        facts = {"cell": cell, "compiler": compiler, "role": role, "suite": suite, "cases": cases, "oracle": oracle}
        self._tell("ccverify_suite_finished", **facts)

    def cell_finished(self, result: CellResult) -> None:
        """Tell all plugins."""
        self._tell("ccverify_cell_finished", result=result)

    def matrix_finished(self, result: MatrixResult) -> None:
        """Tell all plugins."""
        self._tell("ccverify_matrix_finished", result=result)

    def _tell(self, hook: str, **facts: object) -> None:
        """Call those that only listen, one at a time: one that raises is reported, and costs the run no result."""
        try:
            with self._telling:
                getattr(self._pm.hook, hook)(**facts)
        except Exception as error:
            print(f"verify: a plugin's {hook} raised {_one_line(error)}", file=sys.stderr, flush=True)

    def _collect(self) -> dict[str, Recipe]:
        recipes: dict[str, Recipe] = {}
        for implementation in self._pm.hook.ccverify_projects.get_hookimpls():
            try:
                declared: list[object] = list(implementation.function())  # type: ignore[call-overload]
                for recipe in declared:
                    if not isinstance(recipe, Recipe):
                        raise TypeError(f"ccverify_projects gave {recipe!r}, not a Recipe")
                    if recipe.name in recipes:
                        raise ValueError(f"declares {recipe.name}, which another plugin has already")
                    recipes[recipe.name] = recipe
            except Exception as error:
                raise BadPlugin(name=implementation.plugin_name, detail=_one_line(error)) from error
        return recipes


_loaded: dict[str, Path] = {}
"""Module name of a ``--plugin`` file -> its path; such modules cannot be found by their name."""


def _built_in() -> list[str]:
    found = [f"plugins.{module.name}" for module in pkgutil.iter_modules(plugins.__path__)]
    return ["verifiers.recipes.hooks", *sorted(found)]


def _load(file: Path) -> ModuleType:
    path = file / "__init__.py" if file.is_dir() else file
    if not path.is_file():
        raise BadPlugin(name=file, detail="no such file; give --plugin the path of a Python file or package folder")
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    name = f"ccverify_plugin_{file.stem}_{place}"  # two files may have one stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadPlugin(name=file, detail="not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadPlugin(name=file, detail=_one_line(error)) from error
    _loaded[name] = path
    return module


def _one_line(error: BaseException) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
