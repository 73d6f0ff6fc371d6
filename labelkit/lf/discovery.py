"""Finds the labeling functions of a project: by importing its files, and in the file of the workbench."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from labelkit.errors import DiscoveryError, LabelkitError
from labelkit.lf.base import Declaration, FunctionKind, LabelingFunction, noun
from labelkit.lf.collector import Collector, collecting
from labelkit.lf.declared import declared_functions
from labelkit.lf.importer import ProjectFinder, fresh_imports
from labelkit.lf.project_code import ProjectCode, Site
from labelkit.lf.python import PythonFunction, SnorkelFunction, is_snorkel, wrap_snorkel
from labelkit.lf.slices import SlicingFunction, is_snorkel_slice, wrap_snorkel_slice

_OURS = (Declaration, PythonFunction, SnorkelFunction)


@dataclass(frozen=True, eq=False)
class DiscoveredFunction:
    """A labeling function and where it was found; ``file`` is relative to the project, with slashes."""

    function: LabelingFunction
    name: str
    kind: FunctionKind
    file: str
    line: int


@dataclass(frozen=True, eq=False)
class Discovery:
    """What a project's files declare, each list in order of file, line and declaration."""

    functions: list[DiscoveredFunction]
    slices: list[DiscoveredFunction]


def discover(root: Path, patterns: Sequence[str]) -> list[DiscoveredFunction]:
    """The labeling functions that :func:`discover_all` finds; parameters and errors as there."""
    return discover_all(root, patterns).functions


def discover_all(root: Path, patterns: Sequence[str]) -> Discovery:
    """Import the files that match, and everything they import from the project, and collect functions.

    Files are imported in sorted order, fresh from source each time. Found are functions that project
    code declares while it is imported, whether they are assigned or not, and those (Snorkel's, and
    ready ones from installed packages) that a project module holds by name or in a list or dict. Functions
    of the workbench (``labeling_functions/workbench.toml``) are read, whatever the patterns are.

    Parameters
    ----------
    root
        The project's folder; modules are importable from it.
    patterns
        Glob patterns relative to ``root``, such as ``labeling_functions/*.py``.

    Raises
    ------
    DiscoveryError
        If no file matches, a file cannot be imported or read, no labeling function is found, or two
        functions share a name.
    """
    code = ProjectCode(Path(root).resolve())
    declared = declared_functions(code.root)
    files = _matching(code, patterns, needed=not declared)
    # What user code prints must not mix with what labelkit writes to standard output (--json, export -).
    with redirect_stdout(sys.stderr), fresh_imports(code) as finder, collecting(code) as collector:
        for file in files:
            _load(finder, code, file)
        found = _in_order([*_all_functions(collector, finder, code), *declared])
    slices = [function for function in found if isinstance(function, SlicingFunction)]
    functions = [function for function in found if not isinstance(function, SlicingFunction)]
    if not functions:
        shown = ", ".join(code.shown(str(file)) for file in files)
        raise DiscoveryError(
            f"no labeling function is declared in {shown}",
            hint='Declare one, for instance regex("has_link", r"https?://", label="spam")',
        )
    _check_names(found)
    return Discovery(_described(functions), _described(slices))


def _described(functions: Sequence[LabelingFunction]) -> list[DiscoveredFunction]:
    return [DiscoveredFunction(f, f.name, f.kind, f.site.file, f.site.line) for f in functions]


def _matching(code: ProjectCode, patterns: Sequence[str], *, needed: bool) -> list[Path]:
    found: set[Path] = set()
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in listed:
        try:
            found.update(path for path in code.root.glob(pattern) if path.suffix == ".py" and path.is_file())
        except (ValueError, NotImplementedError) as error:
            raise DiscoveryError(f"the file pattern {pattern!r} cannot be used: {error}") from error
    files = sorted(path for path in found if code.owns(str(path)))
    if not files and needed:
        raise DiscoveryError(
            f"no labeling-function file matches {', '.join(map(repr, listed)) or 'the empty list of patterns'} "
            f"in {code.root}",
            hint="Write a Python file there, or change the file patterns in labelkit.toml",
        )
    return files


def _load(finder: ProjectFinder, code: ProjectCode, file: Path) -> None:
    shown = code.shown(str(file))
    try:
        finder.load(file)
    except (Exception, SystemExit) as error:
        raise _import_problem(error, code, shown) from error


def _import_problem(error: BaseException, code: ProjectCode, shown: str) -> DiscoveryError:
    """One line on why a file cannot be imported, with the line of the project's code that is to blame."""
    site = Site(shown, 1)
    for frame in traceback.extract_tb(error.__traceback__):
        if code.owns(frame.filename):
            site = Site(code.shown(frame.filename), frame.lineno or 1)
    if isinstance(error, LabelkitError):
        return DiscoveryError(f"{site}: {error.message}", hint=error.hint)
    if isinstance(error, SyntaxError) and code.owns(error.filename):
        site = Site(code.shown(str(error.filename)), error.lineno or 1)
        return DiscoveryError(f"{site}: {type(error).__name__}: {error.msg}")
    if isinstance(error, SystemExit):
        return DiscoveryError(f"{site}: the file ends the program (SystemExit: {error}) while it is imported")
    return DiscoveryError(f"{site}: {type(error).__name__}: {error}")


def _all_functions(collector: Collector, finder: ProjectFinder, code: ProjectCode) -> list[LabelingFunction]:
    """Every function once, declared ones as collected, then the ones that modules hold."""
    found: dict[int, LabelingFunction] = {id(f): f for f in collector.found}
    for file, module in finder.modules.items():
        for value in _held(module):
            if id(value) in found:
                continue
            if isinstance(value, _OURS):
                found[id(value)] = value
            else:
                site = Site(code.shown(file), 1)
                try:
                    wrap = wrap_snorkel_slice if is_snorkel_slice(type(value)) else wrap_snorkel
                    found[id(value)] = wrap(value, site)
                except LabelkitError as error:
                    raise DiscoveryError(f"{site.file}: {error.message}", hint=error.hint) from error
    return list(found.values())


def _in_order(functions: list[LabelingFunction]) -> list[LabelingFunction]:
    return sorted(functions, key=lambda f: (f.site.file, f.site.line))


def _held(module: ModuleType) -> Iterator[Any]:
    """Labeling functions in a module's namespace, by name or one level down in a collection."""
    for value in list(vars(module).values()):
        inside: Iterable[Any] = [value]
        if isinstance(value, (list, tuple, set, frozenset)):
            inside = list(value)
        elif isinstance(value, dict):
            inside = list(value.values())
        # Types first: a word list of a million strings is one look, not a million.
        kinds = {kind for kind in set(map(type, inside)) if issubclass(kind, _OURS) or is_snorkel(kind)}
        yield from (one for one in inside if type(one) in kinds)


def _check_names(functions: Sequence[LabelingFunction]) -> None:
    first: dict[str, LabelingFunction] = {}
    for function in functions:
        other = first.setdefault(function.name, function)
        if other is not function:
            first_noun, second = noun(other), noun(function)
            which = f"two {second}s are" if first_noun == second else f"a {first_noun} and a {second} are both"
            raise DiscoveryError(
                f"{which} named {function.name!r}: {other.site} and {function.site}",
                hint="Rename one of them",
            )
