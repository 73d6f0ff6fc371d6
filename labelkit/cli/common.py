"""What the commands share: options, opening the project, and output as tables or as JSON."""

from __future__ import annotations

import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from labelkit.project import Project

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-p",
        metavar="FOLDER",
        envvar="LABELKIT_PROJECT",
        help="The project; by default the current folder or the nearest one above it.",
        show_envvar=True,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0.0, help="Wait this long for another process to finish.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Run also if nothing has changed since the last run.")]


def open_project(folder: Path | None, *, as_json: bool = False, wait: float = 0.0) -> Project:
    """The project to work on, with progress bars on a terminal."""
    from labelkit.cli.console import TerminalProgress
    from labelkit.project import Project

    return Project.open(folder, progress=TerminalProgress(quiet=as_json), wait=wait)


def plain(value: Any) -> Any:
    """Dataclasses, also nested ones, as what JSON can say."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    import orjson

    data = orjson.dumps(plain(value), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    sys.stdout.write(data.decode() + "\n")


def print_json_line(value: Any) -> None:
    """One JSON object on one line of standard output, for commands that go on."""
    import orjson

    sys.stdout.write(orjson.dumps(plain(value), option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")


def console() -> Console:
    """The console for results: standard output, wide enough for our tables where it is no terminal."""
    from labelkit.cli.console import stdout

    return stdout()
