"""Text with lone surrogates in Arrow tables, whose own strings are always well-formed UTF-8."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


class _LooseTextScalar(pa.ExtensionScalar):  # type: ignore[misc]
    def as_py(self, **options: object) -> str | None:
        """The text as a Python string."""
        return None if self.value is None else self.value.as_py().decode("utf-8", "surrogatepass")


class LooseText(pa.ExtensionType):  # type: ignore[misc]
    """Strings of which some hold lone surrogates; stored as UTF-8 in which surrogates are written like others."""

    def __init__(self) -> None:
        super().__init__(pa.large_binary(), "labelkit.loose_text")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> LooseText:
        return cls()

    def __arrow_ext_scalar_class__(self) -> type[pa.ExtensionScalar]:
        return _LooseTextScalar


def text_array(values: Sequence[str | None]) -> pa.Array:
    """Python strings as a column of items: ``large_string``, or :class:`LooseText` if a string is not well-formed."""
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:
        stored = [None if value is None else value.encode("utf-8", "surrogatepass") for value in values]
        return pa.ExtensionArray.from_storage(LooseText(), pa.array(stored, pa.large_binary()))
