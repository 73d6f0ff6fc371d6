"""All searches of a plan, answered together: one pass over a column finds every pattern.

Python's :mod:`re` defines what a search finds.
"""

from __future__ import annotations

from labelkit.lf.compile.matching.matcher import FEW, Matcher
from labelkit.lf.compile.matching.scanner import always
from labelkit.lf.compile.matching.search import Search

__all__ = ["FEW", "Matcher", "Search", "always"]
