"""Sentence embeddings as features: which model, its vectors from the cache or computed, and the block of columns."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from labelkit.endmodels.columns import texts
from labelkit.endmodels.encoder import Encoder, find_model, load_encoder
from labelkit.endmodels.vectors import VectorCache, digests
from labelkit.errors import EndModelError
from labelkit.progress import Progress, Silent
from labelkit.types import FloatArray

PART: Final = 2_048
"""Texts that are embedded between two writes to the cache: what an interruption costs at most."""
WORTH_TELLING: Final = 100
"""From so many new texts on, it is said how long they took."""

_ABOUT: Final = "about.json"
_BYTES_AT_ONCE: Final = 1 << 22
_TOLD: Final = (".json", ".txt", ".model", ".safetensors")
"""Endings of the files that decide what a model gives."""


class Embeddings:
    """One model's vectors of texts.

    Parameters
    ----------
    source
        A folder, an installed package that carries a model, or a name on the Hugging Face hub; see
        :func:`~labelkit.endmodels.encoder.find_model`.
    root
        What a relative folder is relative to.
    cache
        Folder for the vectors of all models; nothing is kept if None.

    Raises
    ------
    EndModelError
        If there is no such model.
    """

    def __init__(
        self, source: str, *, root: Path | None = None, cache: Path | None = None, progress: Progress | None = None
    ) -> None:
        self.source = source
        self._root, self._cache_folder = root or Path(), cache
        self._progress: Progress = progress or Silent()
        self._loaded: Encoder | None = None
        self._refused: list[str] = []

    @cached_property
    def folder(self) -> Path:
        """Where the model lies."""
        return find_model(self.source, self._root)

    @cached_property
    def identity(self) -> str:
        """Digest of everything in the model's folder that decides what it gives."""
        return _digest(self.folder)

    @cached_property
    def width(self) -> int:
        """Numbers of a vector. What was once measured is kept beside the vectors."""
        place = None if self._place is None else self._place / _ABOUT
        if place is not None and place.is_file():
            try:
                return int(json.loads(place.read_text(encoding="utf-8"))["width"])
            except (OSError, ValueError, KeyError, TypeError):
                self._refused.append("the note on the kept embeddings cannot be read: the model is asked again")
        width = int(self._encoder(["width"]).shape[1])
        if place is not None:
            self._kept(place, width)
        return width

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know of the cache."""
        return (*self._refused, *(self._vectors.notes if self._vectors is not None else ()))

    def of(self, values: Sequence[str]) -> FloatArray:
        """(n, width) float32; a text without a character other than spaces has the vector of zeros.

        Only texts that the cache does not have are given to the model, each once.
        """
        out = np.zeros((len(values), self.width), dtype=np.float32)
        some = np.array([i for i, value in enumerate(values) if value.strip()], dtype=np.int64)
        if not some.size:
            return out
        keys, first, inverse = np.unique(digests([values[i] for i in some]), return_index=True, return_inverse=True)
        found = np.zeros((len(keys), self.width), dtype=np.float32)
        missing = np.arange(len(keys))
        if self._vectors is not None:
            places = self._vectors.find(keys)
            self._vectors.take(places, found)
            missing = np.flatnonzero(places < 0)
        if missing.size:
            self._compute(missing, [values[some[first[i]]] for i in missing], keys, found)
        out[some] = found[inverse]
        return out

    def _compute(self, missing: Any, values: list[str], keys: Any, found: FloatArray) -> None:
        # Longest first: batches of similar length need little padding, and the time left is not told too short.
        order = np.argsort([-len(value) for value in values], kind="stable")
        started = time.perf_counter()
        with self._progress.track(f"embedding texts with {self.source}", len(values)) as advance:
            for start in range(0, len(order), PART):
                part = order[start : start + PART]
                vectors = self._encoder([values[i] for i in part])
                self._check(vectors, len(part))
                found[missing[part]] = vectors
                self._keep(keys[missing[part]], vectors)
                advance(len(part))
        if len(values) >= WORTH_TELLING:
            seconds = time.perf_counter() - started
            self._progress.note(
                f"embedded {len(values):,} texts with {self.source} in {seconds:.1f} s"
                f" ({1000 * seconds / len(values):.1f} s per 1,000)"
            )

    def _check(self, vectors: FloatArray, rows: int) -> None:
        if vectors.shape != (rows, self.width):
            raise EndModelError(
                f"the embedding model {self.source!r} gave vectors of shape {vectors.shape} where the cache says"
                f" {(rows, self.width)}",
                hint=f"Delete {self._place} and run again",
            )
        if not np.isfinite(vectors).all():
            raise EndModelError(f"the embedding model {self.source!r} gave numbers that are not finite")

    def _keep(self, keys: Any, vectors: FloatArray) -> None:
        if self._vectors is None:
            return
        try:
            self._vectors.add(keys, vectors)
        except OSError as error:
            self._progress.note(f"embeddings were not kept ({error.strerror or error})")

    def _kept(self, place: Path, width: int) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps({"source": self.source, "identity": self.identity, "width": width}) + "\n")
        except OSError as error:
            self._progress.note(f"embeddings are not kept ({error.strerror or error})")

    def _encoder(self, values: Sequence[str]) -> FloatArray:
        if self._loaded is None:
            self._loaded = load_encoder(self.folder)
        return self._loaded(values)

    @cached_property
    def _place(self) -> Path | None:
        return None if self._cache_folder is None else self._cache_folder / self.identity[:32]

    @cached_property
    def _vectors(self) -> VectorCache | None:
        return None if self._place is None else VectorCache(self._place, self.width)


@dataclass(frozen=True)
class EmbeddingBlock:
    """The sentence embedding of one column, times a factor.

    Parameters
    ----------
    source, identity
        The model, and the digest of its folder when the block was made.
    width
        Numbers of a vector.
    scale
        Factor that makes the mean squared norm of the rows what :data:`SIZE` says.
    embeddings
        Where vectors come from; without it the block can be described, not used.
    """

    column: str
    source: str
    identity: str
    width: int
    scale: float
    embeddings: Embeddings | None = field(default=None, repr=False, compare=False)

    def transform(self, table: pa.Table) -> sp.csr_matrix:
        """(n, width) float32.

        Raises
        ------
        EndModelError
            If the model is not given, or is another one now.
        """
        n, width = int(table.num_rows), self.width
        dense = self.vectors(texts(table, self.column)) if n else np.empty((0, width), dtype=np.float32)
        kind = np.int32 if n * width < np.iinfo(np.int32).max else np.int64
        columns = np.tile(np.arange(width, dtype=kind), n)
        return sp.csr_matrix((dense.ravel(), columns, np.arange(n + 1, dtype=kind) * width), shape=(n, width))

    def vectors(self, values: Sequence[str]) -> FloatArray:
        """(n, width) float32 dense."""
        model = self.embeddings
        if model is None:
            raise EndModelError(
                f"these features need the embedding model {self.source!r}, which was not given",
                hint="Pass embeddings=Embeddings(...) to load_end_model",
            )
        if model.identity != self.identity or model.width != self.width:
            raise EndModelError(
                f"the embedding model {model.source!r} (vectors of {model.width} numbers) is not the one that the end"
                f" model learned with ({self.source!r}, {self.width} numbers)",
                hint="Run `labelkit train --force`",
            )
        return model.of(values) * np.float32(self.scale)

    def describe(self, feature: int, row: pa.Table) -> str:
        """One number of an embedding says nothing by itself: all of them are called the same."""
        del feature, row
        return f"{self.column}: its meaning ({self.source})"

    def names(self) -> list[tuple[str, ...]]:
        """What each column stands for."""
        return [("embedding", self.column, self.identity, str(i)) for i in range(self.width)]

    def state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """A JSON-able part and arrays, for :meth:`from_state`."""
        told = {name: getattr(self, name) for name in ("column", "source", "identity", "width", "scale")}
        return told, {}

    @classmethod
    def from_state(
        cls, state: dict[str, Any], arrays: dict[str, FloatArray], embeddings: Embeddings | None = None
    ) -> EmbeddingBlock:
        """The block that :meth:`state` described."""
        del arrays
        return cls(state["column"], state["source"], state["identity"], state["width"], state["scale"], embeddings)


SIZE: Final = 1.0
"""Root mean square norm of a row of the block, as of the words. Beside the words, twice as much was better with 100
labels (SMS 93.8 against 90.8, TREC 70.3 / 68.4, YouTube 93.5 / 95.1) and worse with 500 (97.8 / 97.3, 86.8 / 88.4,
95.9 / 96.9)."""


def fit_embeddings(column: str, sample: Sequence[str], embeddings: Embeddings) -> EmbeddingBlock | None:
    """The block of a column, its scale measured on some texts; None where none has a word."""
    found = embeddings.of(sample)
    squares = np.einsum("ij,ij->i", found, found, dtype=np.float64)
    known = squares[squares > 0]
    if not known.size:
        return None
    scale = SIZE / float(np.sqrt(known.mean()))
    return EmbeddingBlock(column, embeddings.source, embeddings.identity, embeddings.width, scale, embeddings)


def _digest(folder: Path) -> str:
    whole = blake2b(digest_size=20)
    for file in sorted(p for p in folder.rglob("*") if p.suffix in _TOLD and p.is_file()):
        own = blake2b(digest_size=20)
        with file.open("rb") as opened:
            while block := opened.read(_BYTES_AT_ONCE):
                own.update(block)
        whole.update(file.relative_to(folder).as_posix().encode() + b"\0" + own.digest())
    return whole.hexdigest()
