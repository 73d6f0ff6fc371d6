"""Why people decline an item: a short list of codes, so that the reasons can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from labelkit.errors import AnnotationError

SKIP_REASONS: Final[Mapping[str, str]] = {
    "unclear": "I cannot tell",
    "several_fit": "Several labels fit equally",
    "none_fits": "No label fits",
    "language": "A language I do not read",
    "unreadable": "Empty, broken or unreadable",
}
"""Code → what the annotator reads."""


def check_skip_reason(reason: str | None) -> str:
    """The reason, if it is one of the codes.

    Raises
    ------
    AnnotationError
        Naming the codes.
    """
    if reason is None or reason not in SKIP_REASONS:
        raise AnnotationError(
            f"{reason!r} is no reason to skip an item; the reasons are {', '.join(SKIP_REASONS)}",
            hint="Anything else goes into the comment",
        )
    return reason
