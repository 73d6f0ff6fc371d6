"""Numbers and categories as features, through scikit-learn's ColumnTransformer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from labelkit.endmodels import columns
from labelkit.endmodels.profile import MISSING, OTHER, CategoryField, NumberField
from labelkit.types import FloatArray

CLIP: Final = 10.0
"""Scaled numbers stay within ± this many deviations, so that one absurd value cannot rule the classifier."""


@dataclass(frozen=True)
class TabularBlock:
    """The features of all numeric and categorical fields.

    The transformer's parts are given everything they know (means, categories), so that "fitting" it
    learns nothing: a saved block is rebuilt from JSON with the public constructors alone, to the bit.
    """

    numbers: tuple[NumberField, ...]
    categories: tuple[CategoryField, ...]
    _transformer: Any = field(init=False, repr=False, compare=False)
    _names: tuple[tuple[str, str | None], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names: list[tuple[str, str | None]] = [(n.column, None) for n in self.numbers]
        names += [(n.column, MISSING) for n in self.numbers if n.has_missing]
        names += [(c.column, value) for c in self.categories for value in c.values]
        object.__setattr__(self, "_names", tuple(names))
        object.__setattr__(self, "_transformer", self._build())

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self._names)

    def transform(self, table: pa.Table) -> sp.csr_matrix:
        """(n, d) float32."""
        if not table.num_rows:
            return sp.csr_matrix((0, self.width), dtype=np.float32)
        return sp.csr_matrix(self._transformer.transform(self._frame(table)), dtype=np.float32)

    def describe(self, feature: int, row: pa.Table) -> str:
        """``plan = pro``, ``amount = 12.5``, ``amount is missing``."""
        column, value = self._names[feature]
        if feature < len(self.numbers):
            return f"{column} = {columns.value_in_words(row, column)}"
        return f"{column} is missing" if value == MISSING else f"{column} = {value}"

    def names(self) -> list[tuple[str, ...]]:
        """What each column stands for."""
        return [("field", column) if value is None else ("field", column, value) for column, value in self._names]

    def state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """A JSON-able part and arrays, for :meth:`from_state`."""
        return {"numbers": [asdict(n) for n in self.numbers], "categories": [asdict(c) for c in self.categories]}, {}

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, FloatArray]) -> TabularBlock:
        """The block that :meth:`state` described."""
        del arrays
        return cls(
            tuple(NumberField(**n) for n in state["numbers"]),
            tuple(CategoryField(c["column"], tuple(c["values"])) for c in state["categories"]),
        )

    def _frame(self, table: pa.Table) -> Any:
        import pandas as pd

        data: dict[str, Any] = {n.column: columns.numbers(table, n.column) for n in self.numbers}
        for c in self.categories:
            known = set(c.values)
            values = [value or MISSING for value in columns.categories(table, c.column)]
            data[c.column] = np.array([value if value in known else OTHER for value in values], dtype=object)
        return pd.DataFrame(data, index=range(table.num_rows))

    def _build(self) -> Any:
        from sklearn.compose import ColumnTransformer
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

        one_hot = OneHotEncoder(
            categories=[np.array(c.values, dtype=object) for c in self.categories],
            handle_unknown="ignore",
            dtype=np.float32,
        )
        transformer = ColumnTransformer(
            [
                (
                    "numbers",
                    FunctionTransformer(_scale, kw_args={"fields": self.numbers}),
                    [n.column for n in self.numbers],
                ),
                ("categories", one_hot, [c.column for c in self.categories]),
            ],
            sparse_threshold=1.0,
        )
        return transformer.fit(self._frame(pa.table({"id": [""]})))


def _scale(frame: Any, fields: tuple[NumberField, ...]) -> FloatArray:
    """Impute, scale and clip each number; then one flag per field that may be missing."""
    scaled = np.zeros((len(frame), len(fields) + sum(f.has_missing for f in fields)), dtype=np.float32)
    flag = len(fields)
    for i, f in enumerate(fields):
        values = frame[f.column].to_numpy(dtype=np.float64)
        missing = ~np.isfinite(values)
        scaled[:, i] = np.clip((np.where(missing, f.median, values) - f.mean) / f.deviation, -CLIP, CLIP)
        if f.has_missing:
            scaled[:, flag] = missing
            flag += 1
    return scaled
