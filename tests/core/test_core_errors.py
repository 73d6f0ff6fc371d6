"""Errors: one tree, one line, drawn in the docstring as it is."""

from __future__ import annotations

import pickle
import re

import pytest

from labelkit import errors
from labelkit.errors import LabelkitError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, LabelkitError)]


def test_the_drawing_is_the_tree() -> None:
    drawn: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│├└─ ]*)([A-Z]\w+)  ", line)
        if found:
            drawn.append((len(found[1]) // 4, found[2]))
    parents: dict[int, str] = {}
    tree = {}
    for depth, name in drawn:
        parents[depth] = name
        tree[name] = parents[depth - 1] if depth else "Exception"
    assert tree == {cls.__name__: cls.__mro__[1].__name__ for cls in ALL}


@pytest.mark.parametrize("cls", ALL)
def test_messages_are_one_line_and_survive_another_process(cls: type[LabelkitError]) -> None:
    error = cls("the file\n  x.csv is   bad", hint="mend\nit")
    assert str(error) == "the file x.csv is bad. mend it"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.message, again.hint) == (cls, error.message, "mend it")
    assert str(cls("no hint")) == "no hint"
