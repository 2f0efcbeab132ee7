"""Options that several subcommands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StateDir = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Where sources, work, logs and the history lie.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Read this instead of the nearest verify.toml.")
]
PluginFiles = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", help="Load a plugin from a file; repeatable.")
]
SandboxName = Annotated[
    str | None,
    typer.Option("--sandbox", metavar="KIND", help="bubblewrap (default) or none: no isolation, and results say so."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result models as JSON on standard output.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Run again what the cache could answer.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", metavar="N", min=1, help="Default: the cores.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use cached sources only.")]
Install = Annotated[bool, typer.Option(help="As root, install missing Debian packages.")]
