"""Arrays and small JSON as they lie in the project file."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from labelkit.errors import ProjectDamaged

_LEVEL = 3
_CHECKSUM_BYTES = 4


def pack(array: npt.NDArray[Any]) -> bytes:
    """Compressed bytes of a C-ordered array and their CRC-32; the reader has to know dtype and shape.

    SQLite does not notice a flipped bit inside a blob, and zstd often decodes it to other values.
    """
    codec = pa.Codec("zstd", compression_level=_LEVEL)
    data = bytes(codec.compress(np.ascontiguousarray(array).tobytes(), asbytes=True))
    return data + zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")


def unpack(data: bytes, dtype: str | np.dtype[Any], count: int) -> npt.NDArray[Any]:
    """``count`` values of ``dtype`` from :func:`pack`'s bytes (read-only array).

    Raises
    ------
    ProjectDamaged
        If the bytes are not what was packed, or hold another number of values.
    """
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise ProjectDamaged("a stored array fails its checksum", hint="`labelkit doctor` says which one")
    size = count * np.dtype(dtype).itemsize
    try:
        raw = pa.Codec("zstd").decompress(body, decompressed_size=size, asbytes=True)
        return np.frombuffer(raw, dtype=dtype, count=count)
    except (OSError, ValueError) as error:
        raise ProjectDamaged(
            f"a stored array does not hold {count} values ({error})", hint="`labelkit doctor` says which one"
        ) from error


def votes_digest(votes: npt.NDArray[Any]) -> str:
    """SHA-256 of a vote column as int16, so that its width in the file does not matter."""
    return hashlib.sha256(np.ascontiguousarray(votes, dtype="<i2").tobytes()).hexdigest()


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys: equal values give equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


def from_json(text: str | bytes | None) -> Any:
    """The inverse of :func:`to_json`; None stays None."""
    return None if text is None else orjson.loads(text)


def pack_arrays(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """Named arrays as one npz (no pickle)."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds Python objects, which only pickle could store")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub sees its own option here
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The inverse of :func:`pack_arrays`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
