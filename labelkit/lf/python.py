"""Labeling functions in plain Python: the decorator, and Snorkel's own recognised as they are."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, ClassVar, Final, overload

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import FunctionKind, check_name, declare, refusal
from labelkit.lf.collector import declaration_site, shown_file
from labelkit.lf.project_code import Site
from labelkit.lf.rows import Row, RowCopy, private_copy

Preprocessor = Callable[[Any], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonFunction:
    """A Python function of one row that returns a class name, a class number, or abstains."""

    kind: ClassVar[FunctionKind] = "python"
    name: str
    function: Callable[..., Any]
    site: Site
    resources: Mapping[str, Any] = field(default_factory=dict)
    pre: tuple[Preprocessor, ...] = ()
    fault_tolerant: bool = False

    def __call__(self, row: Any) -> Any:
        """The function's opinion on one row (or on anything else with the same attributes)."""
        if self.pre:
            row = private_copy(row) if isinstance(row, (Row, RowCopy)) else row
            for preprocessor in self.pre:
                row = preprocessor(row)
                if row is None:
                    raise ValueError(f"the preprocessor {_name(preprocessor)} returned None instead of a row")
        return self.function(row, **self.resources)

    def __str__(self) -> str:
        return f"@labeling_function() {self.name}"


@dataclass(frozen=True, eq=False, kw_only=True)
class SnorkelFunction:
    """A labeling function that was made with Snorkel, unchanged."""

    kind: ClassVar[FunctionKind] = "snorkel"
    name: str
    function: Any
    site: Site
    fault_tolerant: bool = False

    def __call__(self, row: Any) -> Any:
        """The function's opinion on one row."""
        return self.function(row)

    def __str__(self) -> str:
        return f"@snorkel.labeling.labeling_function() {self.name}"


@overload
def labeling_function(name: Callable[..., Any], /) -> PythonFunction: ...
@overload
def labeling_function(
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    pre: Sequence[Preprocessor] | None = None,
    *,
    fault_tolerant: bool = False,
) -> Callable[[Callable[..., Any]], PythonFunction]: ...
def labeling_function(
    name: str | Callable[..., Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    pre: Sequence[Preprocessor] | None = None,
    *,
    fault_tolerant: bool = False,
) -> PythonFunction | Callable[[Callable[..., Any]], PythonFunction]:
    """Make a labeling function of a Python function of one row.

    The function gets a row (``row.text``, ``row["plan"]``, ``row.get("plan")``) and returns a class
    name or number, or ``-1`` or ``None`` to abstain. It may change its row; no other function sees it.

    Parameters
    ----------
    name
        Unique in the project; the function's own name by default.
    resources
        Keyword arguments for every call.
    pre
        Preprocessors, Snorkel's or any function from row to row, run in this order.
    fault_tolerant
        Count an exception as abstain (and show it in the analysis) instead of stopping.

    Raises
    ------
    LabelingFunctionError
        If the name cannot be used, or what is decorated is no function of one row.

    Examples
    --------
    >>> @labeling_function()
    ... def short(row):
    ...     return "praise" if len(row.text) < 10 else None
    >>> from types import SimpleNamespace
    >>> short(SimpleNamespace(text="thanks!"))
    'praise'
    """
    if callable(name):
        return labeling_function()(name)

    def decorate(function: Callable[..., Any]) -> PythonFunction:
        return declare(make_python(function, name, resources, pre, fault_tolerant))

    return decorate


def make_python(
    function: Callable[..., Any],
    name: str | None,
    resources: Mapping[str, Any] | None,
    pre: Sequence[Preprocessor] | None,
    fault_tolerant: bool,
    *,
    decorator: str = "labeling_function",
) -> PythonFunction:
    """What a decorator of this name makes of a function; parameters and errors as :func:`labeling_function`."""
    if not callable(function):
        raise LabelingFunctionError(f"@{decorator}() decorates a function, not {function!r}")
    own = getattr(function, "__name__", "")
    name = check_name("python", own if name is None else name)
    if name == "<lambda>":
        raise LabelingFunctionError(
            "a lambda has no name of its own", hint=f'Write {decorator}("some_name")(lambda row: ...)'
        )
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise refusal("python", name, "is a coroutine or generator function, which returns no vote")
    if resources is not None and not isinstance(resources, Mapping):
        raise refusal("python", name, f"needs resources= to be a mapping from parameter to value, not {resources!r}")
    if pre is not None and (not isinstance(pre, Sequence) or not all(map(callable, pre))):
        raise refusal("python", name, f"needs pre= to be a list of preprocessors, not {pre!r}")
    resources = dict(resources or {})
    try:
        inspect.signature(function).bind(None, **resources)
    except TypeError as error:
        raise refusal(
            "python", name, f"cannot be called with one row and the resources {sorted(resources)}: {error}"
        ) from error
    except ValueError:  # a built-in without a signature: the call itself will tell
        pass
    return PythonFunction(
        name=name,
        function=function,
        site=code_site(function) or declaration_site(),
        resources=resources,
        pre=tuple(pre or ()),
        fault_tolerant=bool(fault_tolerant),
    )


_MISSING: Final = object()


def is_snorkel(kind: type) -> bool:
    """Whether a type is Snorkel's labeling function; Snorkel is not imported to find out."""
    if "snorkel.labeling" not in sys.modules:
        return False
    return any(
        base.__name__ == "LabelingFunction" and base.__module__.startswith("snorkel.labeling.") for base in kind.__mro__
    )


def wrap_snorkel(function: Any, site: Site | None = None) -> SnorkelFunction:
    """One of Snorkel's labeling functions with what labelkit wants to know about it.

    Raises
    ------
    LabelingFunctionError
        If it has no usable name.
    """
    name = check_name("snorkel", getattr(function, "name", _MISSING))
    found = code_site(getattr(function, "_f", None)) or site or Site("<unknown>", 0)
    return SnorkelFunction(name=name, function=function, site=found)


def code_site(function: Any) -> Site | None:
    """Where a function's code was written, if it is Python code."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if not isinstance(code, CodeType):
        return None
    return Site(shown_file(code.co_filename), code.co_firstlineno)


def _name(preprocessor: Preprocessor) -> str:
    return str(getattr(preprocessor, "__name__", None) or getattr(preprocessor, "name", None) or preprocessor)
