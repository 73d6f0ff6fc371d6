"""Calls of Python's built-in functions as nodes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from labelkit.lf.compile.recognise.bindings import is_plain
from labelkit.lf.compile.recognise.loops import any_or_all, loop_values, summed
from labelkit.lf.compile.recognise.nodes import (
    Changed,
    Const,
    Field,
    FoundAll,
    Measure,
    Node,
    Number,
    SharedWords,
    TheRow,
    Truth,
    Words,
    const,
)
from labelkit.lf.compile.recognise.parts import Env, Parts
from labelkit.lf.compile.recognise.refusals import Refused, shown, unknown_call


def _one(parts: Parts, node: ast.Call, env: Env) -> Node:
    if len(node.args) != 1:
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
    return parts.part(node.args[0], env)


def _len(parts: Parts, node: ast.Call, env: Env) -> Node:
    of = _one(parts, node, env)
    if isinstance(of, Const):
        return parts.folded(len, of)
    if isinstance(of, Words):
        if of.as_set:
            return Measure(of.text, "distinct", () if of.separator is None else (of.separator,))
        return Measure(of.text, "words") if of.separator is None else Measure(of.text, "pieces", (of.separator,))
    if isinstance(of, SharedWords):
        return Measure(of.text, "shared", of.words)
    if isinstance(of, FoundAll):
        return Measure(of.text, "found", (of.pattern, of.flags))
    return Measure(parts.text(of, node), "len")


def _bool(parts: Parts, node: ast.Call, env: Env) -> Node:
    of = _one(parts, node, env)
    return Truth(of)


def _number(how: Literal["abs", "int"]) -> Callable[[Parts, ast.Call, Env], Node]:
    def make(parts: Parts, node: ast.Call, env: Env) -> Node:
        of = _one(parts, node, env)
        if isinstance(of, Const):
            if is_plain(of.value):
                return parts.folded(abs if how == "abs" else int, of)
            raise unknown_call(node)
        return Number(how, of)

    return make


def _str(parts: Parts, node: ast.Call, env: Env) -> Node:
    of = _one(parts, node, env)
    if isinstance(of, Const) and is_plain(of.value):
        return parts.folded(str, of)
    if isinstance(of, (Field, Changed)):
        return Changed(of, "str")
    raise unknown_call(node)


def _collected(kind: Callable[[Any], Any]) -> Callable[[Parts, ast.Call, Env], Node]:
    def make(parts: Parts, node: ast.Call, env: Env) -> Node:
        if not node.args:
            return const(kind(()))
        values = loop_values(parts, node.args[0], env) if isinstance(node.args[0], ast.GeneratorExp) else None
        of = _one(parts, node, env) if values is None else values
        if isinstance(of, Words) and kind is frozenset:
            return Words(of.text, of.separator, as_set=True)
        if isinstance(of, Const):
            return parts.folded(kind, of)
        raise unknown_call(node)

    return make


def _any(parts: Parts, node: ast.Call, env: Env) -> Node:
    return any_or_all(parts, node, env, every=False)


def _all(parts: Parts, node: ast.Call, env: Env) -> Node:
    return any_or_all(parts, node, env, every=True)


def _range(parts: Parts, node: ast.Call, env: Env) -> Node:
    bounds = [parts.part(each, env) for each in node.args]
    ends = [each for each in bounds if isinstance(each, Const) and type(each.value) is int and abs(each.value) <= 1000]
    if len(ends) < len(bounds):
        raise unknown_call(node)
    return parts.folded(lambda *each: tuple(range(*each)), *ends)


def _getattr(parts: Parts, node: ast.Call, env: Env) -> Node:
    row, *rest = [parts.part(each, env) for each in node.args]
    if not isinstance(row, TheRow) or not 1 <= len(rest) <= 2 or not all(isinstance(each, Const) for each in rest):
        raise unknown_call(node)
    name, default = rest[0], (rest[1] if len(rest) == 2 else None)
    if not isinstance(name, Const) or type(name.value) is not str or name.value.startswith("_"):
        raise unknown_call(node)
    if name.value in ("get", "count", "index") and default is not None:
        raise unknown_call(node)  # methods of the row, where there is no such field
    return Field(name.value, default if isinstance(default, Const) else None)


BUILT_IN: Final[Mapping[str, Callable[[Parts, ast.Call, Env], Node]]] = {
    "len": _len,
    "bool": _bool,
    "abs": _number("abs"),
    "int": _number("int"),
    "str": _str,
    "set": _collected(frozenset),
    "frozenset": _collected(frozenset),
    "tuple": _collected(tuple),
    "list": _collected(list),
    "sorted": _collected(sorted),
    "any": _any,
    "all": _all,
    "sum": summed,
    "range": _range,
    "getattr": _getattr,
}
