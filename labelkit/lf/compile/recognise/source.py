"""The syntax tree that a function was made from, proved by compiling it again."""

from __future__ import annotations
import __future__

import ast
import linecache
import warnings
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType

from labelkit.lf.code_reading import FunctionNode, functions_in, stands_for
from labelkit.lf.compile.recognise.refusals import Refused

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


def syntax_tree(function: FunctionType) -> FunctionNode:
    """The tree of a function or lambda. Its text, compiled again, gives the very code that runs.

    Raises
    ------
    Refused
        If the source is not at hand, or has changed since.
    """
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    nodes = [node for node in functions_in(text) if stands_for(node, code)]
    if not nodes or not any(made == code for made in _code_in(text, code.co_flags & _FUTURE)):
        raise Refused("its source code is not at hand as it was executed")
    if len(nodes) > 1:
        raise Refused("several functions begin on its line")
    return nodes[0]


@lru_cache(maxsize=64)
def _code_in(text: str, flags: int) -> list[CodeType]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = compile(ast.parse(text), "<source>", "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return list(_nested(module))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)
