"""What all labeling functions have in common, and the checks on what a user declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from labelkit.errors import LabelingFunctionError, UnknownLabel
from labelkit.lf.collector import report
from labelkit.lf.project_code import Site
from labelkit.types import LabelSchema

FunctionKind = Literal["regex", "keywords", "expression", "lookup", "model", "python", "snorkel", "slice"]
Label = str | int
Resolve = Callable[[Label], int]


@runtime_checkable
class LabelingFunction(Protocol):
    """A program's opinion on one item: a class, or abstain."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> FunctionKind: ...
    @property
    def site(self) -> Site: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Declaration:
    """A labeling function that is declared, not programmed: frozen, and equal only to itself."""

    kind: ClassVar[FunctionKind]
    name: str
    field: str
    site: Site

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        """Everything that its votes depend on, with classes as stable ids."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.kind}({self.name!r})"


Declared = TypeVar("Declared", bound=LabelingFunction)


def declare(function: Declared) -> Declared:
    """Report a declaration to a running discovery, and hand it back."""
    report(function)
    return function


def refusal(kind: str, name: object, problem: str, *, hint: str | None = None) -> LabelingFunctionError:
    """The error for a declaration that makes no sense."""
    return LabelingFunctionError(f"{kind} {name!r} {problem}", hint=hint)


def check_name(kind: str, name: object) -> str:
    """A name that people can read in a table, or an error."""
    if not isinstance(name, str):
        raise LabelingFunctionError(f"the name of a {kind} function must be a string, not {name!r}")
    if not name.strip():
        raise LabelingFunctionError(f"a {kind} function has an empty name", hint="Give every labeling function a name")
    if name != name.strip() or not name.isprintable():
        raise LabelingFunctionError(
            f"the name {name!r} of a {kind} function begins or ends with a space, or has characters that do not print"
        )
    return name


def check_field(kind: str, name: str, field: object) -> str:
    """The name of a field of the items, or an error."""
    if not isinstance(field, str) or not field:
        raise refusal(kind, name, f"needs field= to be the name of a field, not {field!r}")
    return field


def check_label(kind: str, name: str, label: object) -> Label:
    """A class by name or number as far as it can be known without the label schema, or an error."""
    number = hasattr(label, "__index__") and not isinstance(label, bool)
    if isinstance(label, str) and label:
        return str(label)
    if number and int(label) >= 0:  # type: ignore[call-overload]
        return int(label)  # type: ignore[call-overload, no-any-return]
    raise refusal(kind, name, f"needs label= to be the name or number of a class, not {label!r}")


def shown_pattern(pattern: str) -> str:
    """A pattern as messages show it: as it is, so that a position in it can be counted, unless it does not print."""
    shown = f"`{pattern}`" if pattern.isprintable() else repr(pattern)
    return shown if len(shown) <= 200 else f"{shown[:197]}..."


def describe(function: LabelingFunction) -> str:
    """A labeling function (or a slicing function) as error messages name it."""
    return f"{noun(function)} {function.name!r} ({function.site})"


def noun(function: LabelingFunction) -> str:
    """What a function is called: a labeling function, unless its class says otherwise."""
    return str(getattr(function, "noun", "labeling function"))


def resolver(function: LabelingFunction, schema: LabelSchema) -> Resolve:
    """Label → stable class id, with errors that name the labeling function."""

    def resolve(label: Label) -> int:
        try:
            return schema.resolve(label)
        except UnknownLabel as error:
            raise UnknownLabel(f"{describe(function)}: {error.message}", hint=error.hint) from None

    return resolve
