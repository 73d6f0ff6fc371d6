"""``labelkit demo``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.common import JsonOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.project import Project

SAMPLE_NAME = "support-desk"
SAMPLE_PARTS = ("labelkit.toml", "labeling_functions", "sample_data")


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Made with a copy of the sample project, or one that holds it.")
    ] = Path("labelkit-demo"),
    answers: Annotated[int, typer.Option("--answers", metavar="N", help="Answers to simulate.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Run the main job on the sample project: the loop, simulated answers, one explanation, an export.

    \b
    Example:
      labelkit demo
    """
    copied = prepare(folder)
    with open_project(folder, as_json=as_json) as project:
        if as_json:
            print_json(run_quietly(project, answers))
            return
        show(project, folder, answers, copied=copied)


def prepare(folder: Path) -> bool:
    """Make sure that ``folder`` holds the sample project; True if it was copied there now.

    Raises
    ------
    ProjectExists
        If there is something else in it.
    """
    from labelkit.bundled import bundled
    from labelkit.config import FILE_NAME, read_config
    from labelkit.errors import ProjectExists

    if (folder / FILE_NAME).exists():
        if read_config(folder / FILE_NAME).project.name == SAMPLE_NAME:
            return False
        raise ProjectExists(
            f"{folder} holds another project", hint="Give the demo a folder of its own: `labelkit demo DIR`"
        )
    if folder.exists() and any(folder.iterdir()):
        raise ProjectExists(f"{folder} is not empty", hint="Give the demo a folder of its own: `labelkit demo DIR`")
    folder.mkdir(parents=True, exist_ok=True)
    for part in SAMPLE_PARTS:
        source = bundled(part)
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return True


def run_quietly(project: Project, answers: int) -> dict[str, object]:
    """The demo's results as one JSON-able object."""
    from labelkit.steps.simulating import curve_as_json

    run = project.run()
    simulated = curve_as_json(project.simulate(answers=answers))
    exported = project.export(project.root / "training_set.csv")
    return {"run": run, "simulated": simulated, "exported": exported}


def show(project: Project, folder: Path, answers: int, *, copied: bool) -> None:
    """Run the demo and print what happens, step by step."""
    from labelkit.cli.commands import explain, lfs, run, simulate

    out = console()
    where = f"a copy of the sample project in {folder}" if copied else "the sample project"
    _head("1. The loop, once", f"on {where}: import, vote, label, train, rank")
    run.show(project.run(), project)
    _head("2. The labeling functions", "labelkit lfs")
    lfs.show(project.lfs())
    _head("3. What people's answers bring", f"labelkit simulate --answers {answers}")
    simulate.show(project.simulate(answers=answers))
    _head("4. Why one item has its label", "labelkit explain ID")
    explain.show(project.explain(_telling_item(project)))
    _head("5. The training set", "labelkit export training_set.csv")
    result = project.export(project.root / "training_set.csv")
    sources = ", ".join(f"{count:,} {source}" for source, count in result.by_source.items())
    out.print(f"Exported {result.rows:,} items to {folder / 'training_set.csv'} ({sources})", markup=False)
    _head("What next", "")
    beside = os.path.relpath(sys.argv[0])  # `make demo` puts nothing on the PATH
    tool = "labelkit" if shutil.which("labelkit") or beside.startswith("..") else beside
    where = "" if folder == Path() else f" -p {folder}"
    for line in (
        f"{tool} serve{where}    answer the queue in the browser",
        f"{tool} status{where}    how far each step is, and what to do next",
        f"{tool} run{where}    after editing labeling_functions/*.py: only what changed is computed",
        f"{tool} init DIR --labels a,b    a project of your own",
    ):
        out.print(f"  {line}", markup=False)


def _telling_item(project: Project) -> str:
    """The item of the queue that most functions voted on: the one with most to explain."""
    voted = project.votes().notna().sum(axis=1)
    return str(voted.loc[project.queue()["id"]].idxmax())


def _head(title: str, command_line: str) -> None:
    console().print(f"\n[bold]{title}[/bold]" + (f"  ({command_line})" if command_line else ""))
