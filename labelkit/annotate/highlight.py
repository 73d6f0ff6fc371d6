"""Words that can be highlighted in an item: those of the settings, and the keywords of labeling functions.

The functions' declarations are read, never run: whoever looks at a project runs none of its code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

MAX_WORDS: Final = 2000
MAX_LENGTH: Final = 100


def highlight_words(own: Iterable[str], declarations: Iterable[str]) -> list[str]:
    """Different words, longest first, so that a longer one is found before a part of it.

    Parameters
    ----------
    own
        ``annotation.highlight`` in ``labelkit.toml``.
    declarations
        Declarations of labeling functions as the project file keeps them; only ``keywords(...)`` names words.
    """
    found: dict[str, str] = {}
    for word in (*own, *(word for declaration in declarations for word in declared_words(declaration))):
        clean = " ".join(word.split())
        if clean and len(clean) <= MAX_LENGTH:
            found.setdefault(clean.casefold(), clean)
    return sorted(list(found.values())[:MAX_WORDS], key=lambda word: (-len(word), word.casefold()))


def declared_words(declaration: str) -> list[str]:
    """The words of a ``keywords('name', ['word', ...], ...)`` declaration; none for anything else."""
    try:
        call = ast.parse(declaration, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "keywords"):
        return []
    words = call.args[1] if len(call.args) > 1 else None
    if not isinstance(words, ast.List):
        return []
    return [word.value for word in words.elts if isinstance(word, ast.Constant) and isinstance(word.value, str)]
