"""Compiles simple Python functions of a row, where it can be proved that nothing changes.

1. ``source`` finds the syntax tree that a function was made from.
2. ``bindings`` looks up what its names stand for, and notices when that changes.
3. ``statements``, ``parts`` and ``calls`` write its body as one expression of ``nodes``: parts whose value over
   a whole shard can be said exactly. Anything else (an unknown call, an effect) leaves the function as it is.
4. ``evaluate`` computes that expression over Arrow columns. Every value comes with the rows for which it is
   surely Python's; the function itself is called for the others (missing values, what raises, numbers beyond
   2^53), and for a sample of the rest.

The idea is that of trace-free vectorisation with a guard for each element; searches go to the matcher that all
functions share.
"""

from __future__ import annotations

from labelkit.lf.compile.recognise.kernel import Mismatch, RecognisingKernel
from labelkit.lf.compile.recognise.program import Program, recognise

__all__ = ["Mismatch", "Program", "RecognisingKernel", "recognise"]
