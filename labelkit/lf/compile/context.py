"""What the kernels of one plan share."""

from __future__ import annotations

from dataclasses import dataclass

from labelkit.lf.compile.matching import Matcher


@dataclass(frozen=True, eq=False)
class KernelContext:
    """What the kernels of one plan share.

    Parameters
    ----------
    matcher
        Answers the searches of all kernels together.
    time_limit
        Seconds that a function may take for one item; None for no limit.
    """

    matcher: Matcher
    time_limit: float | None
