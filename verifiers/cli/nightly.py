"""``verify nightly``: what verify.toml says, run by itself, compared, shown and told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, Fresh, Install, Jobs, Offline, PluginFiles, SandboxName, StateDir


def nightly(
    project: Annotated[
        list[str] | None, typer.Option("--project", "-p", metavar="NAME", help="Only this one of the night's.")
    ] = None,
    arch: Annotated[list[str] | None, typer.Option("--arch", "-a", metavar="ARCH", help="Likewise.")] = None,
    cc: Annotated[list[str] | None, typer.Option("--cc", metavar="NAME|PATH", help="Likewise.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Complete the last night, which was killed.")] = False,
    merge: Annotated[
        list[Path] | None,
        typer.Option("--merge", metavar="DIR", help="Run nothing: make one night of the last ones of these states."),
    ] = None,
    part: Annotated[
        bool, typer.Option("--part", help="A part of a night, for --merge: no report, and nobody is told.")
    ] = False,
    fresh: Fresh = False,
    jobs: Jobs = None,
    offline: Offline = False,
    install: Install = True,
    sandbox: SandboxName = None,
    state: StateDir = None,
    config: ConfigFile = None,
    plugin: PluginFiles = None,
) -> int:
    """Run the cells of [nightly] in verify.toml, unattended, and leave a report in any case.

    Exit code: as of verify itself; 3 also where cells were not run.
    """
    from verifiers.cli.run import _say
    from verifiers.nightly.asked import request_of
    from verifiers.nightly.night import Nightly
    from verifiers.report.lines import Lines
    from verifiers.session import Session

    session = Session(state=state, config=config, say=_say)
    settings = session.config.nightly
    request = request_of(
        settings,
        {"projects": project or (), "arches": arch or (), "candidates": cc or ()},
        offline=offline,
        fresh=fresh,
        sandbox=sandbox,
        jobs=jobs,
        plugins=(*settings.plugins, *(str(path.absolute()) for path in plugin or ())),
    )
    night = Nightly(session, _say)
    with night.alone():
        if merge:
            return night.merge(request, merge)
        listeners = [Lines(f"{session.state.root}/")]
        return night.run(request, listeners, resume=resume, install=install, ending=not part)
