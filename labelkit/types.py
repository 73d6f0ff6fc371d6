"""The small frozen types that every room speaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.errors import SchemaError, UnknownLabel

ABSTAIN: Final = -1
"""The vote of a labeling function that has no opinion; the label of an item that nothing decides."""

SHARD_SIZE: Final = 65_536
"""Items in one shard: votes, probabilities and predictions are stored and computed shard by shard."""

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

Task = Literal["classification"]
Split = Literal["train", "valid", "test", "audit"]
Role = Literal["active", "audit", "tuning", "overlap", "gold"]
LabelSource = Literal["human", "gold", "label_model", "end_model"]


_TRANSLATED_AT_ONCE = 1 << 20


def content_hash(text: str, fields: str) -> bytes:
    """16-byte BLAKE2b of an item's text and of its further fields as JSON with sorted keys.

    The text's length in bytes goes first, so that no two different pairs give the same input.
    """
    data = text.encode()
    return blake2b(b"%d:%b%b" % (len(data), data, fields.encode()), digest_size=16).digest()


def label_name_problem(name: str) -> str | None:
    """What keeps a string from being the name of a class, in words, or None."""
    if not name.strip():
        return "a label needs a name"
    if name != name.strip():
        return f"the label {name!r} begins or ends with a space"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return f"the label {name!r} holds a control character or a line break"
    if len(name) > 200:
        return f"the label {name[:40]!r}… is longer than 200 characters"
    return None


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class: a stable ``id`` that is never used again, its present name, and its earlier names."""

    id: int
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelSchema:
    """The classes of a project, in order.

    Stored votes and annotations hold the stable *id* of a class; arrays that models see hold its
    *index* (position in :attr:`classes`, 0 … cardinality − 1). Renaming, adding, merging and
    reordering change the order and the names, never an id.

    Parameters
    ----------
    classes
        The classes in use, in their order.
    merged
        id of a class that is no longer in use → id of the class that took it over.
    """

    classes: tuple[LabelClass, ...]
    merged: Mapping[int, int] = field(default_factory=dict)
    task: Task = "classification"

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for cls in self.classes:
            for name in (cls.name, *cls.aliases):
                if name in seen:
                    raise SchemaError(
                        f"the label name {name!r} stands for both {seen[name]!r} and {cls.name!r}",
                        hint="Choose names that differ from all present and earlier ones",
                    )
                seen[name] = cls.name

    @classmethod
    def from_names(cls, names: list[str] | tuple[str, ...]) -> LabelSchema:
        """A new schema whose ids are the positions in ``names``."""
        return cls(tuple(LabelClass(i, name) for i, name in enumerate(names)))

    @property
    def cardinality(self) -> int:
        """Number of classes in use."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(c.name for c in self.classes)

    @property
    def ids(self) -> tuple[int, ...]:
        """Stable class ids in index order."""
        return tuple(c.id for c in self.classes)

    def resolve(self, label: str | int) -> int:
        """The stable id of a class in use, given by (present or earlier) name or by stable id.

        Raises
        ------
        UnknownLabel
            If no class has this name or id.
        """
        if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
            wanted = int(self.merged.get(int(label), int(label)))
            if wanted in self.ids:
                return wanted
        elif isinstance(label, str):
            for cls in self.classes:
                if label == cls.name or label in cls.aliases:
                    return cls.id
        choices = ", ".join(f"{c.id} = {c.name}" for c in self.classes)
        near = self._near(label) if isinstance(label, str) else None
        meant = "" if near is None else f" (did you mean {near!r}?)"
        raise UnknownLabel(f"unknown label {label!r}{meant}; the labels are {choices}")

    def _near(self, label: str) -> str | None:
        """The name that looks most like a label, capitals apart."""
        names = {name.casefold(): cls.name for cls in self.classes for name in (*cls.aliases, cls.name)}
        found = get_close_matches(label.strip().casefold(), names, n=1)
        return names[found[0]] if found else None

    def parse(self, text: str) -> int:
        """The stable id of a class written in a file: its name, or else its stable id in digits.

        Raises
        ------
        UnknownLabel
            If it is neither.
        """
        named = any(text == name for cls in self.classes for name in (cls.name, *cls.aliases))
        return self.resolve(int(text) if text.isdecimal() and not named else text)

    def index(self, label: str | int) -> int:
        """The index (0 … cardinality − 1) of a class given as in :meth:`resolve`."""
        return self.ids.index(self.resolve(label))

    def name_of(self, class_id: int) -> str:
        """The present name of the class with this stable id (of its successor, if merged)."""
        return self.names[self.index(class_id)]

    def to_indices(self, class_ids: IntArray) -> IntArray:
        """Stable ids → indices, elementwise; abstain stays abstain.

        Raises
        ------
        UnknownLabel
            If a value is neither abstain nor a class id, present or merged.
        """
        given = np.asarray(class_ids)
        if self._ids_are_indices(given):
            return given.astype(np.int8 if self.cardinality < 128 else np.int16, copy=False)
        known = {**{i: i for i in self.ids}, **self.merged}
        # Abstain (−1) picks the last place, so that no copy of the input has to be shifted by one.
        table = np.full(max(known, default=-1) + 2, _UNKNOWN, dtype=np.int16)
        for class_id in known:
            table[class_id] = self.index(class_id)
        table[-1] = ABSTAIN
        found = _looked_up(table, given, "stored class id {} is not in the label schema")
        return found.astype(np.int8 if self.cardinality < 128 else np.int16, copy=False)

    def _ids_are_indices(self, class_ids: IntArray) -> bool:
        """Whether all of these ids are indices already (or abstain): nothing has to be looked up then."""
        k = self.cardinality
        in_order = self.ids == tuple(range(k))
        return in_order and bool(class_ids.size == 0 or (class_ids.min() >= ABSTAIN and class_ids.max() < k))

    def to_ids(self, indices: IntArray) -> IntArray:
        """Indices → stable ids, elementwise; abstain stays abstain.

        Raises
        ------
        UnknownLabel
            If a value is neither abstain nor an index.
        """
        table = np.array([*self.ids, ABSTAIN], dtype=np.int16)
        return _looked_up(table, np.asarray(indices), "there is no class with the index {}")


_UNKNOWN: Final = -2


def _looked_up(table: IntArray, keys: IntArray, unknown: str) -> IntArray:
    """``table[keys]`` for keys from −1 (the table's last place), in pieces: numpy makes each key 8 bytes wide."""
    out = np.empty(keys.shape, dtype=table.dtype)
    source, target = np.ascontiguousarray(keys).reshape(-1), out.reshape(-1)
    for start in range(0, source.size, _TRANSLATED_AT_ONCE):
        part = source[start : start + _TRANSLATED_AT_ONCE]
        outside = (part < ABSTAIN) | (part >= len(table) - 1)
        if outside.any():
            raise UnknownLabel(unknown.format(int(part[outside][0])))
        values = table[part]
        if (values == _UNKNOWN).any():
            raise UnknownLabel(unknown.format(int(part[values == _UNKNOWN][0])))
        target[start : start + _TRANSLATED_AT_ONCE] = values
    return out


@dataclass(frozen=True, slots=True)
class Item:
    """One record. ``number`` is dense (0, 1, 2 …) in order of arrival; ``id`` is the owner's."""

    number: int
    id: str
    text: str
    fields: Mapping[str, Any]
    split: str | None = None
    gold: int | None = None
    """Stable class id of the gold label, if there is one."""


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Rows of an input file on their way into the store; all lists have the same length.

    ``fields`` holds one JSON object (UTF-8, sorted keys) per row, ``hashes`` the 16-byte content
    hash over text and fields, ``rows`` the 1-based data row numbers in the source (header not
    counted), ``gold`` and ``splits`` None where the source says nothing.
    """

    ids: list[str]
    texts: list[str]
    fields: list[str]
    hashes: list[bytes]
    gold: list[str | None]
    splits: list[str | None]
    rows: range | list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, first: int, last: int) -> ItemBatch:
        """The rows ``first`` … ``last − 1``."""
        here = slice(first, last)
        return ItemBatch(
            self.ids[here], self.texts[here], self.fields[here], self.hashes[here], self.gold[here],
            self.splits[here], self.rows[here],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What a labeling function did wrong on one item: ``problem`` is "ValueError: bad date" or the like."""

    function: str
    item_id: str
    problem: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One answer of one person. ``label`` is a stable class id, or None for a skip."""

    item: int
    annotator: str
    label: int | None
    at: str
    role: Role
    skip_reason: str | None = None
    comment: str | None = None
    seconds: float | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One place in the queue. ``reason`` says in words why this item is asked."""

    rank: int
    item: int
    utility: float
    role: Role
    strategy: str
    inclusion_probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95% Wilson interval and the number of cases it rests on."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if self.n == 0:
            return "n/a"
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] n={self.n}"
