"""Votes of ``expression`` functions: the syntax tree evaluated over whole Arrow columns.

Every part has one of four kinds: number (int64 or float64), text, condition (bool), or something of
which only ``is None`` and ``len`` can be asked. Missing values make comparisons undecided, and
undecided conditions combine as in SQL (Kleene): false and undecided is false, true or undecided is
true, all else stays undecided, which abstains.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import describe, resolver
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.values import as_condition, as_number, as_text, changed_text
from labelkit.lf.compile.view import ShardView, is_scalar, is_text
from labelkit.lf.expressions import BUILT_IN, TEXT_FUNCTIONS, ExpressionFunction, called, field_name, literal
from labelkit.lf.shard import ColumnVotes, vote_dtype, votes_where
from labelkit.types import LabelSchema

_Kind = Literal["number", "text", "condition", "other"]

_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
}
_TESTS: Final[Mapping[str, Callable[..., Any]]] = {
    "contains": pc.match_substring,
    "startswith": pc.starts_with,
    "endswith": pc.ends_with,
}


class ExpressionKernel:
    """Evaluates expressions; fields are converted once per column and shard."""

    def __init__(self, functions: Sequence[ExpressionFunction], schema: LabelSchema, context: KernelContext) -> None:
        self._dtype = vote_dtype(schema)
        self._functions = [(function, resolver(function, schema)(function.label)) for function in functions]

    @staticmethod
    def searches(functions: Sequence[ExpressionFunction]) -> Iterable[Search]:
        """None: nothing is searched."""
        return ()

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [Path("arrow") for _ in self._functions]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        for function, class_id in self._functions:
            holds = _Evaluation(function, view).mask()
            yield ColumnVotes(function.name, votes_where(holds, class_id, self._dtype))


@dataclass(frozen=True, slots=True)
class _Value:
    """A part's value: an array over the items, or one scalar. ``fixed`` is set for literals."""

    kind: _Kind
    data: Any
    fixed: bool = False


class _Evaluation:
    """One expression over one shard."""

    def __init__(self, function: ExpressionFunction, view: ShardView) -> None:
        self.function = function
        self.view = view

    def mask(self) -> np.ndarray:
        """Where the expression is true."""
        result = pc.fill_null(self.condition(self.function.tree), False)
        if isinstance(result, pa.Scalar):
            return np.full(self.view.size, result.as_py(), dtype=np.bool_)
        found: np.ndarray = result.to_numpy(zero_copy_only=False)
        return found

    def condition(self, node: ast.expr) -> Any:
        """A part as a condition."""
        value = self.value(node)
        if value.kind != "condition":
            raise self._refusal(f"`{ast.unparse(node)}` holds {value.data.type}, where a condition is needed")
        return value.data

    def value(self, node: ast.expr) -> _Value:
        """A part that may be of any kind."""
        name = field_name(node)
        if name is not None:
            return self._name(name)
        constant = literal(node)
        if constant is not None:
            return _Value("text" if isinstance(constant, str) else "number", pa.scalar(constant), fixed=True)
        return self._parts[type(node)](node)

    @cached_property
    def _parts(self) -> Mapping[type[ast.expr], Callable[[Any], _Value]]:
        return {
            ast.Constant: lambda node: _Value("condition", pa.scalar(node.value), fixed=True),
            ast.BoolOp: self._bool,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.BinOp: self._binary,
            ast.Call: self._call,
        }

    def _binary(self, node: ast.BinOp) -> _Value:
        left, right = self._float(node.left), self._float(node.right)
        return _Value("number", _arithmetic(_ARITHMETIC[type(node.op)], left, right))

    def _name(self, name: str) -> _Value:
        if name in BUILT_IN and not self.view.has(name):
            return _Value("number", self.view.once(("built in", name), lambda: self._measure(name)))
        column = self.view.column(name, self.function)
        return self.view.once(("value", name), lambda: _field(column))

    def _measure(self, name: str) -> pa.Array:
        texts = self.view.texts("text", self.function)
        count = (lambda text: len(text.split())) if name == "word_count" else len
        return pa.array([None if text is None else count(text) for text in texts], pa.int64())

    def _bool(self, node: ast.BoolOp) -> _Value:
        combine = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
        data = self.condition(node.values[0])
        for part in node.values[1:]:
            data = combine(data, self.condition(part))
        return _Value("condition", data)

    def _unary(self, node: ast.UnaryOp) -> _Value:
        if isinstance(node.op, ast.Not):
            return _Value("condition", pc.invert(self.condition(node.operand)))
        number = as_number(self.value(node.operand).data)
        return _Value("number", number if isinstance(node.op, ast.UAdd) else pc.negate(number))

    def _compare(self, node: ast.Compare) -> _Value:
        data: Any = None
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            part = self._one_comparison(left, operator, right)
            data = part if data is None else pc.and_kleene(data, part)
            left = right
        return _Value("condition", data)

    def _one_comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Any:
        if isinstance(operator, (ast.Is, ast.IsNot)):
            missing = pc.is_null(self.value(left).data)
            return missing if isinstance(operator, ast.Is) else pc.invert(missing)
        if isinstance(operator, (ast.In, ast.NotIn)):
            found = self._membership(left, right)
            return found if isinstance(operator, ast.In) else pc.invert(found)
        first, second = self._alike(self.value(left), self.value(right))
        return _COMPARE[type(operator)](first, second)

    def _alike(self, left: _Value, right: _Value) -> tuple[Any, Any]:
        """Both sides as one kind: that of the literal, else numbers where one side is a number.

        The literal decides, not the column's type: that may differ from shard to shard.
        """
        for value in (left, right):
            if value.kind == "other":
                raise self._refusal(f"a field that holds {value.data.type} cannot be compared")
        kinds = {value.kind for value in (left, right) if value.fixed} or {left.kind, right.kind}
        convert = as_condition if kinds == {"condition"} else as_text if kinds == {"text"} else as_number
        return convert(left.data), convert(right.data)

    def _membership(self, left: ast.expr, right: ast.expr) -> Any:
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            return pc.match_substring(self._text(right), literal(left))
        value = self.value(left)
        if value.kind == "other":
            raise self._refusal(f"`{ast.unparse(left)}` holds {value.data.type}, which cannot be compared")
        values = [literal(element) for element in right.elts]
        texts = [each for each in values if isinstance(each, str)]
        numbers = [float(each) for each in values if isinstance(each, (int, float))]
        found: Any = pa.scalar(False)
        if texts:
            found = pc.or_(found, pc.is_in(as_text(value.data), value_set=pa.array(texts, pa.large_string())))
        if numbers:
            floats = as_number(value.data).cast(pa.float64())
            found = pc.or_(found, pc.is_in(floats, value_set=pa.array(numbers, pa.float64())))
        return pc.if_else(pc.is_null(value.data), pa.scalar(None, pa.bool_()), found)

    def _call(self, node: ast.Call) -> _Value:
        name, arguments = called(node)
        if name == "len":
            return _Value("number", self._length(arguments[0]))
        text = self._text(arguments[0])
        if name in TEXT_FUNCTIONS:
            return _Value("text", changed_text(name, text))
        return _Value("condition", _TESTS[name](text, literal(arguments[1])))

    def _length(self, node: ast.expr) -> Any:
        value = self.value(node)
        if pt.is_list(value.data.type) or pt.is_large_list(value.data.type):
            return pc.list_value_length(value.data).cast(pa.int64())
        return pc.utf8_length(self._text(node)).cast(pa.int64())

    def _text(self, node: ast.expr) -> Any:
        value = self.value(node)
        if value.kind == "other":
            raise self._refusal(f"`{ast.unparse(node)}` holds {value.data.type}, which is no text")
        return as_text(value.data)

    def _float(self, node: ast.expr) -> Any:
        value = self.value(node)
        if value.kind == "other":
            raise self._refusal(f"`{ast.unparse(node)}` holds {value.data.type}, which is no number")
        return as_number(value.data)

    def _refusal(self, problem: str) -> LabelingFunctionError:
        return LabelingFunctionError(f"{describe(self.function)}: {problem}, in {self.function.expression!r}")


def _field(column: pa.Array) -> _Value:
    """A field as one of the four kinds; not-a-number counts as missing."""
    kind = column.type
    if pt.is_boolean(kind) or pt.is_null(kind):
        return _Value("condition", column.cast(pa.bool_()))
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        return _Value("number", as_number(column))
    if is_text(kind):
        return _Value("text", column.cast(pa.large_string()))
    if is_scalar(kind):
        return _Value("text", as_text(column))
    return _Value("other", column)


def _arithmetic(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """An operation on float64; what has no finite result (a division by zero) is missing."""
    with np.errstate(all="ignore"):
        result = np.asarray(operation(_floats(left), _floats(right)), dtype=np.float64)
    finite = np.isfinite(result)
    if result.ndim == 0:
        return pa.scalar(float(result) if finite else None, pa.float64())
    return pa.array(result, mask=~finite)


def _floats(number: Any) -> Any:
    if isinstance(number, pa.Scalar):
        return np.float64(np.nan if number.as_py() is None else number.as_py())
    return number.cast(pa.float64()).to_numpy(zero_copy_only=False)
