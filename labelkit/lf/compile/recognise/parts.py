"""Python expressions as nodes."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

from labelkit.lf.compile.recognise.bindings import Bindings, Scope, is_constant, is_plain
from labelkit.lf.compile.recognise.nodes import (
    After,
    AllOf,
    AnyOf,
    Arithmetic,
    Changed,
    Choice,
    Compare,
    Const,
    Contains,
    Field,
    Is,
    Known,
    Lookup,
    Measure,
    Member,
    Node,
    Not,
    Number,
    SharedWords,
    SharesWord,
    TheRow,
    Unsure,
    Words,
    const,
)
from labelkit.lf.compile.recognise.refusals import Refused, shown

Env = Mapping[str, Node]
MAX_NODES: Final = 20_000
_LARGEST: Final = 2**53
_ARITHMETIC: Final[Mapping[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}
_COMPARE: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_UNITED: Final = {int, re.RegexFlag, set, frozenset}
CONTAINERS: Final = (tuple, list, set, frozenset, dict)


@dataclass(eq=False)
class Work:
    """What the parts of one program share while it is made."""

    bindings: Bindings
    call: Callable[[Parts, ast.Call, Env], Node]
    inline: Callable[[FunctionType, list[Node], dict[str, Node], int], Node]
    nodes: int = 0

    def count(self) -> None:
        """One more part.

        Raises
        ------
        Refused
            If there are too many.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Refused("is too long")


@dataclass(eq=False)
class Parts:
    """Translates the expressions of one function."""

    scope: Scope
    local_names: frozenset[str]
    work: Work
    depth: int = 0

    def part(self, node: ast.expr, env: Env) -> Node:
        """An expression; ``env`` holds the local names.

        Raises
        ------
        Refused
            If its value cannot be proved.
        """
        self.work.count()
        translate = _TRANSLATIONS.get(type(node))
        if translate is None:
            raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
        return translate(self, node, env)

    def constant(self, node: ast.Constant, _env: Env) -> Node:
        if not is_plain(node.value):
            raise Refused(f"has the constant {shown(node)}")
        return self.of(node.value, node)

    def of(self, value: Any, node: ast.AST) -> Node:
        """A value that is known now as a node."""
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise Refused(f"has the very large number {shown(node)}")
        if not is_constant(value):
            return Known(value)
        return const(value)

    def name(self, node: ast.Name, env: Env) -> Node:
        if node.id in env:
            return env[node.id]
        if node.id in self.local_names:
            return Unsure()  # not assigned yet
        if node.id.startswith("__"):
            raise Refused(f"reads `{node.id}`")
        return self.of(self.scope.value(node.id), node)

    def attribute(self, node: ast.Attribute, env: Env) -> Node:
        base = self.part(node.value, env)
        if node.attr.startswith("_"):
            raise Refused(f"reads {shown(node)}")
        if isinstance(base, TheRow):
            return Field(node.attr)
        if isinstance(base, (Known, Const)):
            return self.of(self.scope.attribute(base.value, node.attr, ast.unparse(node)), node)
        raise Refused(f"reads {shown(node)}, of which nothing is known")

    def subscript(self, node: ast.Subscript, env: Env) -> Node:
        base = self.part(node.value, env)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node.slice, node, env)
        index = self.part(node.slice, env)
        if isinstance(base, TheRow):
            if isinstance(index, Const) and type(index.value) is str:
                return Field(index.value)
        elif isinstance(base, Const) and type(base.value) is dict:
            return Lookup(base, index, None)
        elif isinstance(base, Const) and isinstance(index, Const):
            return self.folded(operator.getitem, base, index)
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")

    def _slice(self, base: Node, bounds: ast.Slice, node: ast.Subscript, env: Env) -> Node:
        parts = [
            const(None) if end is None else self.part(end, env) for end in (bounds.lower, bounds.upper, bounds.step)
        ]
        ends = [part.value for part in parts if isinstance(part, Const) and type(part.value) in (int, type(None))]
        if len(ends) < len(parts):
            raise Refused(f"has {shown(node)}, whose ends are no constants")
        if ends[2] == 0:
            return Unsure()
        if isinstance(base, Const):
            return self.folded(lambda each: each[slice(*ends)], base)
        return Changed(self.text(base, node), "slice", tuple(ends))

    def text(self, base: Node, node: ast.AST) -> Node:
        """A part that may be a text."""
        if isinstance(base, (Field, Changed, Choice, Arithmetic, AnyOf, AllOf, Lookup, Unsure, Const)):
            return base
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")

    def folded(self, function: Callable[..., Any], *constants: Const) -> Node:
        """What a function without effects makes of constants."""
        try:
            made = function(*(each.value for each in constants))
        except Exception:
            return Unsure()
        if isinstance(made, int) and not isinstance(made, bool) and abs(made) > _LARGEST:
            raise Refused("computes a very large number")
        return const(made)

    def bool_op(self, node: ast.BoolOp, env: Env) -> Node:
        parts = [self.part(each, env) for each in node.values]
        if isinstance(node.op, ast.And):
            return AllOf(tuple(parts))
        last = parts[-1]
        if (
            len(parts) == 2
            and isinstance(last, Const)
            and type(last.value) is str
            and isinstance(parts[0], (Field, Changed))
        ):
            return Changed(parts[0], "or", (last.value,))
        return any_of(parts)

    def unary(self, node: ast.UnaryOp, env: Env) -> Node:
        of = self.part(node.operand, env)
        if isinstance(node.op, ast.Not):
            return Not(of)
        if isinstance(node.op, ast.Invert):
            raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
        minus = isinstance(node.op, ast.USub)
        if isinstance(of, Const) and is_plain(of.value):
            return self.folded(operator.neg if minus else operator.pos, of)
        return Number("-" if minus else "+", of)

    def binary(self, node: ast.BinOp, env: Env) -> Node:
        left, right = self.part(node.left, env), self.part(node.right, env)
        if isinstance(node.op, ast.BitAnd):
            return self.shared(left, right, node)
        if isinstance(left, Const) and isinstance(right, Const):
            return self._of_constants(node, left, right)
        if type(node.op) not in _ARITHMETIC:
            raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
        return Arithmetic(_ARITHMETIC[type(node.op)][0], left, right)

    def _of_constants(self, node: ast.BinOp, left: Const, right: Const) -> Node:
        kinds = {type(left.value), type(right.value)}
        adding = isinstance(node.op, ast.Add) and (kinds == {str} or kinds <= {tuple, list})
        if adding or (kinds <= {int, float, bool} and type(node.op) in _ARITHMETIC):
            return self.folded(_ARITHMETIC[type(node.op)][1], left, right)
        if isinstance(node.op, ast.BitOr) and kinds <= _UNITED:
            return self.folded(operator.or_, left, right)
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")

    def shared(self, left: Node, right: Node, node: ast.AST) -> Node:
        """``set(text.split()) & words``"""
        if isinstance(left, Const):
            left, right = right, left
        if (
            isinstance(left, Words)
            and left.as_set
            and isinstance(right, Const)
            and type(right.value) in (set, frozenset)
        ):
            return SharedWords(left.text, self.words_among(left, right, node))
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")

    def words_among(self, words: Words, among: Const, node: ast.AST) -> tuple[str, ...]:
        """The constants that can be equal to a word of a text."""
        if words.separator is not None or not isinstance(among.value, CONTAINERS):
            raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")
        if not all(map(is_plain, among.value)):
            raise Refused(f"has {shown(node)}, whose values are not plain")
        # Words have no white space in them, and there is no empty one.
        return tuple(dict.fromkeys(each for each in among.value if type(each) is str and each.split() == [each]))

    def compare(self, node: ast.Compare, env: Env) -> Node:
        parts = [self.part(each, env) for each in (node.left, *node.comparators)]
        made = [
            self._comparison(how, left, right, node)
            for how, left, right in zip(node.ops, parts, parts[1:], strict=False)
        ]
        return made[0] if len(made) == 1 else AllOf(tuple(made))

    def _comparison(self, how: ast.cmpop, left: Node, right: Node, node: ast.Compare) -> Node:
        if isinstance(how, (ast.Is, ast.IsNot)):
            if isinstance(left, Const) and not isinstance(right, Const):
                left, right = right, left
            if not isinstance(right, Const) or not (right.value is None or type(right.value) is bool):
                raise Refused(f"has {shown(node)}: only None, True and False are known by identity")
            same = Is(left, right.value)
            return Not(same) if isinstance(how, ast.IsNot) else same
        if isinstance(how, (ast.In, ast.NotIn)):
            inside = self.member(left, right, node)
            return Not(inside) if isinstance(how, ast.NotIn) else inside
        for side in (left, right):
            if isinstance(side, (Known, Words, TheRow)) or (isinstance(side, Const) and not is_plain(side.value)):
                raise Refused(f"has {shown(node)}, whose sides are not plain values")
        return Compare(_COMPARE[type(how)], left, right)

    def member(self, left: Node, right: Node, node: ast.AST) -> Node:
        """``left in right``"""
        if isinstance(left, Const) and isinstance(right, Const):
            if is_plain(left.value):
                return self.folded(lambda each, among: each in among, left, right)
        elif isinstance(left, Const) and isinstance(right, Words):
            if type(left.value) is str:
                words = self.words_among(right, const((left.value,)), node)
                return SharesWord(right.text, words) if words else self.never(right.text)
        elif isinstance(left, Const) and not isinstance(right, TheRow):
            if type(left.value) is str:
                return Contains(self.text(right, node), (left.value,))
        elif isinstance(right, Const) and isinstance(right.value, CONTAINERS) and all(map(is_plain, right.value)):
            return Member(left, right)
        raise Refused(f"has {shown(node)}, which is not among the shapes that are compiled")

    def never(self, text: Node) -> Node:
        """False, where the text is one."""
        return After(Measure(text, "len"), const(False))

    def choice(self, node: ast.IfExp, env: Env) -> Node:
        return Choice(self.part(node.test, env), self.part(node.body, env), self.part(node.orelse, env))

    def collection(self, node: ast.Tuple | ast.List | ast.Set, env: Env) -> Node:
        parts = [self.part(each, env) for each in node.elts]
        kind = {ast.Tuple: tuple, ast.List: list, ast.Set: frozenset}[type(node)]
        values = [each.value for each in parts if isinstance(each, Const)]
        if len(values) < len(parts):
            raise Refused(f"has {shown(node)}, which holds more than constants")
        try:
            return const(kind(values))
        except TypeError:  # a list in a set
            return Unsure()

    def mapping(self, node: ast.Dict, env: Env) -> Node:
        keys = [None if each is None else self.part(each, env) for each in node.keys]
        values = [self.part(each, env) for each in node.values]
        if not all(isinstance(each, Const) for each in (*keys, *values)):
            raise Refused(f"has {shown(node)}, which holds more than constants")
        try:
            return const({key.value: value.value for key, value in zip(keys, values, strict=True)})  # type: ignore[union-attr, attr-defined]
        except TypeError:
            return Unsure()

    def joined(self, node: ast.JoinedStr, env: Env) -> Node:
        """An f-string of constants."""
        texts = []
        for each in node.values:
            simple = isinstance(each, ast.Constant) or (
                isinstance(each, ast.FormattedValue) and each.conversion == -1 and each.format_spec is None
            )
            part = self.part(each.value if isinstance(each, ast.FormattedValue) else each, env) if simple else None
            if not isinstance(part, Const) or type(part.value) is not str:
                raise Refused(f"has {shown(node)}, which holds more than constants")
            texts.append(part.value)
        return const("".join(texts))

    def call(self, node: ast.Call, env: Env) -> Node:
        return self.work.call(self, node, env)


def any_of(parts: list[Node]) -> Node:
    """``a or b or …``; neighbours that look into the same text are one question."""
    merged: list[Node] = []
    for part in parts:
        before = merged[-1] if merged else None
        if isinstance(part, Contains) and isinstance(before, Contains) and part.text == before.text:
            merged[-1] = Contains(part.text, tuple(dict.fromkeys((*before.strings, *part.strings))))
        elif isinstance(part, SharesWord) and isinstance(before, SharesWord) and part.text == before.text:
            merged[-1] = SharesWord(part.text, tuple(dict.fromkeys((*before.strings, *part.strings))))
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else AnyOf(tuple(merged))


_TRANSLATIONS: Final[Mapping[type[ast.expr], Callable[[Parts, Any, Env], Node]]] = {
    ast.Constant: Parts.constant,
    ast.Name: Parts.name,
    ast.Attribute: Parts.attribute,
    ast.Subscript: Parts.subscript,
    ast.BoolOp: Parts.bool_op,
    ast.UnaryOp: Parts.unary,
    ast.BinOp: Parts.binary,
    ast.Compare: Parts.compare,
    ast.IfExp: Parts.choice,
    ast.Tuple: Parts.collection,
    ast.List: Parts.collection,
    ast.Set: Parts.collection,
    ast.Dict: Parts.mapping,
    ast.JoinedStr: Parts.joined,
    ast.Call: Parts.call,
}
