"""``labelkit``: finds the command, runs it, and turns every expected error into one line and exit status 2."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Final

import typer

from labelkit import __version__
from labelkit.errors import LabelkitError, StorageError

COMMANDS: Final = {
    "init": "labelkit.cli.commands.init",
    "demo": "labelkit.cli.commands.demo",
    "import": "labelkit.cli.commands.importing",
    "vote": "labelkit.cli.commands.vote",
    "lfs": "labelkit.cli.commands.lfs",
    "errors": "labelkit.cli.commands.errors",
    "label": "labelkit.cli.commands.label",
    "train": "labelkit.cli.commands.train",
    "rank": "labelkit.cli.commands.rank",
    "run": "labelkit.cli.commands.run",
    "serve": "labelkit.cli.commands.serve",
    "people": "labelkit.cli.commands.people",
    "simulate": "labelkit.cli.commands.simulate",
    "status": "labelkit.cli.commands.status",
    "runs": "labelkit.cli.commands.runs",
    "slices": "labelkit.cli.commands.slices",
    "agreement": "labelkit.cli.commands.agreement",
    "report": "labelkit.cli.commands.report",
    "explain": "labelkit.cli.commands.explain",
    "export": "labelkit.cli.commands.export",
    "bulk": "labelkit.cli.commands.bulk",
    "schema": "labelkit.cli.commands.schema",
    "doctor": "labelkit.cli.commands.doctor",
    "backup": "labelkit.cli.commands.backup",
}
"""Command → module with its ``command`` function. A new command is one file and one line here."""

HIDDEN: Final = {"trainer": "labelkit.cli.commands.trainer"}
"""Commands that labelkit itself runs: left out of the help."""

EXIT_MISTAKE: Final = 2
_INTERRUPTED: Final = 130  # what typer makes of Ctrl-C


def _version(value: bool) -> None:
    if value:
        print(f"labelkit {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The typer application with all commands."""
    # Plain help: rich's help panels take longer to import than the rest of `labelkit --help`.
    app = typer.Typer(
        name="labelkit",
        help="From unlabelled records to a training set that its owner can defend.",
        epilog="Start with `labelkit demo`, or with `labelkit init` in a folder of your own.",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def _root(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
        ] = False,
    ) -> None:
        del version

    for name, module in COMMANDS.items():
        app.command(name, no_args_is_help=False)(import_module(module).command)
    for name, module in HIDDEN.items():
        app.command(name, hidden=True)(import_module(module).command)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status.

    0: done; 1: a check found something (`doctor`); 2: a mistake or condition that the user can mend,
    Ctrl-C included, told in one line. A traceback is always our fault.
    """
    try:
        code = build()(args=arguments, prog_name="labelkit", standalone_mode=False)
        sys.stdout.flush()
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
    except LabelkitError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C; everything finished so far is kept, run the same command again to go on")
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        _fail(str(StorageError(f"{error.strerror or error}: {error.filename or 'a file of the project'}")))
    except Exception as error:
        if isinstance(error, typer.Exit):
            sys.exit(error.exit_code)
        if type(error).__name__ == "Abort":  # click turns Ctrl-C into this
            _fail("stopped by Ctrl-C; everything finished so far is kept, run the same command again to go on")
        if hasattr(error, "format_message"):  # click's and typer's own errors about arguments
            _usage(error)
        raise
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Exception) -> None:
    message = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message)
        sys.exit(EXIT_MISTAKE)
    path = context.command_path if context is not None else "labelkit"
    end = "" if message.endswith((".", "?", "!")) else "."
    _fail(f"{message}{end} See `{path} --help`")


def _fail(message: str) -> None:
    from labelkit.cli.console import visible

    print(f"labelkit: error: {visible(message)}", file=sys.stderr)
    sys.exit(EXIT_MISTAKE)


if __name__ == "__main__":
    main()
