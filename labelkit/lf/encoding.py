"""Digests of Python values: equal for equal values in every process, different where votes may differ.

Used to fingerprint what a Python labeling function depends on. Sets count without order; lists,
tuples and dicts with it, since a loop over a dict of rules returns the first that fits. What cannot be
read (a lock, an open file) counts by its type only, and is reported in :attr:`Encoder.warnings`.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final

import numpy as np

from labelkit.lf.code_reading import LocalImport, Reference, normalised, references
from labelkit.lf.distributions import origin
from labelkit.lf.importer import find_project_module
from labelkit.lf.project_code import ProjectCode

_PLAIN: Final = frozenset({str, int, float, bool, bytes, complex, type(None), type(...)})
_MISSING: Final = object()
_MAX_OBJECTS: Final = 200_000
_UNSEEN: Final = {
    "open": "reads files when it runs",
    "eval": "evaluates text when it runs",
    "exec": "executes text when it runs",
    "globals": "looks names up when it runs",
    "__import__": "imports by name when it runs",
    "input": "asks for input when it runs",
}
_BUILTIN_KINDS = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


class Encoder:
    """Computes digests and collects warnings, for the functions of one project."""

    def __init__(self, project: ProjectCode) -> None:
        self.project = project
        self.warnings: list[str] = []
        self._done: dict[int, tuple[object, bytes]] = {}
        self._open: dict[int, int] = {}
        self._reaches = 0
        self._objects = 0

    def digest(self, value: object) -> bytes:
        """32 bytes that stand for a value."""
        if type(value) in _PLAIN:
            return _hash("plain", type(value).__name__, _plain(value))
        key = id(value)
        if key in self._done:
            return self._done[key][1]
        depth = len(self._open)
        if key in self._open:
            self._reaches = min(self._reaches, self._open[key])
            return _hash("cycle", str(depth - self._open[key]))
        if self._objects >= _MAX_OBJECTS:
            return self._opaque(value, "too large to look through")
        self._objects += 1
        outer, self._reaches = self._reaches, depth
        self._open[key] = depth
        try:
            result = self._encode(value)
        except RecursionError:
            result = self._opaque(value, "too deeply nested")
        finally:
            del self._open[key]
        # A value inside a cycle looks different from each entry point, so it is computed at each.
        if self._reaches >= depth:
            self._done[key] = (value, result)
        self._reaches = min(outer, self._reaches)
        return result

    def named(self, values: Mapping[str, object]) -> bytes:
        """A mapping whose order means nothing: attributes, keyword arguments, closures."""
        return _hash("named", *(part for name in sorted(values) for part in (name, self.digest(values[name]))))

    def _encode(self, value: Any) -> bytes:
        handler = _HANDLERS.get(type(value))
        if handler is not None:
            return handler(self, value)
        for kinds, method in _BY_INSTANCE:
            if isinstance(value, kinds):
                return method(self, value)
        return self._object(value)

    def _sequence(self, value: list[object] | tuple[object, ...]) -> bytes:
        kind = type(value).__name__
        if _PLAIN.issuperset(map(type, value)):
            return _hash(kind, "plain", _plain(value))
        return _hash(kind, *map(self.digest, value))

    def _set(self, value: Iterable[object]) -> bytes:
        return _hash("set", *sorted(map(self.digest, value)))

    def _mapping(self, value: Mapping[object, object]) -> bytes:
        if _PLAIN.issuperset(map(type, value)) and _PLAIN.issuperset(map(type, value.values())):
            return _hash("dict", "plain", _plain(dict(value)))
        return _hash("dict", *(self.digest(part) for pair in value.items() for part in pair))

    def _pattern(self, value: re.Pattern[Any]) -> bytes:
        return _hash("pattern", repr(value.pattern), str(value.flags))

    def _array(self, value: Any) -> bytes:
        array = np.asarray(value)
        if array.dtype.hasobject:
            return _hash("array", str(array.dtype), str(array.shape), self.digest(array.ravel().tolist()))
        return _hash(type(value).__name__, array.dtype.str, str(array.shape), np.ascontiguousarray(array).tobytes())

    def _enum(self, value: Enum) -> bytes:
        return _hash("enum", self.digest(type(value)), value.name, self.digest(value.value))

    def _code(self, value: types.CodeType) -> bytes:
        return _hash("code", normalised(value))

    def _method(self, value: types.MethodType) -> bytes:
        return _hash("method", self.digest(value.__func__), self.digest(value.__self__))

    def _builtin(self, value: Any) -> bytes:
        owner = getattr(value, "__self__", None)
        bound = b"" if owner is None or isinstance(owner, types.ModuleType) else self.digest(owner)
        return _hash("builtin", str(getattr(value, "__module__", "")), value.__qualname__, bound)

    def _descriptor(self, value: Any) -> bytes:
        return _hash("descriptor", value.__objclass__.__name__, value.__name__)

    def _property(self, value: property) -> bytes:
        return _hash("property", *(self.digest(part) for part in (value.fget, value.fset, value.fdel)))

    def _wrapped(self, value: Any) -> bytes:
        inner = value.func if isinstance(value, functools.cached_property) else value.__wrapped__
        return _hash(type(value).__name__, self.digest(inner))

    def _module(self, value: types.ModuleType) -> bytes:
        source = origin(value.__name__, getattr(value, "__file__", None), self.project)
        if source is not None:
            return _hash("installed", value.__name__, source)
        return _hash("module", self.named({k: v for k, v in vars(value).items() if not _dunder(k)}))

    def _function(self, value: types.FunctionType) -> bytes:
        source = origin(value.__module__ or "", value.__code__.co_filename, self.project)
        closure = self.named(
            dict(zip(value.__code__.co_freevars, map(_contents, value.__closure__ or ()), strict=True))
        )
        defaults = self.digest(value.__defaults__), self.named(value.__kwdefaults__ or {})
        if source is not None:
            inner = self.digest(getattr(value, "__wrapped__", None))
            return _hash("installed", value.__module__ or "", value.__qualname__, source, closure, *defaults, inner)
        names, imports = references(value.__code__)
        read = [self._global(value, name) for name in names]
        imported = [self._import(value, statement) for statement in imports]
        return _hash("function", self._code(value.__code__), closure, *defaults, *read, *imported)

    def _global(self, function: types.FunctionType, reference: Reference) -> bytes:
        value: object = function.__globals__.get(reference.name, _MISSING)
        if value is _MISSING:
            known = hasattr(builtins, reference.name)
            if known and reference.name in _UNSEEN:
                self._warn(f"{function.__qualname__} calls {reference.name}(), which {_UNSEEN[reference.name]}")
            return _hash("builtin" if known else "missing", reference.name)
        path = [reference.name]
        for attribute in reference.attributes:
            if not isinstance(value, types.ModuleType):
                break
            if origin(value.__name__, getattr(value, "__file__", None), self.project) is not None:
                break
            value = getattr(value, attribute, _MISSING)
            path.append(attribute)
        return _hash("global", ".".join(path), b"missing" if value is _MISSING else self.digest(value))

    def _import(self, function: types.FunctionType, statement: LocalImport) -> bytes:
        package = str(function.__globals__.get("__package__") or "")
        name = statement.module
        if statement.level:
            base = package.split(".")[: len(package.split(".")) - statement.level + 1]
            name = ".".join([*base, statement.module] if statement.module else base)
        source = origin(name, None, self.project)
        if source is not None:
            return _hash("installed", name, source)
        parts = [find_project_module(f"{name}.{part}") or _attribute(name, part) for part in statement.names]
        if not statement.names or any(part is _MISSING for part in parts):
            parts = [find_project_module(name)]
        return _hash("import", name, *statement.names, *map(self.digest, parts))

    def _class(self, value: type) -> bytes:
        source = origin(value.__module__, None, self.project)
        if source is not None:
            return _hash("installed", value.__module__, value.__qualname__, source)
        members: dict[str, object] = {
            name: member
            for name, member in vars(value).items()
            if (not _dunder(name) and name != "_abc_impl")
            or isinstance(member, (types.FunctionType, classmethod, staticmethod, property))
        }
        if issubclass(value, Enum):
            members = {k: v for k, v in members.items() if isinstance(v, (types.FunctionType, property))}
            members["members"] = [(name, member.value) for name, member in value.__members__.items()]
        bases = map(self.digest, value.__bases__)
        return _hash("class", value.__qualname__, self.digest(type(value)), *bases, self.named(members))

    def _object(self, value: Any) -> bytes:
        special = _own_state(value)
        if special is not None:
            return _hash("object", type(value).__qualname__, self.named(special))
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            return self._opaque(value, f"{type(error).__name__}: {error}")
        if isinstance(reduced, str):
            return _hash("global", type(value).__module__, reduced)
        make, arguments, state, *rest = (*reduced, None)[:6] if len(reduced) == 2 else reduced
        attributes = self.named(state) if _names_only(state) else self.digest(state)
        items = [self.digest(list(part)) if part is not None else b"" for part in rest[:2]]
        return _hash("object", self.digest(type(value)), self.digest(make), self.digest(arguments), attributes, *items)

    def _opaque(self, value: object, reason: str) -> bytes:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        self._warn(f"a value of type {kind} cannot be fingerprinted ({reason})")
        return _hash("opaque", kind)

    def _warn(self, text: str) -> None:
        warning = f"{text}: a change of it will not be noticed"
        if warning not in self.warnings:
            self.warnings.append(warning)


def _own_state(value: Any) -> dict[str, object] | None:
    """The attributes that count, for objects that also hold what does not: places in files, caches."""
    mro = type(value).__mro__
    if any(base.__module__.startswith("labelkit.lf.") and base.__name__ in _OWN for base in mro):
        return {name: item for name, item in vars(value).items() if name not in _NO_MATTER}
    if any(base.__module__.startswith("snorkel.map") and base.__name__ == "BaseMapper" for base in mro):
        return {"class": type(value)} | {name: item for name, item in vars(value).items() if name != "_cache"}
    if any(base.__module__ == "sklearn.feature_extraction.text" for base in mro) and "_stop_words_id" in vars(value):
        # The address of the stop words, another one in every process.
        return {"class": type(value)} | {name: item for name, item in vars(value).items() if name != "_stop_words_id"}
    return None


_OWN: Final = frozenset({"Declaration", "PythonFunction", "SnorkelFunction", "Preprocessor"})
_NO_MATTER: Final = frozenset({"site", "compiled", "batch_size", "memoize"})
"""Attributes of labelkit's own objects that change no vote."""
_HANDLERS: Final[dict[type, Callable[[Encoder, Any], bytes]]] = {
    list: Encoder._sequence,
    tuple: Encoder._sequence,
    set: Encoder._set,
    frozenset: Encoder._set,
    dict: Encoder._mapping,
    types.MappingProxyType: Encoder._mapping,
    re.Pattern: Encoder._pattern,
    types.CodeType: Encoder._code,
    types.FunctionType: Encoder._function,
    types.MethodType: Encoder._method,
    property: Encoder._property,
    classmethod: Encoder._wrapped,
    staticmethod: Encoder._wrapped,
    functools.cached_property: Encoder._wrapped,
    functools._lru_cache_wrapper: Encoder._wrapped,
    np.ndarray: Encoder._array,
}
_BY_INSTANCE: Final[tuple[tuple[Any, Callable[[Encoder, Any], bytes]], ...]] = (
    (np.generic, Encoder._array),
    (type, Encoder._class),
    (Enum, Encoder._enum),
    (types.ModuleType, Encoder._module),
    (_BUILTIN_KINDS, Encoder._builtin),
    (_DESCRIPTORS, Encoder._descriptor),
)


def _hash(*parts: str | bytes) -> bytes:
    out = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        out.update(len(data).to_bytes(8, "little"))
        out.update(data)
    return out.digest()


def _plain(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # an integer with more digits than Python prints
        return hex(value) if isinstance(value, int) else str(hash(value))


def _contents(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return "<empty cell>"


def _attribute(module: str, name: str) -> object:
    return getattr(find_project_module(module), name, _MISSING)


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _names_only(state: object) -> bool:
    return type(state) is dict and all(type(key) is str for key in state)
