"""Texts and numbers as they are shown: nothing that a file of UTF-8 or a browser could stumble over."""

from __future__ import annotations

import math
import re
from typing import Final

from markupsafe import Markup, escape

LONGEST: Final = 600
"""Characters of any one text."""
LONGEST_NAME: Final = 120
"""Characters of the name of a function, class or item."""

_LINES: Final = re.compile(r"[\t\n\r]+")
_HIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, those that turn the direction of writing, and what is no character (lone surrogates)."""
_CODE: Final = re.compile(r"`([^`]+)`")
_PIECE: Final = re.compile(r"[^\s_./:=-]{1,20}[\s_./:=-]*|[\s_./:=-]+")
"""What a name may be broken after: at its signs, and within what is too long without any."""


def visible(text: str, longest: int = LONGEST) -> str:
    """A text on one line with its hidden characters written out; the beginning of a long one."""
    cut = text[:longest]
    line = _LINES.sub(" ", cut)
    shown = _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
    return f"{shown.rstrip()} …" if len(text) > longest else shown


def name(text: str) -> Markup:
    """A name, isolated from the direction of the text around it, that breaks at its signs only."""
    pieces = _PIECE.findall(visible(text, LONGEST_NAME))
    return Markup("<bdi>{}</bdi>").format(Markup("<wbr>").join(pieces))


def sentence(text: str, longest: int = 4 * LONGEST) -> Markup:
    """A sentence whose parts in backticks are code."""
    parts = _CODE.split(visible(text, longest))
    pieces = [Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)]
    return Markup("").join(pieces)


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def percent(value: float, digits: int = 1) -> str:
    """``12.3%``, or a dash where there is no value."""
    return f"{100 * value:.{digits}f}%" if math.isfinite(value) else "–"


def span(low: float, high: float) -> str:
    """``72–81%``: an interval in percent; a digit more where it is narrower than a point."""
    digits = 0 if high - low >= 0.01 else 1
    return f"{100 * low:.{digits}f}–{100 * high:.{digits}f}%"


def points(value: float) -> str:
    """``+1.5``: a difference in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−") if math.isfinite(value) else "–"


def number(value: float, digits: int = 1) -> str:
    """``1,234.5``, or a dash."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "–"
