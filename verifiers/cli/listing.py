"""``verify list``: the projects, architectures and compiler families that there are."""

from __future__ import annotations

from collections.abc import Sequence

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
    _table(
        "projects",
        [
            (name, ", ".join(source.version for source in recipe.sources), ", ".join(recipe.arches), recipe.summary)
            for name, recipe in known.items()
        ],
    )
    _table("architectures", [(name, arch.triple) for name, arch in arches().items()])
    installed = [(name, path or f"not installed: {families()[name].install_line}") for name, path in found.items()]
    _table("compilers (--cc NAME, or a path)", [*installed, *((name, "verify.toml") for name in entries)])
    return 0


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows below a title, their columns as wide as need be."""
    print(title)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        print(f"  {'  '.join(cells)}".rstrip())
