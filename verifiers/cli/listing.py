"""``verify list``: the projects, architectures and compiler families that there are."""

from __future__ import annotations

from verifiers.cli.options import ConfigFile, Json, PluginFiles


def listing(config: ConfigFile = None, plugin: PluginFiles = None, json: Json = False) -> int:
    """Name the projects, architectures and compilers."""
    import os

    from compiler.arches import arches
    from compiler.choice import find_family
    from compiler.families import families
    from verifiers.config import find_config, load_config
    from verifiers.manager import Manager

    known = Manager(plugin or ()).recipes
    entries = load_config(find_config(config)).compiler
    found = {
        name: " ".join(find_family(family, os.environ, ask=False) or ())
        for name, family in families().items()
        if family.commands
    }
    if json:
        import json as encoder

        table = {
            "projects": {
                name: {
                    "summary": recipe.summary,
                    "versions": [source.version for source in recipe.sources],
                    "arches": list(recipe.arches),
                }
                for name, recipe in known.items()
            },
            "arches": {name: arch.triple for name, arch in arches().items()},
            "families": found,
            "compilers": list(entries),
        }
        print(encoder.dumps(table, indent=1))
        return 0
    print("projects")
    for name, recipe in known.items():
        versions = ", ".join(source.version for source in recipe.sources)
        print(f"  {name:12} {versions:20} {', '.join(recipe.arches)}  {recipe.summary}")
    print("architectures")
    for name, arch in arches().items():
        print(f"  {name:12} {arch.triple}")
    print("compilers (--cc NAME, or a path)")
    for name, path in found.items():
        print(f"  {name:12} {path or 'not installed: ' + families()[name].install_line}")
    for name in entries:
        print(f"  {name:12} verify.toml")
    return 0
