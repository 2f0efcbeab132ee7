"""``verify doctor``: what this machine has and lacks for running cells."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, PluginFiles, SandboxName, StateDir


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
    from compiler.discovery import installed
    from compiler.families import families
    from verifiers import apt, packages, requirements
    from verifiers.config import load_config
    from verifiers.manager import Manager
    from verifiers.results import Depth
    from verifiers.sandbox import check
    from verifiers.session import targets_of
    from verifiers.state import State, default_state

    settings = load_config(config)
    manager = Manager(plugin or ())
    recipes = [manager.recipe(name) for name in project] if project else list(manager.recipes.values())
    isolation = sandbox or settings.sandbox
    needed = requirements.of_run(recipes, targets_of(arch or ()), Depth.FULL, isolation)
    if for_tests:
        needed += requirements.FOR_TESTS
    if install:
        requirements.ensure(needed, True, lambda text: print(text, file=sys.stderr))
    lacking = packages.missing(needed)
    print(f"packages   {len(needed) - len(lacking)} of {len(needed)} installed")
    if lacking:
        print(f"  missing: {' '.join(lacking)}\n  install: {packages.install_line(lacking)}")
    trouble = check(isolation)
    print(f"sandbox    {isolation}: {trouble or 'works'}")
    for name, family in families().items():
        if family.commands:
            print(f"compiler   {name}: {installed(family) or 'not installed: ' + family.install_line}")
    place = State(state or settings.state or default_state())
    place.open()
    print(f"state      {place.root}, {shutil.disk_usage(place.root).free >> 30} GiB free")
    archive = apt.base_urls()
    print(f"archive    {'from apt' if archive else 'none: name mirrors in verify.toml'}")
    return 3 if lacking or trouble else 0
