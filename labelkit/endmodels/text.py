"""TF-IDF of a text column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from labelkit.endmodels.columns import texts
from labelkit.types import FloatArray

Unit = Literal["words", "characters"]

_FEW_ROWS: Final = 50
_SETTINGS: Final[dict[Unit, dict[str, Any]]] = {
    # Every word, also of one letter, and every other sign: in short messages "?", "!!" and ":)" speak.
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]"},
    "characters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
}
_MIN_ROWS: Final[dict[Unit, int]] = {"words": 2, "characters": 3}


@dataclass(frozen=True)
class TextBlock:
    """Term weights of one column: sublinear term frequency × smoothed inverse document frequency, rows of norm 1.

    Parameters
    ----------
    terms
        The d terms, in column order.
    idf
        (d,) float32.
    """

    column: str
    unit: Unit
    terms: tuple[str, ...]
    idf: FloatArray
    _vectorizer: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        vectorizer = _tfidf(self.unit, vocabulary={term: i for i, term in enumerate(self.terms)})
        vectorizer.idf_ = self.idf
        object.__setattr__(self, "_vectorizer", vectorizer)

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.terms)

    def transform(self, table: pa.Table) -> sp.csr_matrix:
        """(n, d) float32."""
        if not table.num_rows:
            return sp.csr_matrix((0, self.width), dtype=np.float32)
        return sp.csr_matrix(self._vectorizer.transform(texts(table, self.column)), dtype=np.float32)

    def describe(self, feature: int, row: pa.Table) -> str:
        """``text: "refund"``; ``text: letters "efun"``."""
        del row
        prefix = "letters " if self.unit == "characters" else ""
        return f'{self.column}: {prefix}"{self.terms[feature]}"'

    def names(self) -> list[tuple[str, ...]]:
        """What each column stands for."""
        return [(self.unit, self.column, term) for term in self.terms]

    def state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """A JSON-able part and arrays, for :meth:`from_state`."""
        return {"column": self.column, "unit": self.unit, "terms": list(self.terms)}, {"idf": self.idf}

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, FloatArray]) -> TextBlock:
        """The block that :meth:`state` described."""
        return cls(state["column"], state["unit"], tuple(state["terms"]), arrays["idf"])


def fit_text(column: str, values: Sequence[str], unit: Unit, *, max_features: int) -> TextBlock | None:
    """Learn terms and their rarity from texts; None where they hold no term at all.

    A term has to occur in two texts (three for characters), unless there are few texts, or none would
    be left; of more than ``max_features`` the most frequent are kept.
    """
    needed = 1 if len(values) < _FEW_ROWS else _MIN_ROWS[unit]
    for min_df in (needed, 1):
        vectorizer = _tfidf(unit, min_df=min_df, max_features=max_features)
        try:
            vectorizer.fit(values)
        except ValueError:  # no term, or none as frequent as min_df
            continue
        terms = vectorizer.vocabulary_
        return TextBlock(
            column,
            unit,
            tuple(sorted(terms, key=lambda term: int(terms[term]))),
            np.asarray(vectorizer.idf_, np.float32),
        )
    return None


def _tfidf(unit: Unit, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **_SETTINGS[unit], **settings)
