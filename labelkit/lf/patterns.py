"""Declarations over the characters of one field: regular expressions and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from labelkit.lf.base import (
    Declaration,
    FunctionKind,
    Label,
    Resolve,
    check_field,
    check_label,
    check_name,
    declare,
    refusal,
    shown_pattern,
)
from labelkit.lf.collector import declaration_site


@dataclass(frozen=True, eq=False, kw_only=True)
class RegexFunction(Declaration):
    """Votes ``label`` where ``re.search(pattern, field, flags)`` finds something."""

    kind: ClassVar[FunctionKind] = "regex"
    pattern: str
    label: Label
    flags: int = 0

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern that defines the meaning."""
        return re.compile(self.pattern, self.flags)

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        return {"field": self.field, "pattern": self.pattern, "flags": self.flags, "label": resolve(self.label)}

    def __str__(self) -> str:
        flags = f", flags={re.RegexFlag(self.flags)!r}" if self.flags else ""
        return f"regex({self.name!r}, {self.pattern!r}, label={self.label!r}, field={self.field!r}{flags})"


@dataclass(frozen=True, eq=False, kw_only=True)
class KeywordsFunction(Declaration):
    """Votes ``label`` where one of ``words`` occurs."""

    kind: ClassVar[FunctionKind] = "keywords"
    words: tuple[str, ...]
    label: Label
    substring: bool = False
    case: bool = False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern that defines the meaning."""
        either = "|".join(re.escape(word) for word in self.words)
        # Lookarounds, not \b: "c++" ends in no word character, so \b would ask for one to follow.
        whole = f"(?:{either})" if self.substring else rf"(?<!\w)(?:{either})(?!\w)"
        return re.compile(whole, 0 if self.case else re.IGNORECASE)

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        return {
            "field": self.field,
            "words": sorted(self.words),
            "substring": self.substring,
            "case": self.case,
            "label": resolve(self.label),
        }

    def __str__(self) -> str:
        options = "".join(f", {key}=True" for key in ("substring", "case") if getattr(self, key))
        return f"keywords({self.name!r}, {list(self.words)!r}, label={self.label!r}, field={self.field!r}{options})"


def regex(
    name: str,
    pattern: str | re.Pattern[str],
    *,
    label: Label,
    field: str = "text",
    flags: int | re.RegexFlag = 0,
) -> RegexFunction:
    """Declare a labeling function that votes where a regular expression matches.

    Parameters
    ----------
    name
        Unique in the project.
    pattern
        As :func:`re.search` understands it; a compiled pattern brings its flags along.
    label
        The class to vote, by name or by number.
    field
        The field to search in; a missing value abstains.
    flags
        Flags of :mod:`re`, for instance ``re.IGNORECASE``.

    Raises
    ------
    LabelingFunctionError
        If the name, the label or the pattern cannot be used.

    Examples
    --------
    >>> regex("has_link", r"https?://", label="spam").name
    'has_link'
    """
    check_name("regex", name)
    if isinstance(pattern, re.Pattern):
        flags = int(flags) | (pattern.flags & ~re.UNICODE)
        pattern = pattern.pattern
    if not isinstance(pattern, str):
        raise refusal("regex", name, f"needs a pattern that is a string, not {pattern!r}")
    try:
        re.compile(pattern, flags)
    except re.error as error:
        at = f" at position {error.pos}" if error.pos is not None else ""
        raise refusal("regex", name, f"has the invalid pattern {shown_pattern(pattern)}: {error.msg}{at}") from error
    except (OverflowError, RecursionError, ValueError, TypeError) as error:
        raise refusal("regex", name, f"has a pattern or flags that cannot be compiled: {error}") from error
    return declare(
        RegexFunction(
            name=name,
            pattern=pattern,
            label=check_label("regex", name, label),
            field=check_field("regex", name, field),
            flags=int(flags),
            site=declaration_site(),
        )
    )


def keywords(
    name: str,
    words: Iterable[str],
    *,
    label: Label,
    field: str = "text",
    substring: bool = False,
    case: bool = False,
) -> KeywordsFunction:
    """Declare a labeling function that votes where one of several words occurs.

    Parameters
    ----------
    name
        Unique in the project.
    words
        At least one word or phrase; spaces inside a phrase match as they are.
    label
        The class to vote, by name or by number.
    field
        The field to search in; a missing value abstains.
    substring
        Match inside words too ("art" in "start").
    case
        Distinguish upper and lower case.

    Raises
    ------
    LabelingFunctionError
        If the name, the label or a word cannot be used.

    Examples
    --------
    >>> keywords("asks_money", ["refund", "invoice"], label="billing").words
    ('refund', 'invoice')
    """
    check_name("keywords", name)
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise refusal("keywords", name, f"needs a list of words, not {words!r}", hint=f"Write [{words!r}]")
    listed = sorted(words, key=str) if isinstance(words, (set, frozenset)) else list(words)
    if not listed:
        raise refusal("keywords", name, "has no words")
    for position, word in enumerate(listed, start=1):
        if not isinstance(word, str):
            raise refusal("keywords", name, f"has {word!r} as word {position}, which is no string")
        if not word.strip():
            raise refusal(
                "keywords", name, f"has an empty word (word {position} of {len(listed)}), which matches everywhere"
            )
    return declare(
        KeywordsFunction(
            name=name,
            words=tuple(dict.fromkeys(listed)),
            label=check_label("keywords", name, label),
            field=check_field("keywords", name, field),
            substring=bool(substring),
            case=bool(case),
            site=declaration_site(),
        )
    )
