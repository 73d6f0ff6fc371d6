"""Reads a function's code: its meaning without layout, and what it refers to outside itself."""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A global name and the attributes read from it, as in ``helpers.text.clean`` → ("text", "clean")."""

    name: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class LocalImport:
    """An import statement inside a function: ``from module import names`` or ``import module``."""

    module: str
    level: int
    names: tuple[str, ...] = ()


def normalised(code: CodeType) -> str:
    """The meaning of a function's code as text: no comments, layout, docstring, name or line numbers.

    The syntax tree where the source is at hand exactly as it was executed (files that a discovery
    imported, notebook cells), the bytecode elsewhere.
    """
    node = _node_of(code)
    if node is None:
        return _instructions(code)
    body = node.body if isinstance(node.body, list) else [node.body]
    statements = [ast.dump(part) for part in body]
    return f"{ast.dump(node.args)}\n" + "\n".join(statements)


def source_of(function: Callable[..., object]) -> str:
    """The source text of a function for people to read; empty if there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError, IndentationError, SyntaxError):
        return ""


def references(code: CodeType) -> tuple[list[Reference], list[LocalImport]]:
    """What a function's code (with the functions in it) reads from outside, sorted."""
    names: set[Reference] = set()
    imports: set[LocalImport] = set()
    for part in _all_code(code):
        _read(part, names, imports)
    return sorted(names), sorted(imports)


def _read(code: CodeType, names: set[Reference], imports: set[LocalImport]) -> None:
    constants: list[object] = []
    chain: list[str] = []
    for step in dis.get_instructions(code):
        if step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and chain:
            chain.append(step.argval)
        elif step.opname not in {"CACHE", "EXTENDED_ARG"}:
            if chain:
                names.add(Reference(chain[0], tuple(chain[1:])))
            chain = [step.argval] if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"} else []
        if step.opname == "IMPORT_NAME":
            level, wanted = constants[-2:]
            listed = tuple(wanted) if isinstance(wanted, tuple) else ()
            imports.add(LocalImport(step.argval, level if isinstance(level, int) else 0, listed))
        elif step.opname in {"LOAD_CONST", "LOAD_SMALL_INT"}:
            constants = [*constants[-1:], step.argval]


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _instructions(code: CodeType) -> str:
    signature = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames)
    lines = [repr(signature), code.co_exceptiontable.hex()]
    for step in dis.get_instructions(code):
        if step.opname in {"CACHE", "NOP", "EXTENDED_ARG"}:
            continue
        lines.append(f"{step.opname} {_operand(step.argval)}")
    return "\n".join(lines)


def _operand(value: object) -> str:
    if isinstance(value, CodeType):
        return f"({_instructions(value)})"
    if isinstance(value, frozenset):  # `x in {"a", "b"}`: its order differs from process to process
        return f"frozenset({sorted(map(repr, value))})"
    if isinstance(value, tuple):
        return f"({','.join(map(_operand, value))})"
    return repr(value)


def _drop_docstring(node: ast.AST) -> None:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and _is_docstring(body[0]):
        del body[0]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _node_of(code: CodeType) -> FunctionNode | None:
    """The syntax tree of a function, if its source is kept as executed and it is the only candidate."""
    entry = linecache.cache.get(code.co_filename)
    if entry is None or len(entry) < 4 or entry[1] is not None:
        return None
    found = [node for node in functions_in("".join(entry[2])) if stands_for(node, code)]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=256)
def functions_in(source: str) -> list[FunctionNode]:
    """The functions and lambdas in a source text, without docstrings; none if it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a notebook cell with magics
        return []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            _drop_docstring(node)
    return [node for node in ast.walk(tree) if isinstance(node, FunctionNode)]


def stands_for(node: FunctionNode, code: CodeType) -> bool:
    """Whether a node is where a code object says that it was written."""
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno and _spans(node, code)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno


def _spans(node: ast.Lambda, code: CodeType) -> bool:
    """Whether code lies exactly where a lambda's body stands (there may be several on a line)."""
    places = [place for place in code.co_positions() if None not in place and place[2] != place[3]]
    body = node.body
    inside = (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset)
    starts = [(line, column) for line, _, column, _ in places]
    ends = [(line, column) for _, line, _, column in places]
    return bool(places) and (min(starts), max(ends)) == ((inside[0], inside[1]), (inside[2], inside[3]))
