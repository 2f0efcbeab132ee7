"""``verify --project … --arch … --cc …``: run cells and say what they came to."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from verifiers.cli.options import ConfigFile, Fresh, Install, Jobs, Json, Offline, PluginFiles, SandboxName, StateDir
from verifiers.errors import UsageError

_DEPTHS = "smoke (about a minute), standard, or full"


class NothingAsked(UsageError):
    """No project was named."""

    msg = "which project? give --project NAME, or --project all; `verify list` names them"


class UnknownDepth(UsageError):
    """No such depth."""

    msg = "unknown depth {name}{hint}; it is smoke, standard or full"


class BadMix(UsageError):
    """The share is no percentage."""

    msg = "--mix {text!r} is no share; give one such as 10%, between 0% and 100%"


class NothingToResume(UsageError):
    """There is no run that was cut short."""

    msg = "nothing to resume: the last run below {state} came to its end"


class Misplaced(UsageError):
    """Options of a run stand before a subcommand, which would not see them."""

    msg = "verify {options} … {command}: options stand behind the subcommand; see verify {command} --help"


def run(
    context: typer.Context,
    project: Annotated[
        list[str] | None,
        typer.Option("--project", "-p", metavar="NAME[@VERSION]", help="A project, or all; repeatable."),
    ] = None,
    arch: Annotated[
        list[str] | None,
        typer.Option("--arch", "-a", metavar="ARCH", help="A target, or all; repeatable. Default: this machine's."),
    ] = None,
    cc: Annotated[
        list[str] | None,
        typer.Option("--cc", metavar="NAME|PATH", help="The candidate: a family, a path, or an entry of verify.toml."),
    ] = None,
    depth: Annotated[str, typer.Option("--depth", "-d", metavar="DEPTH", help=f"{_DEPTHS}.")] = "standard",
    accommodate: Annotated[
        bool, typer.Option("--accommodate", help="Apply the project's accommodations for the candidate's family.")
    ] = False,
    mix: Annotated[
        str | None, typer.Option("--mix", metavar="SHARE", help="Give the candidate this share of the units only.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of --mix, of --sample, and of what fuzzers generate.")
    ] = 0,
    mix_files: Annotated[
        Path | None, typer.Option("--mix-files", metavar="FILE", help="Give the candidate the units listed there only.")
    ] = None,
    opt: Annotated[
        list[str] | None, typer.Option("--opt", metavar="LEVEL", help="-O2 …: of a compiler test suite; repeatable.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="SHARE|N", help="A share of the tests, or a number of them.")
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option("--case", metavar="NAME", help="Only this test, suite or pattern over tests; repeatable."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only the tests that failed the last time.")] = False,
    fresh: Fresh = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last run, which was cut short.")] = False,
    jobs: Jobs = None,
    offline: Offline = False,
    install: Install = True,
    sandbox: SandboxName = None,
    state: StateDir = None,
    config: ConfigFile = None,
    plugin: PluginFiles = None,
    json: Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each case as it ends.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print ccverify's version.")] = False,
) -> int:
    """Does your C compiler build the real world?

    Fetches, builds and tests real projects with a candidate C compiler and holds each outcome against GCC's.

    Exit code: 0 all pass, 1 some cell is red, 2 wrong command or configuration, 3 our own side failed.
    """
    if context.invoked_subcommand:
        if given := _given(context):
            raise Misplaced(options=" ".join(given), command=context.invoked_subcommand)
        return 0
    if version:
        from importlib.metadata import version as installed

        print(f"ccverify {installed('ccverify')}")
        return 0
    from verifiers.request import Request
    from verifiers.session import Session

    request = Request(
        projects=tuple(project or ()),
        arches=tuple(arch or ()),
        candidates=tuple(cc or ()),
        depth=_depth(depth),
        accommodate=accommodate,
        mix=_share(mix),
        seed=seed,
        mix_files=_patterns(mix_files),
        levels=tuple(opt or ()),
        sample=sample,
        failed=failed,
        cases=tuple(case or ()),
        offline=offline,
        fresh=fresh,
        sandbox=sandbox,
        jobs=jobs,
        plugins=tuple(str(path.absolute()) for path in plugin or ()),
    )
    session = Session(state=state, config=config, say=_say)
    run_id = None
    if resume:
        unfinished = session.unfinished()
        if unfinished is None:
            raise NothingToResume(state=session.state.root)
        run_id, request = unfinished
    elif not project:
        raise NothingAsked()
    with _reporting(json, jsonl, f"{session.state.root}/") as reporters:
        matrix, code = session.run(request, reporters, run_id, install=install)
    if json:
        print(matrix.model_dump_json(indent=1))
    return code


def _given(context: typer.Context) -> list[str]:
    """The options on the command line."""
    sources = {param.opts[0]: context.get_parameter_source(param.name or "") for param in context.command.params}
    return [option for option, source in sources.items() if source and source.name == "COMMANDLINE"]


@contextlib.contextmanager
def _reporting(json: bool, jsonl: bool, state: str) -> Iterator[list[object]]:
    """What listens to the run: nothing before JSON, a line a case, a live table on a terminal, else lines."""
    if json:
        yield []
    elif jsonl:
        from verifiers.report.jsonl import JsonLines

        yield [JsonLines()]
    elif sys.stdout.isatty():
        from verifiers.report.live import LiveView

        with LiveView(state) as table:
            yield [table]
    else:
        from verifiers.report.lines import Lines

        yield [Lines(state)]


def _say(text: str) -> None:
    print(f"verify: {text}", file=sys.stderr, flush=True)


def _depth(name: str) -> str:
    from verifiers.nearest import hint
    from verifiers.words import Depth

    if name not in list(Depth):
        raise UnknownDepth(name=name, hint=hint(name, list(Depth)))
    return name


def _share(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        raise BadMix(text=text) from None
    if not 0 <= share <= 100:
        raise BadMix(text=text)
    return share


def _patterns(file: Path | None) -> tuple[str, ...]:
    if file is None:
        return ()
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--mix-files {file}: {error}") from error
    patterns = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not patterns:
        raise typer.BadParameter(f"--mix-files {file} names no unit; give a pattern a line")
    return patterns
