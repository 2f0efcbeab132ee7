"""The command line: ``verify`` runs cells, its subcommands do the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from verifiers.errors import CcverifyError


def application() -> typer.Typer:
    """The command with all of its subcommands."""
    from verifiers.cli import compare, doctor, listing, nightly, report, run, show

    app = typer.Typer(
        name="verify",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(run.run)
    app.command("list")(listing.listing)
    app.command("doctor")(doctor.doctor)
    app.command("nightly")(nightly.nightly)
    app.command("show")(show.show)
    app.command("compare")(compare.compare)
    app.command("report")(report.report)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. A known error is one line, anything else a traceback."""
    os.umask(0o022)  # the sandbox's user must be able to read what is laid out for it
    command = typer.main.get_command(application())
    try:
        code = command.main(args=arguments, prog_name="verify", standalone_mode=False)
    except CcverifyError as error:
        print(f"verify: {error}", file=sys.stderr)
        return error.exit_code
    except typer.TyperException as error:
        near = getattr(error, "possibilities", None)
        also = f" (did you mean {near[0]}?)" if near else ""
        print(f"verify: {error.format_message()}{also}; see verify --help", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("verify: interrupted; `verify --resume` goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code if isinstance(code, int) else 0
