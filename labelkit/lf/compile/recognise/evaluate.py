"""Computes a recognised function over a shard: what it returns, and for which rows that is sure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from labelkit.lf.base import LabelingFunction
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.recognise import operations
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
    FoundAll,
    Is,
    Lookup,
    Matches,
    Measure,
    Member,
    Node,
    Not,
    Number,
    Searching,
    SharedWords,
    SharesWord,
    Sum,
    TheRow,
    Truth,
    Words,
    column_of,
)
from labelkit.lf.compile.recognise.texts import changed, measure_of, measured
from labelkit.lf.compile.recognise.values import (
    LARGEST,
    Hits,
    Numbers,
    Picks,
    Texts,
    Value,
    as_texts,
    mask_of,
    merged,
    none_in,
    nothing_sure,
    truth_of,
)
from labelkit.lf.compile.values import own_texts
from labelkit.lf.compile.view import ShardView, is_text
from labelkit.lf.shard import Shard
from labelkit.lf.timelimit import TimeUp, time_limit
from labelkit.types import BoolArray

_TRUE: Final = Const(True, (bool, True))
_MISSING_TOO: Final = ("or", "str")
"""Changes that make a text of a missing one."""


class GivenUp(Exception):
    """A search took too long; plain Python will show on which item."""


class Evaluation:
    """One function over one shard."""

    def __init__(self, view: ShardView, function: LabelingFunction, context: KernelContext) -> None:
        self.view = view
        self._function = function
        self._context = context
        self._known: dict[int, tuple[Node, Value]] = {}
        self._true = np.ones(view.size, dtype=np.bool_)

    def value(self, node: Node) -> Value:
        """The value of an expression on all rows."""
        if isinstance(node, (Field, Changed, Measure, Searching)):
            return self.view.once(("recognised", node), lambda: self._values[type(node)](node))
        if id(node) not in self._known:
            self._known[id(node)] = (node, self._values.get(type(node), self._nothing)(node))
        return self._known[id(node)][1]

    def truth(self, node: Node) -> tuple[BoolArray, BoolArray]:
        """Where ``bool(expression)`` holds, and where that is sure."""
        while isinstance(node, Truth):
            node = node.of
        if isinstance(node, (AllOf, AnyOf)):
            return self._connected(node)
        if isinstance(node, Not):
            holds, sure = self.truth(node.of)
            return ~holds, sure
        if isinstance(node, Words):
            node = Measure(node.text, "words") if node.separator is None else After(Measure(node.text, "len"), _TRUE)
        elif isinstance(node, (SharedWords, FoundAll)):
            node = node.any_of_them()
        return truth_of(self.value(node))

    def sure(self, node: Node) -> BoolArray:
        """Where computing an expression surely does not raise, and gives what :meth:`value` says."""
        if isinstance(node, TheRow):
            return self._true
        if isinstance(node, (Words, SharedWords, FoundAll)):
            return self.value(Measure(node.text, "len")).sure
        if isinstance(node, Changed) and node.method not in _MISSING_TOO:  # no need to make the text
            texts = self._texts(node.text)
            return ~self._true if texts is None else texts.sure
        return self.value(node).sure

    def _connected(self, node: AllOf | AnyOf) -> tuple[BoolArray, BoolArray]:
        """``and`` and ``or``: what comes after the part that decides is not computed, and may raise."""
        deciding = isinstance(node, AnyOf)
        going_on, decided = self._true, np.zeros(self.view.size, dtype=np.bool_)
        for part in node.of:
            holds, sure = self.truth(part)
            decided = decided | (going_on & sure & (holds == deciding))
            going_on = going_on & sure & (holds != deciding)
            if not going_on.any():
                break
        return (decided if deciding else going_on), decided | going_on

    def _operand(self, node: AllOf | AnyOf) -> Value:
        """``a or b`` as a value: the part that decides."""
        deciding = isinstance(node, AnyOf)
        pieces: list[tuple[BoolArray, Value]] = []
        rows = self._true
        for part in node.of[:-1]:
            holds, sure = self.truth(part)
            pieces.append((rows & sure & (holds == deciding), self.value(part)))
            rows = rows & sure & (holds != deciding)
        pieces.append((rows, self.value(node.of[-1])))
        return merged(pieces, self.view.size)

    def _decisions(self, node: Node) -> Value:
        """A decision list from its first to its last."""
        pieces: list[tuple[BoolArray, Value]] = []
        rows = self._true
        while isinstance(node, (Choice, After)):
            if isinstance(node, After):
                rows = rows & self.sure(node.first)
                node = node.rest
            else:
                holds, sure = self.truth(node.test)
                taken = rows & sure & holds
                if taken.any():
                    pieces.append((taken, self.value(node.then)))
                rows = rows & sure & ~holds
                node = node.otherwise
            if not rows.any() and pieces:
                return merged(pieces, self.view.size)
        return merged([*pieces, (rows, self.value(node))], self.view.size)

    @cached_property
    def _values(self) -> Mapping[type[Node], Callable[[Any], Value]]:
        return {
            Const: lambda node: Picks(self._zeros, (node.value,), self._true),
            Field: self._field,
            Changed: self._changed,
            Measure: self._measure,
            Contains: self._contains,
            SharesWord: self._search,
            Matches: self._matches,
            Not: self._bool,
            Truth: self._bool,
            AllOf: self._operand,
            AnyOf: self._operand,
            Compare: lambda node: operations.compared(node.how, self.value(node.left), self.value(node.right)),
            Is: self._is,
            Member: lambda node: operations.member(self.value(node.of), node.among.value),
            Lookup: self._lookup,
            Arithmetic: lambda node: operations.computed(node.how, self.value(node.left), self.value(node.right)),
            Sum: self._sum,
            Number: lambda node: operations.signed(node.how, self.value(node.of)),
            Choice: self._decisions,
            After: self._decisions,
        }

    @cached_property
    def _zeros(self) -> np.ndarray:
        return np.zeros(self.view.size, dtype=np.intp)

    def _nothing(self, _node: Node) -> Value:
        return nothing_sure(self.view.size)

    def _bool(self, node: Node) -> Value:
        holds, sure = self.truth(node)
        return Numbers(holds, None, sure)

    def _is(self, node: Is) -> Value:
        value = self.value(node.of)
        if node.constant is None:
            return Numbers(none_in(value), None, value.sure)
        if type(self.view) is not ShardView:  # numpy's True is not True
            return nothing_sure(self.view.size)
        if isinstance(value, Numbers) and value.data.dtype == np.bool_:
            return Numbers((value.data == node.constant) & ~none_in(value), None, value.sure)
        if isinstance(value, (Texts, Hits)):
            return Numbers(~self._true, None, value.sure)
        return nothing_sure(self.view.size)

    def _lookup(self, node: Lookup) -> Value:
        default = None if node.default is None else node.default.value
        return operations.looked_up(node.table.value, self.value(node.key), default, strict=node.default is None)

    def _sum(self, node: Sum) -> Value:
        total: Value = Picks(self._zeros, (0,), self._true)
        for part in node.of:
            total = operations.computed("+", total, self.value(part))
        return total

    def _field(self, node: Field) -> Value:
        if not self.view.has(node.name):
            # Rows other than labelkit's own may have an attribute that is no field, or no method get.
            if node.default is None or type(self.view) is not ShardView:
                return self._nothing(node)
            return self.value(node.default)
        if node.by_get and self.view.has("get"):  # the field hides the method
            return self._nothing(node)
        read = self._column(node.name)
        differing = self.view.differs(node.name)
        if differing is None or not differing.any():
            return read
        return merged([(~differing, read)], self.view.size)

    def _column(self, name: str) -> Value:
        column = self.view.column(name, self._function)
        kind = column.type
        if is_text(kind):
            return Texts(own_texts(column), self._true)
        if pt.is_null(kind):
            return Picks(self._zeros, (None,), self._true)
        none = mask_of(column.is_null()) if column.null_count else None
        if pt.is_boolean(kind):
            return Numbers(mask_of(column), none, self._true)
        if pt.is_integer(kind):
            whole = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
            small = (whole <= LARGEST) if pt.is_uint64(kind) else (whole <= LARGEST) & (whole >= -LARGEST)
            return Numbers(np.where(small, whole, 0).astype(np.int64), none, np.asarray(small, dtype=np.bool_))
        if pt.is_floating(kind):
            floats = column.cast(pa.float64()) if pt.is_float16(kind) else pc.fill_null(column.cast(pa.float64()), 0.0)
            return Numbers(pc.fill_null(floats, 0.0).to_numpy(zero_copy_only=False), none, self._true)
        return nothing_sure(self.view.size)

    def _texts(self, node: Node) -> Texts | None:
        """A value on which methods of str are called; only rows that have one are sure."""
        texts = as_texts(self.value(node))
        return None if texts is None else Texts(texts.array, texts.sure & ~none_in(texts))

    def _changed(self, node: Changed) -> Value:
        missing_too = node.method in _MISSING_TOO
        texts = as_texts(self.value(node.text)) if missing_too else self._texts(node.text)
        if texts is None:
            return nothing_sure(self.view.size)
        return Texts(changed(texts.array, node.method, node.arguments), texts.sure)

    def _measure(self, node: Measure) -> Value:
        texts = self._texts(node.text)
        if texts is None:
            return nothing_sure(self.view.size)
        if node.method == "found":
            found = re.compile(*node.arguments).findall
            data = self._each_in_time(node.text, texts, lambda text: len(found(text)))
        else:
            quick = measured(texts.array, node.method, node.arguments)
            data = quick if quick is not None else self._each(node.text, texts, measure_of(node.method, node.arguments))
        return Numbers(data, None, texts.sure)

    def _each(self, node: Node, texts: Texts, measure: Callable[[str], Any]) -> np.ndarray:
        """What a method of str says about each text."""
        return np.array(list(map(measure, self._strings(node, texts))))

    def _each_in_time(self, node: Node, texts: Texts, measure: Callable[[str], Any]) -> np.ndarray:
        """What :mod:`re` says about each text."""
        return self._in_time(self._strings(node, texts), measure)

    def _in_time(self, strings: list[str], measure: Callable[[str], Any]) -> np.ndarray:
        made: list[Any] = []
        keep = made.append
        try:
            with time_limit(lambda: len(made), self._context.time_limit):
                for text in strings:
                    keep(measure(text))
        except TimeUp:
            raise GivenUp from None
        return np.array(made)

    def _strings(self, node: Node, texts: Texts) -> list[str]:
        """Texts as Python has them; empty where missing, which is not sure."""
        return self.view.once(("recognised strings", node), pc.fill_null(texts.array, "").to_pylist)

    def _contains(self, node: Contains) -> Value:
        if "" in node.strings:
            texts = self._texts(node.text)
            return nothing_sure(self.view.size) if texts is None else Numbers(self._true, None, texts.sure)
        return self._search(node)

    def _in_any_case(self, node: Searching, search: Search) -> Numbers | None:
        """The matcher's answer for ASCII texts, Python's for the others; None if these are many.

        It spares a second column of texts, made and read only because it is in lower case.
        """
        changed_text = node.text
        assert isinstance(changed_text, Changed)
        field = changed_text.text
        texts = self._texts(field)
        if texts is None or isinstance(self.value(field), Picks):
            return None
        ascii_only = self.view.once(("recognised ascii", field), lambda: mask_of(pc.string_is_ascii(texts.array)))
        odd = np.flatnonzero(~ascii_only & texts.sure)
        if 2 * len(odd) > self.view.size:
            return None
        found = self._context.matcher.found(search, self.view, self._function)
        if len(odd):
            change = getattr(str, changed_text.method)
            others = self.view.once(
                ("recognised odd", changed_text),
                lambda: [change(t) for t in texts.array.take(pa.array(odd)).to_pylist()],
            )
            found = found.copy()
            found[odd] = self._in_time(others, node.says)
        return Numbers(found, None, texts.sure)

    def _matches(self, node: Matches) -> Value:
        answer = self._search(node)
        return Hits(answer.data, answer.sure) if isinstance(answer, Numbers) else answer

    def _search(self, node: Searching) -> Value:
        if node.in_any_case is not None:
            answer = self._in_any_case(node, node.in_any_case)
            if answer is not None:
                return answer
        texts = self._texts(node.text)
        if texts is None:
            return nothing_sure(self.view.size)
        if node.search is not None and not isinstance(self.value(node.text), Picks):
            view = self.view if isinstance(node.text, Field) else self._view_of(node.text, texts)
            return Numbers(self._context.matcher.found(node.search, view, self._function), None, texts.sure)
        if isinstance(node, Matches):
            find = getattr(re.compile(node.pattern, node.flags), node.how)
        else:
            pattern, flags = node.pattern_and_flags() or ("", 0)
            find = re.compile(pattern, flags).search
        return Numbers(self._each_in_time(node.text, texts, lambda text: find(text) is not None), None, texts.sure)

    def _view_of(self, node: Node, texts: Texts) -> ShardView:
        """Changed texts as a column of their own, which the matcher can search."""
        name = column_of(node) or ""
        return self.view.once(("recognised view", node), lambda: _OneColumn(self.view, name, texts.array))


class _OneColumn(ShardView):
    """Texts that were made from a shard's, for its items."""

    def __init__(self, view: ShardView, name: str, array: pa.Array) -> None:
        super().__init__(Shard(0, 0, pa.table({name: array})))
        self._view = view

    @cached_property
    def ids(self) -> list[str]:
        """The owner's ids of the items."""
        return self._view.ids
