"""What items are made of, for finding what a group of them has in common: words, or values of fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

_LONGEST: Final = 2_000
"""Characters of a text that are looked at."""
_LONGEST_VALUE: Final = 100
"""Characters of a field's value in a condition: nobody would write a longer one."""
_MOST_TERMS: Final = 20_000
_WORD: Final = r"\b(?:[^\W\d]\w+|\d{3,}\w*)\b"
_FEW_VALUES: Final = 8
"""A number with so few different values is taken value by value, else by quartiles."""


@dataclass(frozen=True)
class TermTable:
    """Which of t terms occur in each of n items.

    Attributes
    ----------
    terms
        Words, or conditions on fields as an ``expression`` labeling function could say them.
    occurs
        (n, t) of zeros and ones.
    common
        A term that a larger share of all kinds of items has marks nothing.
    """

    terms: tuple[str, ...]
    occurs: sp.csr_matrix
    common: float = 0.1


def text_terms(texts: Sequence[str]) -> TermTable:
    """Lower-case words that occur in two texts or more; of texts that no spaces divide, pairs of characters.

    Words of one letter and numbers of one or two digits are left out.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    shortened = [text[:_LONGEST] for text in texts]
    filled = sum(1 for text in shortened if text.strip())
    for options in ({"token_pattern": _WORD}, {"analyzer": "char", "ngram_range": (2, 2)}):
        vectorizer = CountVectorizer(binary=True, min_df=2, max_features=_MOST_TERMS, dtype=np.float32, **options)
        try:
            occurs = sp.csr_matrix(vectorizer.fit_transform(shortened))
        except ValueError:  # scikit-learn's way of saying that there is no term
            continue
        if int((occurs.getnnz(axis=1) > 0).sum()) >= filled / 2:
            return TermTable(tuple(vectorizer.get_feature_names_out().tolist()), occurs)
    return TermTable((), sp.csr_matrix((len(texts), 0), dtype=np.float32))


def field_terms(fields: Mapping[str, Sequence[Any]]) -> TermTable:
    """Values of fields that two items or more share: ``colour == 'red'``, ``age < 25``, ``size is None``.

    Parameters
    ----------
    fields
        Name → values of the n items, None where missing; numbers by quartiles if there are many different ones.
    """
    terms: list[str] = []
    places: list[npt.NDArray[np.intp]] = []
    n = max((len(values) for values in fields.values()), default=0)
    for name, values in fields.items():
        for term, at in _conditions(name, values):
            if 2 <= len(at) < n:  # what all share tells nothing
                terms.append(term)
                places.append(at)
    common = np.argsort([-len(at) for at in places], kind="stable")[:_MOST_TERMS]
    kept = [(terms[i], places[i]) for i in np.sort(common)]
    rows = np.concatenate([np.empty(0, dtype=np.intp), *(at for _, at in kept)])
    columns = np.repeat(np.arange(len(kept)), [len(at) for _, at in kept])
    occurs = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, len(kept)))
    return TermTable(tuple(term for term, _ in kept), occurs, common=0.5)


def _conditions(name: str, values: Sequence[Any]) -> list[tuple[str, npt.NDArray[np.intp]]]:
    """Conditions on one field, each with the positions where it holds."""
    given = np.array([i for i, value in enumerate(values) if not _missing(value)], dtype=np.intp)
    found = [(f"{name} is None", np.setdiff1d(np.arange(len(values)), given))]
    present = [values[i] for i in given]
    if not present:
        return found
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present)
    if numeric and len(set(present)) > _FEW_VALUES:
        return found + [(term, given[holds]) for term, holds in _quartiles(name, np.array(present, dtype=float))]
    codes: dict[Any, int] = {}
    coded = np.array([codes.setdefault(value, len(codes)) for value in present])
    order = np.argsort(coded, kind="stable")
    groups = np.split(given[order], np.cumsum(np.bincount(coded))[:-1])
    shared = [(repr(value), at) for value, at in zip(codes, groups, strict=True) if len(at) > 1]
    return found + [(f"{name} == {value}", at) for value, at in shared if len(value) <= _LONGEST_VALUE]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _quartiles(name: str, values: npt.NDArray[np.float64]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    rounded = [float(f"{edge:.4g}") for edge in np.quantile(values, [0.25, 0.5, 0.75])]
    edges = sorted(set(rounded))
    found = [(f"{name} < {edges[0]:g}", values < edges[0])]
    for low, high in pairwise(edges):
        found.append((f"{low:g} <= {name} < {high:g}", (values >= low) & (values < high)))
    return [*found, (f"{name} >= {edges[-1]:g}", values >= edges[-1])]
