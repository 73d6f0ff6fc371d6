"""Declarations over the fields of an item, in a small language: its grammar and its checks.

The language is a part of Python's expressions, parsed by Python's own parser and never executed:
:mod:`labelkit.lf.compile.expressions` evaluates the syntax tree over Arrow columns.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import (
    Declaration,
    FunctionKind,
    Label,
    Resolve,
    check_label,
    check_name,
    declare,
)
from labelkit.lf.collector import declaration_site

ValueKind = Literal["number", "text", "condition", "any"]

BUILT_IN: Final = ("word_count", "char_count")
"""Names that stand for properties of the text, unless the items have a field of that name."""

TEXT_FUNCTIONS: Final = ("lower", "upper", "strip")
TESTS: Final = ("contains", "startswith", "endswith")
FUNCTIONS: Final = ("len", *TEXT_FUNCTIONS, *TESTS, "field")
OPERATORS: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
ORDER: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpressionFunction(Declaration):
    """Votes ``label`` where an expression over the fields is true."""

    kind: ClassVar[FunctionKind] = "expression"
    expression: str
    tree: ast.expr
    label: Label

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        return {"tree": ast.dump(self.tree), "label": resolve(self.label)}

    def __str__(self) -> str:
        return f"expression({self.name!r}, {self.expression!r}, label={self.label!r})"


def expression(name: str, expression: str, *, label: Label) -> ExpressionFunction:
    """Declare a labeling function that votes where a condition on the fields holds.

    The condition may use comparisons (chained too), ``and``, ``or``, ``not``, ``in`` and ``not in`` a
    list of values, ``is None``, arithmetic, ``len(x)``, ``lower(x)`` or ``x.lower()``, ``upper``,
    ``strip``, ``contains(x, "…")`` or ``"…" in x``, ``startswith``, ``endswith``, ``field("a name")``,
    and the names ``word_count`` and ``char_count``. Where a missing value leaves it open whether the
    condition holds, the function abstains.

    Parameters
    ----------
    name
        Unique in the project.
    expression
        The condition.
    label
        The class to vote, by name or by number.

    Raises
    ------
    LabelingFunctionError
        If the name, the label or the condition cannot be used; with the position in the condition.

    Examples
    --------
    >>> expression("short_and_free", "word_count < 5 and plan == 'free'", label="praise").name
    'short_and_free'
    """
    check_name("expression", name)
    return declare(
        ExpressionFunction(
            name=name,
            field="text",
            expression=expression,
            tree=parse_condition(name, expression),
            label=check_label("expression", name, label),
            site=declaration_site(),
        )
    )


def parse_condition(name: str, text: object) -> ast.expr:
    """The syntax tree of a condition, for what goes by this name in messages.

    Raises
    ------
    LabelingFunctionError
        If it is no condition of the language; with the position in it.
    """
    return _Checker(name, text).parse()


class _Checker:
    """Parses one expression and refuses what is not in the language."""

    def __init__(self, name: str, text: object) -> None:
        self.name = name
        if not isinstance(text, str):
            raise LabelingFunctionError(f"expression {name!r} needs a condition in a string, not {text!r}")
        self.text = text
        # In parentheses, a condition may go over several lines.
        self.before, self.after = ("(", "\n)") if "\n" in text else ("", "")

    def parse(self) -> ast.expr:
        if not self.text.strip():
            raise LabelingFunctionError(f"expression {self.name!r} is empty")
        try:
            tree = ast.parse(self.before + self.text.lstrip(" \t") + self.after, mode="eval").body
        except SyntaxError as error:
            end = len(self.text) + 1  # without an offset, the end is where something is missing
            raise self._failure(error.msg, error.lineno or 1, (error.offset or end) - 1) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise LabelingFunctionError(f"expression {self.name!r} cannot be read: {error}") from error
        try:
            self._condition(tree)
        except RecursionError:
            raise LabelingFunctionError(f"expression {self.name!r} is nested too deeply") from None
        return tree

    def kind(self, node: ast.expr) -> ValueKind:
        """Check a part, and say what it is as far as that can be known without the items."""
        for types, check in self._checks():
            if isinstance(node, types):
                return check(node)
        raise self._refusal(node, "is not part of the language")

    def _checks(self) -> Sequence[tuple[type | tuple[type, ...], Callable[[Any], ValueKind]]]:
        return (
            (ast.Name, lambda node: "number" if node.id in BUILT_IN else "any"),
            (ast.Constant, self._constant),
            (ast.Compare, self._compare),
            (ast.BoolOp, self._bool),
            (ast.UnaryOp, self._unary),
            (ast.BinOp, self._arithmetic),
            (ast.Call, self._call),
        )

    def _condition(self, node: ast.expr) -> None:
        kind = self.kind(node)
        if kind in {"number", "text"}:
            raise self._refusal(node, f"is a {kind}, where a condition is needed")

    def _needs(self, wanted: ValueKind, node: ast.expr) -> None:
        kind = self.kind(node)
        if kind not in {wanted, "any"}:
            raise self._refusal(node, f"is a {kind}, where a {wanted} is needed")

    def _constant(self, node: ast.Constant) -> ValueKind:
        value = node.value
        if isinstance(value, bool):
            return "condition"
        if isinstance(value, str):
            return "text"
        if isinstance(value, (int, float)) and abs(value) < 2**63:
            return "number"
        raise self._refusal(
            node, "can only be compared with `is None`" if value is None else "is no number or text to use"
        )

    def _bool(self, node: ast.BoolOp) -> ValueKind:
        for part in node.values:
            self._condition(part)
        return "condition"

    def _unary(self, node: ast.UnaryOp) -> ValueKind:
        if isinstance(node.op, ast.Not):
            self._condition(node.operand)
            return "condition"
        if isinstance(node.op, (ast.USub, ast.UAdd)):
            self._needs("number", node.operand)
            return "number"
        raise self._refusal(node, "is not part of the language")

    def _arithmetic(self, node: ast.BinOp) -> ValueKind:
        if not isinstance(node.op, OPERATORS):
            raise self._refusal(node, "uses an operator other than + - * / // %")
        self._needs("number", node.left)
        self._needs("number", node.right)
        return "number"

    def _compare(self, node: ast.Compare) -> ValueKind:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                if not (isinstance(right, ast.Constant) and right.value is None):
                    raise self._refusal(right, "follows `is`, which is for None only; use ==")
                self.kind(left)
            elif isinstance(operator, (ast.In, ast.NotIn)):
                self._membership(left, right)
            else:
                self._order(operator, left, right)
            left = right
        if len(node.ops) > 1 and not all(isinstance(operator, ORDER) for operator in node.ops):
            raise self._refusal(node, "chains `in` or `is` with another comparison; use `and`")
        return "condition"

    def _order(self, operator: ast.cmpop, left: ast.expr, right: ast.expr) -> None:
        kinds = {self.kind(left), self.kind(right)}
        if kinds == {"number", "text"}:
            raise self._refusal(right, "is compared with something that is not of its kind (number and text)")
        if "condition" in kinds and (kinds - {"condition", "any"} or not isinstance(operator, (ast.Eq, ast.NotEq))):
            raise self._refusal(right, "is compared where only == and != with True or False make sense")

    def _membership(self, left: ast.expr, right: ast.expr) -> None:
        if isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            self.kind(left)
            if not right.elts:
                raise self._refusal(right, "is an empty list")
            for value in right.elts:
                if literal(value) is None:
                    raise self._refusal(value, "is no value that a list can hold (numbers and texts)")
            return
        if not self._is_text(left):
            raise self._refusal(right, "follows `in`, which needs a list of values, or a text in quotes before it")
        self._needs("text", right)

    def _call(self, node: ast.Call) -> ValueKind:
        name, arguments = called(node)
        if name not in FUNCTIONS or node.keywords:
            shown = ", ".join(FUNCTIONS)
            raise self._refusal(node, f"calls something other than the functions {shown}")
        wanted = 2 if name in TESTS else 1
        if len(arguments) != wanted:
            raise self._refusal(node, f"calls {name} with {len(arguments)} values instead of {wanted}")
        if name == "field":
            if not self._is_text(arguments[0]):
                raise self._refusal(node, "needs the name of a field in quotes")
            return "any"
        self._needs("text", arguments[0])
        if name in TESTS and not self._is_text(arguments[1]):
            raise self._refusal(
                arguments[1], f"is what {name} looks for; it must be a text in quotes that is not empty"
            )
        return "number" if name == "len" else "condition" if name in TESTS else "text"

    @staticmethod
    def _is_text(node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)

    def _refusal(self, node: ast.expr, problem: str) -> LabelingFunctionError:
        line = (self.before + self.text.lstrip(" \t")).split("\n")[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode(errors="ignore"))
        return self._failure(f"`{ast.unparse(node)}` {problem}", node.lineno, column)

    def _failure(self, problem: str, line: int, column: int) -> LabelingFunctionError:
        lines = self.text.split("\n")
        if line == 1:
            column += len(self.text) - len(self.text.lstrip(" \t")) - len(self.before)
        if line > len(lines):  # the end of the text is where something is missing
            line, column = len(lines), len(lines[-1])
        place = f"position {max(column, 0) + 1}"
        where = place if len(lines) == 1 else f"line {line}, {place}"
        return LabelingFunctionError(f"expression {self.name!r}: {problem} at {where} in {self.text!r}")


def called(node: ast.Call) -> tuple[str, list[ast.expr]]:
    """The function and all values of a call, written as ``f(x, y)`` or as ``x.f(y)``."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, [node.func.value, *node.args]
    return (node.func.id if isinstance(node.func, ast.Name) else ""), list(node.args)


def literal(node: ast.expr) -> str | int | float | None:
    """The value of a number (also a negative one) or text in an expression, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = literal(node.operand)
        if isinstance(inner, str) or inner is None:
            return None
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float)):
        value: str | int | float = node.value
        return None if isinstance(value, bool) or (not isinstance(value, str) and abs(value) >= 2**63) else value
    return None


def field_name(node: ast.expr) -> str | None:
    """The field that a part of an expression names, if it names one."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call) and called(node)[0] == "field":
        return str(called(node)[1][0].value)  # type: ignore[attr-defined]
    return None
