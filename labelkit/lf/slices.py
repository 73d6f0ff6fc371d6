"""Slicing functions: programs that say which items belong to a group that matters.

A slice is looked at by itself: how good the labels of short messages are, or of those in Spanish. Its
function answers yes or no, never votes, and is not counted among the labeling functions. It is declared
in the same files, run by the same machinery, and its answers are stored like votes: class 0 of
:data:`MEMBERSHIP` for members, abstain for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Final, overload

from labelkit.lf.base import FunctionKind, Resolve, check_name, declare
from labelkit.lf.collector import declaration_site
from labelkit.lf.expressions import ExpressionFunction, parse_condition
from labelkit.lf.project_code import Site
from labelkit.lf.python import Preprocessor, PythonFunction, SnorkelFunction, is_snorkel, make_python, wrap_snorkel
from labelkit.types import LabelSchema

MEMBERSHIP: Final = LabelSchema.from_names(["member"])
"""The label schema of slicing functions: a member, or nothing."""


class SlicingFunction:
    """What tells slicing functions from labeling functions; the classes below are both a way to run and this."""

    noun: ClassVar[str] = "slicing function"


class PythonSlice(SlicingFunction, PythonFunction):
    """A Python function of one row that returns whether it is a member."""

    kind: ClassVar[FunctionKind] = "slice"

    def __str__(self) -> str:
        return f"@slicing_function() {self.name}"


class SnorkelSlice(SlicingFunction, SnorkelFunction):
    """A slicing function that was made with Snorkel, unchanged."""

    kind: ClassVar[FunctionKind] = "slice"

    def __str__(self) -> str:
        return f"@snorkel.slicing.slicing_function() {self.name}"


class ExpressionSlice(SlicingFunction, ExpressionFunction):
    """The items for which an expression over the fields is true."""

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        return {**super().identity(resolve), "slice": True}

    def __str__(self) -> str:
        return f"slice_expression({self.name!r}, {self.expression!r})"


@overload
def slicing_function(name: Callable[..., Any], /) -> PythonSlice: ...
@overload
def slicing_function(
    name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    pre: Sequence[Preprocessor] | None = None,
    *,
    fault_tolerant: bool = False,
) -> Callable[[Callable[..., Any]], PythonSlice]: ...
def slicing_function(
    name: str | Callable[..., Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    pre: Sequence[Preprocessor] | None = None,
    *,
    fault_tolerant: bool = False,
) -> PythonSlice | Callable[[Callable[..., Any]], PythonSlice]:
    """Make a slicing function of a Python function of one row, as Snorkel's decorator of this name does.

    The function gets a row as a labeling function does. It returns True or False, or what is commonly
    returned for them: a count from 0, None, or a match of a regular expression. Anything else is an error.

    Parameters
    ----------
    name
        Unique in the project, also among labeling functions; the function's own name by default.
    resources
        Keyword arguments for every call.
    pre
        Preprocessors, Snorkel's or any function from row to row, run in this order.
    fault_tolerant
        Count an exception as "not a member" instead of stopping.

    Raises
    ------
    LabelingFunctionError
        If the name cannot be used, or what is decorated is no function of one row.

    References
    ----------
    Chen et al. (2019): Slice-based learning: a programming model for residual learning in critical data slices.

    Examples
    --------
    >>> @slicing_function()
    ... def short(row):
    ...     return len(row.text.split()) < 5
    >>> from types import SimpleNamespace
    >>> short(SimpleNamespace(text="thanks!"))
    True
    """
    if callable(name):
        return slicing_function()(name)

    def decorate(function: Callable[..., Any]) -> PythonSlice:
        made = make_python(function, name, resources, pre, fault_tolerant, decorator="slicing_function")
        return declare(PythonSlice(**{each.name: getattr(made, each.name) for each in fields(made)}))

    return decorate


def slice_expression(name: str, expression: str) -> ExpressionSlice:
    """Declare the items for which a condition on the fields holds as a slice.

    Parameters
    ----------
    name
        Unique in the project, also among labeling functions.
    expression
        The condition, in the language of :func:`labelkit.expression`. Items for which a missing value
        leaves it open whether the condition holds are not members.

    Raises
    ------
    LabelingFunctionError
        If the name or the condition cannot be used; with the position in the condition.

    Examples
    --------
    >>> str(slice_expression("short", "word_count < 5"))
    "slice_expression('short', 'word_count < 5')"
    """
    check_name("slice", name)
    return declare(
        ExpressionSlice(
            name=name,
            field="text",
            expression=expression,
            tree=parse_condition(name, expression),
            label=0,
            site=declaration_site(),
        )
    )


def is_snorkel_slice(kind: type) -> bool:
    """Whether a type is Snorkel's slicing function, which is a subclass of its labeling function."""
    return is_snorkel(kind) and any(
        base.__name__ == "SlicingFunction" and base.__module__.startswith("snorkel.slicing.") for base in kind.__mro__
    )


def wrap_snorkel_slice(function: Any, site: Site | None = None) -> SnorkelSlice:
    """One of Snorkel's slicing functions with what labelkit wants to know about it.

    Raises
    ------
    LabelingFunctionError
        If it has no usable name.
    """
    made = wrap_snorkel(function, site)
    return SnorkelSlice(**{each.name: getattr(made, each.name) for each in fields(made)})
