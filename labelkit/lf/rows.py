"""The rows that Python labeling functions see.

A :class:`Row` is a tuple with attribute access, made once per shard and shown to every function.
It cannot be changed. What wants to change it gets a :class:`RowCopy` of its own: through pickle and
:mod:`copy` (Snorkel's preprocessors copy each data point that way), or, for a function that sets an
attribute itself, by being run again on copies (:class:`RowIsShared`).
"""

from __future__ import annotations

import gc
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn


class RowIsShared(BaseException):
    """A function tried to change a row that others see; run it again on a copy.

    Not an :class:`Exception`, so that ``except Exception`` in the function does not swallow it.
    """


class Row(tuple[Any, ...]):
    """One item, unchangeable: ``row.text``, ``row["text"]``, ``row.get("text")``, ``"text" in row``."""

    __slots__ = ()
    _index: ClassVar[Mapping[str, int]] = {}

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_no_field(name, self._index))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise RowIsShared

    def __delattr__(self, name: str) -> NoReturn:
        raise RowIsShared

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        raise RowIsShared

    def __getitem__(self, name: Any) -> Any:
        try:
            return tuple.__getitem__(self, self._index[name])
        except (KeyError, TypeError):
            raise KeyError(_no_field(name, self._index)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field, or ``default`` where the items have no such field."""
        position = self._index.get(name)
        return default if position is None else tuple.__getitem__(self, position)

    def __reduce__(self) -> tuple[Callable[..., RowCopy], tuple[Any, ...]]:
        return _copy, (tuple(self._index), tuple(self))

    def __copy__(self) -> RowCopy:
        return _copy(tuple(self._index), tuple(self))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in zip(self._index, self, strict=True))
        return f"Row({inside})"


class RowCopy(SimpleNamespace):
    """One item as a changeable copy, with the same access as :class:`Row`."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_no_field(name, self.__dict__))

    def __getitem__(self, name: str) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:
            raise KeyError(_no_field(name, self.__dict__)) from None

    def __setitem__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __copy__(self) -> RowCopy:
        made = RowCopy()
        made.__dict__.update(self.__dict__)
        return made

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field, or ``default`` where the row has no such field."""
        return self.__dict__.get(name, default)


def make_rows(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Rows over columns of equal length."""
    cls, new = _row_class(tuple(columns)), tuple.__new__
    # The garbage collector looks through all rows again and again while they are made, for nothing.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return [new(cls, values) for values in zip(*columns.values(), strict=True)]
    finally:
        if collecting:
            gc.enable()


def private_copy(row: Row | RowCopy) -> RowCopy:
    """A copy of a row that its user may change."""
    return row.__copy__()


def _copy(names: Iterable[str], values: Iterable[Any]) -> RowCopy:
    return RowCopy(**dict(zip(names, values, strict=True)))


def _no_field(name: object, fields: Iterable[str]) -> str:
    return f"no field {name!r}; the fields are {', '.join(fields)}"


@lru_cache(maxsize=64)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    # A named tuple's descriptors read by position in C; Python code in their place costs 10× more.
    plain = namedtuple("plain", [f"f{i}" for i in range(len(names))])  # type: ignore[misc]
    namespace: dict[str, Any] = {"__slots__": (), "_index": {name: i for i, name in enumerate(names)}}
    for i, name in enumerate(names):
        if name not in namespace and not (name.startswith("__") and name.endswith("__")):
            namespace[name] = plain.__dict__[f"f{i}"]
    return type("Row", (Row,), namespace)
