"""Calls as nodes: the methods of texts, :mod:`re`, and a few built-in functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Final, Literal

from labelkit.lf.compile.recognise.bindings import builtin_name
from labelkit.lf.compile.recognise.built_in import BUILT_IN
from labelkit.lf.compile.recognise.nodes import (
    Changed,
    Const,
    Field,
    FoundAll,
    Known,
    Lookup,
    Matches,
    Measure,
    Node,
    Not,
    SharedWords,
    TheRow,
    Unsure,
    Words,
    const,
)
from labelkit.lf.compile.recognise.parts import Env, Parts
from labelkit.lf.compile.recognise.refusals import Refused, shown, unknown_call

_CHANGES: Final = dict.fromkeys(("lower", "upper", "casefold", "title", "capitalize", "swapcase"), (0, 0)) | {
    "strip": (0, 1),
    "lstrip": (0, 1),
    "rstrip": (0, 1),
    "replace": (2, 3),
    "removeprefix": (1, 1),
    "removesuffix": (1, 1),
}
_TESTS: Final = (
    "isupper", "islower", "isdigit", "isalpha", "isalnum", "isspace", "istitle", "isnumeric", "isdecimal", "isascii",
    "isidentifier", "isprintable",
)  # fmt: skip
_MEASURES: Final = dict.fromkeys(_TESTS, (0, 0)) | {
    "count": (1, 1),
    "find": (1, 1),
    "rfind": (1, 1),
    "startswith": (1, 1),
    "endswith": (1, 1),
}
_RE: Final[Mapping[Any, str]] = {
    re.search: "search",
    re.match: "match",
    re.fullmatch: "fullmatch",
    re.findall: "findall",
    re.compile: "compile",
    re.escape: "escape",
}
_SILENT_FLAGS: Final = int(re.A | re.I | re.M | re.S | re.U | re.X)


def called(parts: Parts, node: ast.Call, env: Env) -> Node:
    """A call.

    Raises
    ------
    Refused
        If it is not known what it does.
    """
    if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
        raise Refused(f"has {shown(node)}, whose arguments are spread")
    if isinstance(node.func, ast.Attribute):
        base = parts.part(node.func.value, env)
        if not isinstance(base, Known):
            return _method(parts, base, node.func.attr, node, env)
    function = parts.part(node.func, env)
    if isinstance(function, Known):
        name = builtin_name(function.value)
        if name in BUILT_IN:
            if node.keywords:
                raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
            return BUILT_IN[name](parts, node, env)
        if isinstance(function.value, FunctionType):
            return _function(parts, function.value, node, env)
    raise unknown_call(node)


def _arguments(parts: Parts, node: ast.Call, env: Env) -> tuple[list[Node], dict[str, Node]]:
    keywords = {str(each.arg): parts.part(each.value, env) for each in node.keywords}
    return [parts.part(each, env) for each in node.args], keywords


def _function(parts: Parts, function: FunctionType, node: ast.Call, env: Env) -> Node:
    positional, keywords = _arguments(parts, node, env)
    if function in _RE:
        how = _RE[function]
        names = (
            ("pattern",)
            if how == "escape"
            else ("pattern", "flags")
            if how == "compile"
            else ("pattern", "string", "flags")
        )
        if len(positional) > len(names) or not set(keywords) <= set(names[len(positional) :]):
            return Unsure()
        given = dict(zip(names, positional, strict=False)) | keywords
        return _regular_expression(parts, how, given, node)
    try:
        return parts.work.inline(function, positional, keywords, parts.depth + 1)
    except Refused as refused:
        raise Refused(f"calls `{ast.unparse(node.func)}`, which {refused}") from None


def _regular_expression(parts: Parts, how: str, given: Mapping[str, Node], node: ast.Call) -> Node:
    pattern, flags = given.get("pattern"), given.get("flags", const(0))
    if not isinstance(pattern, Const) or not isinstance(flags, Const):
        raise Refused(f"has {shown(node)}, whose pattern is no constant")
    if how == "escape":
        return parts.folded(re.escape, pattern)
    compiled = _compiled(pattern.value, flags.value, node)
    if how == "compile":
        return const(compiled)
    if "string" not in given:
        return Unsure()
    return _sought(parts, compiled, how, given["string"], node)


def _compiled(pattern: Any, flags: Any, node: ast.Call) -> re.Pattern[str]:
    if not isinstance(flags, int) or int(flags) & ~_SILENT_FLAGS:
        raise Refused(f"has {shown(node)} with flags that are not compiled")
    try:
        compiled = re.compile(pattern, int(flags))
    except Exception as error:
        raise Refused(f"has {shown(node)}, which raises {type(error).__name__}") from None
    if not isinstance(compiled.pattern, str):
        raise Refused(f"has {shown(node)}, whose pattern is not for text")
    return compiled


def _sought(parts: Parts, pattern: re.Pattern[str], how: str, text: Node, node: ast.Call) -> Node:
    flags = pattern.flags & ~re.UNICODE
    if flags & ~_SILENT_FLAGS:
        raise Refused(f"has {shown(node)} with flags that are not compiled")
    text = parts.text(text, node)
    if how == "findall":
        return FoundAll(text, pattern.pattern, int(flags))
    ways: dict[str, Literal["search", "match", "fullmatch"]] = {
        "search": "search",
        "match": "match",
        "fullmatch": "fullmatch",
    }
    if how not in ways:
        raise unknown_call(node)
    return Matches(text, ways[how], pattern.pattern, int(flags))


def _method(parts: Parts, base: Node, name: str, node: ast.Call, env: Env) -> Node:
    if isinstance(base, Const) or (isinstance(base, Words) and name in ("intersection", "isdisjoint")):
        return _method_of_constant(parts, base, name, node, env)
    positional, keywords = _arguments(parts, node, env)
    if keywords:
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
    if isinstance(base, TheRow):
        return _got(name, positional, node)
    if not all(isinstance(each, Const) for each in positional):
        raise Refused(f"has {shown(node)}, whose arguments are no constants")
    constants = tuple(each.value for each in positional if isinstance(each, Const))
    text = parts.text(base, node)
    if name == "split":
        return _split(text, constants, node)
    if name in ("startswith", "endswith") and len(constants) == 1 and type(constants[0]) is tuple:
        if all(type(each) is str for each in constants[0]):
            return Measure(text, name, constants[0])
    elif _fits(_CHANGES, name, constants):
        return Changed(text, name, constants)
    elif _fits(_MEASURES, name, constants) and all(type(each) is str for each in constants):
        return Measure(text, name, constants)
    raise unknown_call(node)


def _fits(table: Mapping[str, tuple[int, int]], name: str, arguments: tuple[Any, ...]) -> bool:
    least, most = table.get(name, (1, 0))
    texts = arguments[:2]
    fits = all(type(each) is str or (each is None and name.endswith("strip")) for each in texts)
    return least <= len(arguments) <= most and fits and all(type(each) is int for each in arguments[2:])


def _got(name: str, positional: list[Node], node: ast.Call) -> Node:
    """``row.get("field", default)``"""
    if name == "get" and 1 <= len(positional) <= 2 and isinstance(positional[0], Const):
        default = positional[1] if len(positional) == 2 else const(None)
        if type(positional[0].value) is str and isinstance(default, Const):
            return Field(positional[0].value, default, by_get=True)
    raise unknown_call(node)


def _split(text: Node, constants: tuple[Any, ...], node: ast.Call) -> Node:
    if constants in ((), (None,)):
        return Words(text)
    if len(constants) == 1 and type(constants[0]) is str and constants[0]:
        return Words(text, constants[0])
    raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")


_FOLDED: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset({*_CHANGES, *_MEASURES, "split", "join"}),
    dict: frozenset({"keys", "values", "items"}),
    tuple: frozenset({"count"}),
    list: frozenset({"count"}),
    set: frozenset({"union", "intersection", "difference"}),
    frozenset: frozenset({"union", "intersection", "difference"}),
}


def _method_of_constant(parts: Parts, base: Node, name: str, node: ast.Call, env: Env) -> Node:
    positional, keywords = _arguments(parts, node, env)
    words = next((each for each in (base, *positional) if isinstance(each, Words)), None)
    among = next((each for each in (base, *positional) if isinstance(each, Const)), None)
    if words is not None and among is not None and len(positional) == 1:
        return _sets(parts, name, base, words, among, node)
    if not isinstance(base, Const):
        raise unknown_call(node)
    if isinstance(base.value, re.Pattern) and len(positional) == 1 and not keywords:
        return _sought(parts, base.value, name, positional[0], node)
    if type(base.value) is dict and name == "get" and 1 <= len(positional) <= 2 and not keywords:
        default = positional[1] if len(positional) == 2 else const(None)
        if isinstance(default, Const):
            return Lookup(base, positional[0], default)
    constants = [each for each in positional if isinstance(each, Const)]
    if name in _FOLDED.get(type(base.value), ()) and len(constants) == len(positional) and not keywords:
        listed = type(base.value) is dict

        def call(value: Any, *arguments: Any) -> Any:
            made = getattr(value, name)(*arguments)
            return tuple(made) if listed else made

        return parts.folded(call, base, *constants)
    raise unknown_call(node)


def _sets(parts: Parts, name: str, base: Node, words: Words, among: Const, node: ast.Call) -> Node:
    """``set(words).intersection(constants)``, ``constants.isdisjoint(words)`` and their like."""
    first = base.value if isinstance(base, Const) else None
    if (isinstance(base, Words) and base.as_set) or type(first) in (set, frozenset):
        shared = parts.words_among(words, among, node)
        if name == "intersection":
            return SharedWords(words.text, shared)
        if name == "isdisjoint":
            return Not(SharedWords(words.text, shared))
    raise unknown_call(node)
