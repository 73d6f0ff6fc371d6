"""The table that an export writes: fixed columns, one probability a class, then the further fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from labelkit.trainingset.assemble import FinalLabels
from labelkit.types import ABSTAIN, FloatArray, LabelSchema

DECIMALS: Final = 6
"""Probabilities and weights leave rounded to so many decimals, as float64: the same number in every
format, and no noise from the last bits of a float32."""

FIXED_COLUMNS: Final = ("id", "text", "label", "source", "rule", "answers", "weight", "split")
FIELD_PREFIX: Final = "field_"
JSON_MARK: Final = {b"labelkit": b"json"}
"""Arrow metadata of a string column whose values are JSON texts; JSON Lines embeds them as they are."""


@dataclass(frozen=True)
class TrainingColumns:
    """Names and types of the columns of a training set.

    ``id``, ``text``, ``label``, ``p_<label>`` for each class, ``source``, ``rule`` (which of
    :data:`~labelkit.trainingset.RULES` decided), ``answers`` (people who gave a label), ``weight``, ``split``,
    then the further fields in the order given. A field that is called like one of the columns before it
    becomes ``field_<name>``, as does one that is called ``field_`` and such a name: see :attr:`renamed`.

    Parameters
    ----------
    labels
        The classes, whose names make the ``p_`` columns.
    fields
        Further field → Arrow type.
    json_fields
        Those whose strings are JSON texts (nested or mixed values).
    """

    labels: LabelSchema
    fields: Mapping[str, pa.DataType] = field(default_factory=dict)
    json_fields: frozenset[str] = frozenset()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every batch."""
        number, string = pa.float64(), pa.string()
        fixed = [
            pa.field("id", string, nullable=False),
            pa.field("text", string, nullable=False),
            pa.field("label", string),
            *(pa.field(name, number) for name in self._probabilities),
            pa.field("source", string),
            pa.field("rule", string),
            pa.field("answers", pa.int64(), nullable=False),
            pa.field("weight", number, nullable=False),
            pa.field("split", string),
        ]
        further = [
            pa.field(self._name(name), kind, metadata=JSON_MARK if name in self.json_fields else None)
            for name, kind in self.fields.items()
        ]
        return pa.schema(fixed + further)

    @property
    def renamed(self) -> dict[str, str]:
        """Column of the export → name of the further field, for those that differ."""
        return {self._name(name): name for name in self.fields if self._name(name) != name}

    @property
    def _probabilities(self) -> list[str]:
        return [f"p_{name}" for name in self.labels.names]

    def _name(self, name: str) -> str:
        # A field "field_label" gives way too: it must not meet the new name of a field "label".
        bare = name
        while bare.startswith(FIELD_PREFIX):
            bare = bare.removeprefix(FIELD_PREFIX)
        taken = bare in FIXED_COLUMNS or bare in self._probabilities
        return FIELD_PREFIX + name if taken else name

    def table(
        self,
        ids: Sequence[str] | pa.Array,
        texts: Sequence[str] | pa.Array,
        final: FinalLabels,
        splits: Sequence[str | None] | pa.Array,
        fields: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """One batch of the training set, in :attr:`schema`.

        Parameters
        ----------
        fields
            Further field → its n values (an Arrow array, or a sequence); one that is missing is null.
        """
        names = np.array([*self.labels.names, None], dtype=object)
        columns: list[Any] = [ids, texts, names[np.where(final.label == ABSTAIN, -1, final.label)].tolist()]
        columns += [_rounded(final.p[:, index]) for index in range(self.labels.cardinality)]
        columns += [final.sources, final.rules, final.answers, _rounded(final.weight), splits]
        given = fields or {}
        columns += [given[name] if name in given else pa.nulls(len(final)) for name in self.fields]
        arrays = [_array(values, f.type) for values, f in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _rounded(values: FloatArray) -> pa.Array:
    rounded = np.round(values, DECIMALS) + 0.0  # no negative zero
    return pa.array(rounded, pa.float64(), mask=np.isnan(rounded))


def _array(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values if values.type == kind else values.cast(kind)
    return pa.array(values, kind)
