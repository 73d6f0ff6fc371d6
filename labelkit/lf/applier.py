"""``LFApplier``: labeling functions on data in memory, in place of Snorkel's appliers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelingFunctionError
from labelkit.lf.applier_votes import AnyNumber, ApplierMetadata, Runner
from labelkit.lf.base import LabelingFunction
from labelkit.lf.compile import Plan, compile_functions
from labelkit.lf.compile.paths import Path
from labelkit.lf.handed_in import HandedInView, handed_in
from labelkit.lf.python import is_snorkel, wrap_snorkel
from labelkit.lf.slices import SlicingFunction, is_snorkel_slice
from labelkit.types import SHARD_SIZE, IntArray, LabelSchema

_BLOCK: Final = 4096
"""Rows of the matrix that are filled at a time: so many of all functions stay in the processor's cache."""


class LFApplier:
    """Applies labeling functions to a DataFrame, an Arrow table or a list of objects.

    Takes the place of Snorkel's ``PandasLFApplier`` and ``LFApplier``: the same functions give the same
    matrix. What can be compiled is compiled, as in ``labelkit vote``.

    Parameters
    ----------
    lfs
        Snorkel's labeling functions and labelkit's, also mixed.
    labels
        Names of the classes in order, or a label schema. Then functions may vote by name, and every vote is
        checked. Without it a vote is any whole number; a negative one abstains, as does None.
    time_limit
        Seconds that a function may take for one item; None for no limit.

    Raises
    ------
    LabelingFunctionError
        If something is no labeling function, or two share a name.

    Examples
    --------
    >>> import pandas as pd
    >>> from labelkit import LFApplier, keywords, labeling_function
    >>> @labeling_function()
    ... def short(row):
    ...     return 0 if len(row.text) < 6 else -1
    >>> applier = LFApplier([keywords("money", ["cash", "prize"], label=1), short])
    >>> applier.apply(pd.DataFrame({"text": ["win cash", "hello", "see you"]}), progress_bar=False)
    array([[ 1, -1],
           [-1,  0],
           [-1, -1]])
    """

    def __init__(
        self,
        lfs: Sequence[Any],
        labels: Sequence[str] | LabelSchema | None = None,
        *,
        time_limit: float | None = None,
    ) -> None:
        self._lfs = [_ready(function) for function in lfs]
        twice = [name for name, count in Counter(f.name for f in self._lfs).items() if count > 1]
        if twice:
            raise LabelingFunctionError(f"two labeling functions are named {twice[0]!r}", hint="Rename one of them")
        if labels is not None and not isinstance(labels, LabelSchema):
            if isinstance(labels, str):
                raise LabelingFunctionError(f"labels= needs a list of class names, not {labels!r}")
            labels = LabelSchema.from_names(list(labels))
        self._schema: LabelSchema = AnyNumber(()) if labels is None else labels
        self._time_limit = time_limit

    def __repr__(self) -> str:
        return f"{type(self).__name__}, LFs: {[f.name for f in self._lfs]}"

    def apply(
        self, data: Any, progress_bar: bool = True, fault_tolerant: bool = False, return_meta: bool = False
    ) -> npt.NDArray[np.int_] | tuple[npt.NDArray[np.int_], ApplierMetadata]:
        """The votes of all functions on all items.

        Parameters
        ----------
        data
            A pandas DataFrame: Python functions see each row as they would see it as a Series (but cannot
            change it for one another). An Arrow table or record batch (or what exports itself as Arrow,
            such as a Polars DataFrame). Or a list of objects: Python functions get them as they are,
            declared ones read their attributes, or the keys of mappings.
        progress_bar
            Show a bar (on standard error) when it takes more than a second.
        fault_tolerant
            Count an exception of a function as abstain instead of raising.
        return_meta
            Return the faults as well.

        Returns
        -------
        L
            Label matrix (n, m) of ints: class numbers (with a label schema: class indices), −1 for abstain.
        ApplierMetadata
            With ``return_meta``.

        Raises
        ------
        FunctionFault, FunctionTimeout
            If a function raised, or took too long.
        InvalidVote
            If a function returned what is no vote; fault tolerance does not hide it.
        LabelingFunctionError
            If a declared function reads a field that the items do not have, or the data is of no known kind.
        """
        items = handed_in(data)
        runner = Runner(
            self._lfs, self._compiled, self._schema, time_limit=self._time_limit, fault_tolerant=fault_tolerant
        )
        L = np.empty((len(items), len(self._lfs)), dtype=np.int_)
        with _progress(len(items), progress_bar) as advance:
            for start in range(0, len(items), SHARD_SIZE):
                stop = min(start + SHARD_SIZE, len(items))
                _fill(L[start:stop], runner.columns(HandedInView(items.take(slice(start, stop)))))
                advance(stop - start)
        return (L, runner.metadata()) if return_meta else L

    def paths(self) -> list[Path]:
        """How each function is run (compiled or not), and why, in their order."""
        return self._compiled.paths()

    @cached_property
    def _compiled(self) -> Plan:
        # Kept from one call to the next: it notices when what its Python functions refer to changes.
        return compile_functions(self._lfs, self._schema, time_limit=self._time_limit)


def _ready(function: Any) -> Any:
    if isinstance(function, SlicingFunction) or is_snorkel_slice(type(function)):
        raise LabelingFunctionError(f"{function.name!r} is a slicing function, which does not vote")
    if is_snorkel(type(function)):
        return wrap_snorkel(function)
    if isinstance(function, LabelingFunction):
        return function
    raise LabelingFunctionError(
        f"{function!r} is no labeling function", hint="Declare it, or decorate it with @labeling_function()"
    )


def _fill(L: npt.NDArray[np.int_], columns: Sequence[IntArray]) -> None:
    for start in range(0, len(L) if columns else 0, _BLOCK):
        L[start : start + _BLOCK] = np.stack([column[start : start + _BLOCK] for column in columns], axis=1)


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[int], object]]:
    if not shown:
        yield lambda items: None
        return
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    with tqdm(total=total, delay=1.0, unit=" items") as bar:
        yield bar.update
