"""What the names in a function stand for: constants of a few plain kinds, and well-known functions.

Everything that was read is remembered, so that a change is noticed before the next shard.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum, EnumMeta
from operator import attrgetter
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from labelkit.lf.compile.recognise.refusals import Refused

MISSING: Final = object()
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_ENUM_VALUE: Final = vars(Enum)["value"]


def is_plain(value: object) -> bool:
    """Whether a value is a string, number, bool or None, and of no subclass."""
    return type(value) in _SCALARS


def key_of(value: Any) -> Hashable:
    """What tells constants apart; equal only for values that act alike everywhere.

    Raises
    ------
    Refused
        If the value is of no kind whose behaviour is known.
    """
    kind = type(value)
    if kind is float:
        return float, value.hex()
    if kind is str and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise Refused("holds a lone surrogate, which no text has")
    if kind in _SCALARS:
        return kind, value
    if kind in (tuple, list, set, frozenset):
        return kind, tuple(map(key_of, value))  # of sets in the order in which a loop meets them
    if kind is dict:
        return kind, tuple((key_of(key), key_of(item)) for key, item in value.items())
    return _key_of_object(value)


def _key_of_object(value: Any) -> Hashable:
    kind = type(value)
    if kind is re.Pattern and isinstance(value.pattern, str):
        return kind, value.pattern, value.flags
    if isinstance(value, Enum):
        return kind, value.name, int(value) if isinstance(value, int) else None
    if isinstance(value, np.integer):
        return kind, int(value)
    raise Refused(f"holds a value of type {kind.__qualname__}")


def is_constant(value: object) -> bool:
    """Whether :func:`key_of` knows a value's kind (though perhaps not the kinds of its parts)."""
    known = (*_SCALARS, tuple, list, set, frozenset, dict, re.Pattern)
    return type(value) in known or isinstance(value, (Enum, np.integer))


@dataclass(frozen=True, eq=False, slots=True)
class _Binding:
    """One thing that was read: how to read it again, and what was found."""

    name: str
    read: Callable[[], Any]
    value: Any
    key: Hashable

    def holds(self) -> bool:
        try:
            current = self.read()
            if self.key is None:
                return current is self.value
            return (current is self.value and is_plain(current)) or key_of(current) == self.key
        except Refused:
            return False


class Bindings:
    """All that a program was compiled with."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, str], _Binding] = {}

    def add(self, owner: object, name: str, read: Callable[[], Any], shown: str) -> Any:
        """Read something now, and remember it. ``owner`` is kept alive by ``read``.

        Raises
        ------
        Refused
            If it is a container with parts of unknown kinds.
        """
        value = read()
        if (id(owner), name) not in self._read:
            try:
                key = key_of(value) if is_constant(value) else None
            except Refused as refused:
                raise Refused(f"`{shown}` {refused}") from None
            self._read[id(owner), name] = _Binding(shown, read, value, key)
        return value

    def changed(self) -> str | None:
        """The name of something that is no longer what it was."""
        return next((binding.name for binding in self._read.values() if not binding.holds()), None)


class Scope:
    """The names that a function sees outside itself."""

    def __init__(self, function: FunctionType, bindings: Bindings) -> None:
        self.function = function
        self._bindings = bindings
        self._cells: Mapping[str, CellType] = dict(
            zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        )
        bindings.add(function, "__code__", lambda: function.__code__, function.__name__)

    def value(self, name: str) -> Any:
        """What a global, closed-over or built-in name stands for now.

        Raises
        ------
        Refused
            If it stands for nothing.
        """
        if name in self._cells:
            cell = self._cells[name]
            value = self._bindings.add(cell, name, lambda: _contents(cell), name)
        else:
            names = self.function.__globals__
            built_in: Mapping[str, Any] = attrgetter("__builtins__")(self.function)
            value = self._bindings.add(names, name, lambda: names.get(name, built_in.get(name, MISSING)), name)
        if value is MISSING:
            raise Refused(f"reads `{name}`, which is not defined")
        return value

    def attribute(self, owner: Any, name: str, shown: str) -> Any:
        """An attribute of a module, an enumeration, or a class of plain constants.

        Raises
        ------
        Refused
            If reading it could run code.
        """
        if isinstance(owner, ModuleType):
            value = self._bindings.add(owner, name, lambda: vars(owner).get(name, MISSING), shown)
        elif isinstance(owner, EnumMeta) and name in owner.__members__:
            value = self._bindings.add(owner, name, lambda: owner.__members__.get(name, MISSING), shown)
        elif isinstance(owner, Enum) and name == "value" and _static(type(owner), name) is _ENUM_VALUE:
            value = self._bindings.add(owner, name, lambda: owner.value, shown)
        elif type(owner) is type and owner.__module__ != "builtins":
            value = self._bindings.add(owner, name, lambda: _static(owner, name), shown)
            if not is_constant(value):
                value = MISSING
        else:
            value = MISSING
        if value is MISSING:
            raise Refused(f"reads `{shown}`, of which nothing is known")
        return value


def builtin_name(value: object) -> str:
    """The name of a built-in function or class that is the real one; empty for anything else."""
    if isinstance(value, BuiltinFunctionType) and value.__self__ is builtins:
        return value.__name__
    if isinstance(value, type) and value.__module__ == "builtins":
        return value.__name__
    return ""


def _static(owner: type, name: str) -> Any:
    for base in owner.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return MISSING


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return MISSING
