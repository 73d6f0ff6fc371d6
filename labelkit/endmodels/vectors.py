"""Vectors of texts on disk, by the texts' digests: what was computed once is never computed again.

A folder holds *segments*, each a matrix of vectors (memory-mapped) and the digests of their texts in the same
order. A segment is written whole and never changed, so that several processes may read and add; what two of
them computed at the same time is there twice and does no harm.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.types import FloatArray, IntArray

MOST_SEGMENTS: Final = 16
"""With more of them, all are merged into one."""

_KEYS: Final = ".keys.npy"
_VECTORS: Final = ".vectors.npy"

Digests = npt.NDArray[np.void]


def digests(texts: Sequence[str]) -> Any:
    """(n,) 16-byte digests, as ``S16``."""
    joined = b"".join(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(joined, dtype="S16")


class VectorCache:
    """The vectors of one model.

    Parameters
    ----------
    folder
        Made when something is added.
    width
        Numbers of a vector. Segments of another width, and damaged ones, are deleted; see :attr:`notes`.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.notes: list[str] = []
        self._folder, self._width = folder, width
        self._segments: dict[str, tuple[Any, FloatArray]] = {}
        self._keys: Any = np.empty(0, dtype="S16")
        self._places: IntArray = np.empty(0, dtype=np.int64)
        self._read()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: Any) -> IntArray:
        """(n,) places of the vectors for :meth:`take`, −1 where there is none."""
        if not len(self._keys):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._places[at], -1)

    def take(self, places: IntArray, out: FloatArray) -> None:
        """Put the vectors at these places into the rows of ``out``; rows with place −1 are left alone."""
        first = 0
        for _, vectors in self._segments.values():
            rows = np.flatnonzero((places >= first) & (places < first + len(vectors)))
            out[rows] = vectors[places[rows] - first]
            first += len(vectors)

    def add(self, keys: Any, vectors: FloatArray) -> None:
        """Keep vectors of further texts.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if len(self._segments) >= MOST_SEGMENTS:
            self._merge()
        self._write(keys, vectors)
        self._read()

    def _write(self, keys: Any, vectors: FloatArray) -> str:
        """A new segment; the keys come last, and make it valid."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".partial")
        partial = Path(name)
        stem = partial.stem
        try:
            for suffix, array in ((_VECTORS, np.ascontiguousarray(vectors, np.float32)), (_KEYS, keys)):
                with os.fdopen(handle, "wb") if suffix == _VECTORS else partial.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                partial.replace(self._folder / f"{stem}{suffix}")
        finally:
            partial.unlink(missing_ok=True)
        return stem

    def _merge(self) -> None:
        old = list(self._segments)
        keys, first = np.unique(np.concatenate([kept for kept, _ in self._segments.values()]), return_index=True)
        vectors = np.empty((len(keys), self._width), dtype=np.float32)
        self.take(first, vectors)
        self._write(keys, vectors)
        for stem in old:
            self._drop(stem)

    def _drop(self, stem: str) -> None:
        self._segments.pop(stem, None)
        for suffix in (_KEYS, _VECTORS):  # another process may have been faster
            (self._folder / f"{stem}{suffix}").unlink(missing_ok=True)

    def _read(self) -> None:
        for file in sorted(self._folder.glob("*" + _KEYS)) if self._folder.is_dir() else []:
            stem = file.name.removesuffix(_KEYS)
            if stem not in self._segments:
                self._open(stem)
        keys = [kept for kept, _ in self._segments.values()]
        joined = np.concatenate(keys) if keys else np.empty(0, dtype="S16")
        self._places = np.argsort(joined, kind="stable")
        self._keys = joined[self._places]

    def _open(self, stem: str) -> None:
        try:
            keys = np.load(self._folder / (stem + _KEYS), allow_pickle=False)
            vectors = np.load(self._folder / (stem + _VECTORS), mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:  # merged away by another process, or never finished
            return
        except (OSError, ValueError, EOFError) as error:
            self._refuse(stem, f"cannot be read ({error})")
            return
        if keys.dtype != np.dtype("S16") or vectors.ndim != 2 or vectors.shape[0] != len(keys):
            self._refuse(stem, "are damaged")
        elif vectors.shape[1] != self._width or vectors.dtype != np.float32:
            self._refuse(stem, f"have {vectors.shape[1]} numbers each where the model gives {self._width}")
        else:
            self._segments[stem] = (keys, vectors)

    def _refuse(self, stem: str, why: str) -> None:
        note = f"embeddings kept from an earlier time {why}: they are computed anew"
        if note not in self.notes:
            self.notes.append(note)
        self._drop(stem)
