"""The statements of a function as one expression: a list of decisions, first to last."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from labelkit.lf.compile.recognise.loops import turns, word_in_constants
from labelkit.lf.compile.recognise.nodes import After, AllOf, Choice, Const, Known, Node, Unsure, Words, const
from labelkit.lf.compile.recognise.parts import Env, Parts, any_of
from labelkit.lf.compile.recognise.refusals import Refused, shown

_Rest = Callable[[Env], Node]
_MAX_WRITTEN_OUT: Final = 100
"""Turns of a loop whose body is more than one ``if``."""


@dataclass(eq=False)
class Statements:
    """Translates the body of one function. Each method goes on with ``rest``, what follows a statement."""

    parts: Parts

    def block(self, body: Sequence[ast.stmt], env: Env, rest: _Rest) -> Node:
        """Some statements, and then the rest.

        Raises
        ------
        Refused
            If there is a statement whose effect is not known.
        """
        if not body:
            return rest(env)
        first, following = body[0], body[1:]
        self.parts.work.count()

        def go_on(env: Env) -> Node:
            return self.block(following, env, rest)

        translate = self._translations.get(type(first))
        if translate is None:
            raise Refused(f"has the statement {shown(first)}, which is not among the shapes that are compiled")
        return translate(first, env, go_on)

    @cached_property
    def _translations(self) -> Mapping[type[ast.stmt], Callable[[Any, Env, _Rest], Node]]:
        return {
            ast.Return: self._return,
            ast.Raise: lambda _node, _env, _rest: Unsure(),
            ast.If: self._if,
            ast.For: self._for,
            ast.Assign: self._assignment,
            ast.AnnAssign: self._assignment,
            ast.AugAssign: self._assignment,
            ast.Assert: lambda node, env, rest: Choice(self.parts.part(node.test, env), rest(env), Unsure()),
            ast.Import: lambda node, env, rest: rest({**env, **_imported(node)}),
            ast.Pass: lambda _node, env, rest: rest(env),
            ast.Expr: self._expression,
        }

    def _return(self, node: ast.Return, env: Env, _rest: _Rest) -> Node:
        return const(None) if node.value is None else self.parts.part(node.value, env)

    def _expression(self, node: ast.Expr, env: Env, rest: _Rest) -> Node:
        if isinstance(node.value, ast.Constant):
            return rest(env)
        if isinstance(node.value, ast.Call):
            self.parts.part(node.value, env)  # says what is wrong with the call
        raise Refused(f"has the statement {shown(node)}, whose value is not used")

    def _if(self, node: ast.If, env: Env, rest: _Rest) -> Node:
        test = self.parts.part(node.test, env)
        if not _leaves(node):
            return self._joined(node, test, env, rest)
        follow = _remembering(rest)
        return Choice(test, self.block(node.body, env, follow), self.block(node.orelse, env, follow))

    def _joined(self, node: ast.If, test: Node, env: Env, rest: _Rest) -> Node:
        """An ``if`` that only assigns: its names become choices, and what follows is written once."""
        ends: list[Env] = []
        computed = []
        for body in (node.body, node.orelse):
            computed.append(self.block(body, env, lambda end: ends.append(end) or const(None)))  # type: ignore[func-returns-value]
        then, otherwise = ends
        merged = dict(env)
        for name in {**then, **otherwise}:
            one, other = then.get(name, Unsure()), otherwise.get(name, Unsure())
            merged[name] = one if one is other else Choice(test, one, other)
        return After(Choice(test, *computed), rest(merged))

    def _for(self, node: ast.For, env: Env, rest: _Rest) -> Node:
        if node.orelse or any(isinstance(each, (ast.Break, ast.Continue)) for each in ast.walk(node)):
            raise Refused(f"has a loop with break, continue or else on line {node.lineno}")
        values = self.parts.part(node.iter, env)
        decision = self._one_decision(node, env)
        # After the loop its variable is the last value; nobody needs it.
        after = {**env, **dict.fromkeys(_names(node.target), Unsure())}
        if isinstance(values, Words) and decision is not None and len(decision.tests) == 1:
            loop = ast.comprehension(target=node.target, iter=node.iter, ifs=[], is_async=0)
            word = word_in_constants(self.parts, ast.GeneratorExp(decision.tests[0], [loop]), env)
            if word is not None:
                return Choice(word, decision.value, rest(after))
        each_turn = list(turns(self.parts, node.target, values, env, node.iter))
        if decision is not None:
            found = [[self.parts.part(test, turn) for test in decision.tests] for turn in each_turn]
            tests = [AllOf(tuple(each)) if len(each) > 1 else each[0] for each in found]
            return Choice(any_of(tests), decision.value, rest(after)) if tests else rest(after)
        if len(each_turn) > _MAX_WRITTEN_OUT:
            raise Refused(f"loops over {len(each_turn)} values with more than one `if` in the loop")
        return self._written_out(node, each_turn, env, rest)

    def _written_out(self, node: ast.For, each_turn: Sequence[Env], env: Env, rest: _Rest) -> Node:
        targets = _names(node.target)

        def from_turn(number: int, env: Env) -> Node:
            if number == len(each_turn):
                return rest({**env, **dict.fromkeys(targets, Unsure())})
            values = {name: each_turn[number][name] for name in targets}
            return self.block(node.body, {**env, **values}, _remembering(lambda end: from_turn(number + 1, end)))

        return from_turn(0, env)

    def _one_decision(self, node: ast.For, env: Env) -> _Decision | None:
        """``if test: return value`` as the only statement of a loop, the value the same in all turns."""
        tests: list[ast.expr] = []
        body: Sequence[ast.stmt] = node.body
        while len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse:
            tests.append(body[0].test)
            body = body[0].body
        if not tests or len(body) != 1 or not isinstance(body[0], ast.Return):
            return None
        value = body[0].value
        if value is not None and _names(node.target) & {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}:
            return None
        return _Decision(tests, const(None) if value is None else self.parts.part(value, env))

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, env: Env, rest: _Rest) -> Node:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(isinstance(target, ast.Name) for target in targets) or (
            isinstance(node, ast.AnnAssign) and not node.simple
        ):
            raise Refused(f"has the assignment {shown(node)}: only plain names can be assigned")
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.AugAssign):
            old = ast.copy_location(ast.Name(names[0], ast.Load()), node)
            made = ast.copy_location(ast.BinOp(old, node.op, node.value), node)
            value = self.parts.part(made, env)
        elif node.value is None:
            return rest(env)
        else:
            value = self.parts.part(node.value, env)
        following = rest({**env, **dict.fromkeys(names, value)})
        return following if isinstance(value, (Const, Known)) else After(value, following)


@dataclass(frozen=True)
class _Decision:
    tests: list[ast.expr]
    value: Node


def _remembering(rest: _Rest) -> _Rest:
    """The rest, written once for the same local names, however many branches lead there."""
    written: dict[int, tuple[Env, Node]] = {}

    def follow(env: Env) -> Node:
        if id(env) not in written:
            written[id(env)] = (env, rest(env))
        return written[id(env)][1]

    return follow


def _leaves(node: ast.AST) -> bool:
    return any(isinstance(each, (ast.Return, ast.Raise, ast.Assert)) for each in ast.walk(node))


def _names(target: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}


def _imported(node: ast.Import) -> dict[str, Node]:
    if [each.name for each in node.names] != ["re"] or sys.modules.get("re") is not re:
        raise Refused(f"imports in its body ({shown(node)})")
    return {node.names[0].asname or "re": Known(re)}
