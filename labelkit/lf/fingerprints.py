"""Fingerprints: what the votes of a labeling function depend on, as one digest.

Votes are stored per fingerprint, so a fingerprint must change whenever votes might, and should not
change otherwise: comments, layout, docstrings and a class's name do not count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import Declaration, FunctionKind, LabelingFunction, resolver
from labelkit.lf.code_reading import source_of
from labelkit.lf.encoding import Encoder
from labelkit.lf.project_code import ProjectCode
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.types import LabelSchema

MEANING: Final[Mapping[FunctionKind, int]] = {
    "regex": 1,
    "keywords": 1,
    "expression": 1,
    "lookup": 1,
    "model": 1,
    "python": 1,
    "snorkel": 1,
    "slice": 1,
}
"""Raised by one whenever labelkit changes what functions of a kind vote."""

_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Fingerprint:
    """What a function is.

    Parameters
    ----------
    digest
        64 hexadecimal digits.
    source
        Its declaration or source code, for people to read.
    warnings
        What it depends on that the digest cannot cover, in words.
    """

    digest: str
    source: str
    warnings: tuple[str, ...] = ()


def fingerprint(function: LabelingFunction, schema: LabelSchema, root: Path) -> Fingerprint:
    """The fingerprint of a labeling function in a project.

    A declared function counts by its declaration, with classes as stable ids, the contents of the
    table or model it names, and its name. A Python function counts by its code, what it closes over,
    its defaults and resources, the globals it reads, the project code that it calls (and so on), its
    preprocessors, the versions of the installed distributions it refers to, and Python's minor version.

    Parameters
    ----------
    function
        As :func:`labelkit.lf.discover` finds it.
    schema
        Resolves the labels of declared functions.
    root
        The project's folder: code below it is followed, installed code counts by version.

    Raises
    ------
    UnknownLabel
        If a declared function names a class that the schema does not have.
    """
    encoder = Encoder(ProjectCode(Path(root).resolve()))
    if isinstance(function, Declaration):
        identity: dict[str, Any] = dict(function.identity(resolver(function, schema)))
        source = str(function)
    elif isinstance(function, PythonFunction):
        identity = {
            "function": function.function,
            "resources": encoder.named(function.resources),
            "pre": function.pre,
            "python": _PYTHON,
        }
        source = source_of(function.function)
    elif isinstance(function, SnorkelFunction):
        identity = {"function": function.function, "python": _PYTHON}
        source = source_of(getattr(function.function, "_f", function.function))
    else:
        raise LabelingFunctionError(f"{function!r} is no labeling function")
    identity |= {"kind": function.kind, "name": function.name, "meaning": MEANING[function.kind]}
    digest = encoder.named(identity).hex()
    return Fingerprint(digest, source or str(function), tuple(encoder.warnings))
