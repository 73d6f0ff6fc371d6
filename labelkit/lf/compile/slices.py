"""Answers of Python slicing functions, labelkit's and Snorkel's, row by row."""

from __future__ import annotations

import re

import numpy as np

from labelkit.errors import InvalidVote
from labelkit.lf.base import describe
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.python import PythonKernel
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.types import ABSTAIN


class SliceKernel(PythonKernel):
    """Calls every function on every row and reads what it returns as yes (0) or no (abstain)."""

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [Path("python", "slicing functions run row by row") for _ in self._functions]

    def _vote(self, function: PythonFunction | SnorkelFunction, value: object, item: str) -> int:
        """What a returned value means. To Python, "no" and −1 are true: they are refused rather than guessed at."""
        if value is None:
            return ABSTAIN
        if isinstance(value, re.Match):
            return 0
        if isinstance(value, (bool, np.bool_, int, np.integer)) and int(value) >= 0:
            return 0 if value else ABSTAIN
        shown = repr(value)
        raise InvalidVote(
            f"{describe(function)} returned {shown if len(shown) <= 80 else shown[:77] + '...'} on item {item!r}; "
            "a slicing function returns True or False (or a count, None, or a match)",
            hint="Return a comparison, or bool(...) of the value",
        )
