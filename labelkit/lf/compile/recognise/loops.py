"""Loops over constants: each turn is written out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from labelkit.lf.compile.recognise.bindings import is_plain
from labelkit.lf.compile.recognise.nodes import (
    After,
    AllOf,
    Choice,
    Const,
    Measure,
    Node,
    Searching,
    SharesWord,
    Sum,
    Truth,
    Words,
    const,
)
from labelkit.lf.compile.recognise.parts import CONTAINERS, Env, Parts, any_of
from labelkit.lf.compile.recognise.refusals import Refused, shown

MAX_TURNS: Final = 5_000


def turns(parts: Parts, target: ast.expr, values: Node, env: Env, node: ast.AST) -> Iterator[Env]:
    """The local names in each turn of a loop over a constant.

    Raises
    ------
    Refused
        If the loop is over something else.
    """
    if not isinstance(values, Const) or not isinstance(values.value, (*CONTAINERS, str)):
        raise Refused(f"loops over {shown(node)}, which is no constant list")
    if len(values.value) > MAX_TURNS:
        raise Refused(f"loops over {len(values.value)} values")
    for value in values.value:
        yield {**env, **_assigned(parts, target, value)}


def _assigned(parts: Parts, target: ast.expr, value: Any) -> dict[str, Node]:
    if isinstance(target, ast.Name):
        return {target.id: parts.of(value, target)}
    if isinstance(target, (ast.Tuple, ast.List)) and type(value) in (tuple, list) and len(value) == len(target.elts):
        made: dict[str, Node] = {}
        for part, each in zip(target.elts, value, strict=True):
            made |= _assigned(parts, part, each)
        return made
    raise Refused(f"loops with {shown(target)}, which is not among the shapes that are compiled")


def any_or_all(parts: Parts, node: ast.Call, env: Env, *, every: bool) -> Node:
    """``any(...)`` and ``all(...)`` over a generator, a list of parts, or constants."""
    if len(node.args) != 1:
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
    (of,) = node.args
    if isinstance(of, (ast.GeneratorExp, ast.ListComp)):
        word = None if every else word_in_constants(parts, of, env)
        if word is not None:
            return word
        found = [value if test is None else Choice(test, value, const(every)) for test, value in _turns(parts, of, env)]
    elif isinstance(of, (ast.List, ast.Tuple)):
        found = [parts.part(each, env) for each in of.elts]
    else:
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
    if not found:
        return const(every)
    truth: Node = Truth(AllOf(tuple(found)) if every else any_of(found))
    return truth if isinstance(of, ast.GeneratorExp) else _all_computed(found, truth)


def _all_computed(found: list[Node], truth: Node) -> Node:
    """The truth of a list, all of whose parts are computed before the first is looked at."""
    firsts: dict[Node, None] = {}
    for part in found:
        # These raise where their text is none; asking for its length does so, too, and for all of them at once.
        firsts[Measure(part.text, "len") if isinstance(part, Searching) else part] = None
    for first in firsts:
        truth = After(first, truth)
    return truth


def word_in_constants(parts: Parts, of: ast.GeneratorExp | ast.ListComp, env: Env) -> Node | None:
    """``any(word in WORDS for word in text.split())``; None for anything else."""
    first, elt = of.generators[0], of.elt
    if len(of.generators) > 1 or first.is_async or not isinstance(first.target, ast.Name):
        return None
    words = parts.part(first.iter, env)
    if not isinstance(words, Words):
        return None
    name = first.target.id
    simple = isinstance(elt, ast.Compare) and len(elt.ops) == 1 and not first.ifs
    if simple and isinstance(elt, ast.Compare) and isinstance(elt.left, ast.Name) and elt.left.id == name:
        among = elt.comparators[0]
        if not any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(among)):
            values = parts.part(among, env)
            if isinstance(elt.ops[0], ast.Eq) and isinstance(values, Const) and is_plain(values.value):
                values = const((values.value,))
            elif not isinstance(elt.ops[0], ast.In):
                return None
            if isinstance(values, Const):
                shared = parts.words_among(words, values, elt)
                return SharesWord(words.text, shared) if shared else parts.never(words.text)
    return None


def _turns(
    parts: Parts, of: ast.GeneratorExp | ast.ListComp, env: Env, depth: int = 0
) -> Iterator[tuple[Node | None, Node]]:
    """(the filters, the element) of each turn."""
    loop = of.generators[depth]
    if loop.is_async:
        raise Refused("has an asynchronous loop")
    for inner in turns(parts, loop.target, parts.part(loop.iter, env), env, loop.iter):
        tests = [parts.part(test, inner) for test in loop.ifs]
        test: Node | None = None if not tests else tests[0] if len(tests) == 1 else AllOf(tuple(tests))
        if depth + 1 == len(of.generators):
            yield test, parts.part(of.elt, inner)
            continue
        for further, value in _turns(parts, of, inner, depth + 1):
            both = test if further is None else further if test is None else AllOf((test, further))
            yield both, value


def summed(parts: Parts, node: ast.Call, env: Env) -> Node:
    """``sum(...)`` over a generator or list of parts."""
    of = node.args[0] if len(node.args) == 1 else None
    if isinstance(of, (ast.List, ast.Tuple)):
        return Sum(tuple(parts.part(each, env) for each in of.elts))
    if isinstance(of, (ast.GeneratorExp, ast.ListComp)):
        written = _turns(parts, of, env)
        return Sum(tuple(value if test is None else Choice(test, value, const(0)) for test, value in written))
    raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")


def loop_values(parts: Parts, of: ast.GeneratorExp, env: Env) -> Const | None:
    """What a generator over constants yields, if that is constant."""
    found = [value for test, value in _turns(parts, of, env) if test is None]
    values = [value.value for value in found if isinstance(value, Const)]
    return const(tuple(values)) if len(values) == len(found) and values else None
