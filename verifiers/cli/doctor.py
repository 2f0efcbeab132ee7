"""``verify doctor``: what this machine has and lacks for running cells."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifiers.cli.options import ConfigFile, PluginFiles, SandboxName, StateDir
from verifiers.errors import InfrastructureError
from verifiers.state import State

if TYPE_CHECKING:
    from compiler.arches import Arch


def doctor(
    project: Annotated[list[str] | None, typer.Option("--project", "-p", metavar="NAME", help="Default: all.")] = None,
    arch: Annotated[list[str] | None, typer.Option("--arch", "-a", metavar="ARCH")] = None,
    install: Annotated[bool, typer.Option("--install", help="Install what is missing (as root, with apt).")] = False,
    for_tests: Annotated[bool, typer.Option("--for-tests", help="Also what ccverify's own tests need.")] = False,
    sandbox: SandboxName = None,
    state: StateDir = None,
    config: ConfigFile = None,
    plugin: PluginFiles = None,
) -> int:
    """Name what is missing on this machine, with the exact line that installs it."""
    from compiler.choice import find_family
    from compiler.families import families
    from verifiers import apt, packages, requirements
    from verifiers.config import find_config, load_config
    from verifiers.manager import Manager
    from verifiers.request import targets_of
    from verifiers.results import Depth
    from verifiers.state import default_state

    settings = load_config(find_config(config))
    manager = Manager(plugin or ())
    recipes = [manager.recipe(name) for name in project] if project else list(manager.recipes.values())
    isolation = sandbox or settings.sandbox or "bubblewrap"
    targets = targets_of(arch or ())
    needed = requirements.of_run(product(recipes, targets), Depth.FULL, isolation)
    if for_tests:
        needed += requirements.FOR_TESTS
    if install:
        requirements.ensure(needed, True, lambda text: print(f"verify: {text}", file=sys.stderr))
    lacking = packages.missing(needed)
    print(f"packages   {len(needed) - len(lacking)} of {len(needed)} installed")
    if lacking:
        print(f"  missing: {' '.join(lacking)}\n  install: {packages.install_line(lacking)}")
    place = State(state or Path(settings.state or default_state()))
    place.open(resuming=True)
    trouble = _sandbox_trouble(isolation, place)
    print(f"sandbox    {isolation}: {trouble or 'works'}")
    for target in () if trouble else targets:
        print(f"arch       {target.name}: {_programs(target, isolation, place)}")
    for name, family in families().items():
        if family.commands:
            found = find_family(family, os.environ)
            print(f"compiler   {name}: {' '.join(found) if found else 'not installed: ' + family.install_line}")
    print(f"state      {place.root}, {shutil.disk_usage(place.root).free >> 30} GiB free")
    places = settings.fetch.mirrors or apt.archive().places("pool")
    print(f"archive    {'known' if places else 'none: name [fetch] mirrors in verify.toml'}")
    return 3 if lacking or trouble else 0


def _programs(target: Arch, sandbox: str, state: State) -> str:
    """How the target's programs run here, or why they do not."""
    from verifiers.asking import ways_to_run

    try:
        return f"its programs are started by {ways_to_run(state, sandbox)(target).how}"
    except InfrastructureError as error:
        return str(error)


def _sandbox_trouble(name: str, state: State) -> str:
    """Why nothing can be run in the sandbox; empty when it can."""
    import io

    from verifiers.limits import Limits
    from verifiers.sandbox import sandbox_for

    folder = state.new_work()
    try:
        done = sandbox_for(name, folder.path).run(["true"], cwd="/", env={}, log=io.BytesIO(), limits=Limits())
        return "" if done.ok else done.detail or f"exit status {done.exit}"
    except InfrastructureError as error:
        return str(error)
    finally:
        folder.remove()
