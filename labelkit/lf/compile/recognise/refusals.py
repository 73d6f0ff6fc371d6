"""Why a function is left to plain Python."""

from __future__ import annotations

import ast


class Refused(Exception):
    """A function, or a part of one, of which nothing is proved; the message says why, for its author."""


def shown(node: ast.AST) -> str:
    """Source code for a message, cut to a readable length."""
    text = " ".join(ast.unparse(node).split())
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def unknown_call(node: ast.Call) -> Refused:
    """The refusal of a call of which nothing is known."""
    return Refused(f"calls `{ast.unparse(node.func)}`, which is not known to be free of effects")
