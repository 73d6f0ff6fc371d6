"""How a labeling function is run, in words for its author."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Path:
    """The way that a function, or a part of one, takes.

    Parameters
    ----------
    how
        ``"hyperscan"``, ``"hyperscan + re"`` (candidates confirmed), ``"re"``, ``"arrow"`` (vectorised),
        ``"model"`` (batches), ``"compiled"`` (recognised Python), ``"python"`` (row by row).
    why
        What decided it; empty where it is the usual way.
    """

    how: str
    why: str = ""
