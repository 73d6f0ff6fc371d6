"""From a labeling function to what is computed in its place."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.recognise.bindings import Bindings, Scope, is_constant
from labelkit.lf.compile.recognise.calls import called
from labelkit.lf.compile.recognise.nodes import Const, Known, Node, Searching, TheRow, Unsure, const
from labelkit.lf.compile.recognise.parts import Parts, Work
from labelkit.lf.compile.recognise.refusals import Refused
from labelkit.lf.compile.recognise.source import syntax_tree
from labelkit.lf.compile.recognise.statements import Statements
from labelkit.lf.python import PythonFunction, SnorkelFunction

_DEEPEST: Final = 5
"""Functions that call each other."""


@dataclass(frozen=True, eq=False)
class Program:
    """A recognised function.

    Parameters
    ----------
    function
        The labeling function.
    result
        What it returns for a row.
    bindings
        What it was compiled with.
    """

    function: PythonFunction | SnorkelFunction
    result: Node
    bindings: Bindings

    def searches(self) -> Iterator[Search]:
        """What it asks of the matcher."""
        for node in _every(self.result):
            if isinstance(node, Searching) and node.search is not None:
                yield node.search
            if isinstance(node, Searching) and node.in_any_case is not None:
                yield node.in_any_case


def recognise(function: PythonFunction | SnorkelFunction) -> Program:
    """What can be computed in place of a labeling function.

    Raises
    ------
    Refused
        If nothing is known that is sure to be equal; the message says why.
    """
    inner, resources = _inner(function)
    bindings = Bindings()
    owner = function.function if isinstance(function, SnorkelFunction) else function
    bindings.add(owner, "the function", lambda: _inner(function)[0], function.name)
    made: dict[str, Node] = {}
    for name in resources:
        made[name] = _constant(bindings.add(owner, f"resource {name}", lambda n=name: _inner(function)[1].get(n), name))  # type: ignore[misc]
    work = Work(bindings, called, lambda f, args, keys, depth: _body(f, args, keys, depth, work))
    try:
        return Program(function, _body(inner, [TheRow()], made, 0, work), bindings)
    except RecursionError:
        raise Refused("is too deeply nested") from None


def _inner(function: PythonFunction | SnorkelFunction) -> tuple[FunctionType, dict[str, Any]]:
    """The Python function, and the keyword arguments that it is called with."""
    if isinstance(function, PythonFunction):
        found, resources, pre = function.function, function.resources, function.pre
    else:
        wrapped = function.function
        kind = type(wrapped)
        if kind.__qualname__ != "LabelingFunction" or not kind.__module__.startswith("snorkel.labeling."):
            raise Refused(f"is of the class {kind.__qualname__}, which may do more than call it")
        found, resources, pre = wrapped._f, wrapped._resources, wrapped._pre
    if pre:
        raise Refused("has preprocessors")
    if not isinstance(found, FunctionType):
        raise Refused(f"is no plain function, but {type(found).__name__}")
    return found, dict(resources)


def _body(function: FunctionType, positional: list[Node], keywords: dict[str, Node], depth: int, work: Work) -> Node:
    """What a call of a function returns."""
    if depth > _DEEPEST:
        raise Refused("calls functions that call functions, too deep")
    code = function.__code__
    if hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        raise Refused("is wrapped by a decorator")
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise Refused(f"`{function.__name__}` takes any number of arguments")
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise Refused(f"`{function.__name__}` is a generator or coroutine")
    tree = syntax_tree(function)
    scope = Scope(function, work.bindings)
    env = _parameters(function, positional, keywords, work.bindings)
    if env is None:
        return Unsure()
    declared = [each for each in ast.walk(tree) if isinstance(each, (ast.Global, ast.Nonlocal))]
    if declared:
        raise Refused(f"assigns the global name `{declared[0].names[0]}`")
    names = frozenset((*code.co_varnames, *code.co_cellvars))
    parts = Parts(scope, names, work, depth)
    if isinstance(tree, ast.Lambda):
        return parts.part(tree.body, env)
    return Statements(parts).block(tree.body, env, lambda _env: const(None))


def _parameters(
    function: FunctionType, positional: list[Node], keywords: dict[str, Node], bindings: Bindings
) -> dict[str, Node] | None:
    """Parameter → argument; None where the call raises."""
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*positional, **keywords)
    except TypeError:
        return None
    made: dict[str, Node] = dict(bound.arguments)
    bindings.add(function, "__defaults__", lambda: function.__defaults__, function.__name__)
    bindings.add(function, "__kwdefaults__", lambda: function.__kwdefaults__, function.__name__)
    for name, parameter in signature.parameters.items():
        if name not in made:
            made[name] = _constant(parameter.default)
    return made


def _constant(value: Any) -> Const | Known:
    return const(value) if is_constant(value) else Known(value)


def _every(root: Node) -> Iterator[Node]:
    """A node and all nodes in it, each once."""
    seen: dict[int, Node] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            yield node
            pending.extend(node.parts())
