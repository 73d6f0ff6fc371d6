"""JSON Lines: one object a line; rows need not have the same keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import orjson

from labelkit.errors import SourceError
from labelkit.sources.base import BAD_ROW_HINT, ENCODING_HINT, ItemSource, Position, Record, SourceOptions
from labelkit.sources.batches import EMPTY_ID, EMPTY_TEXT, canonical_split, scalar_name, split_problem
from labelkit.sources.inputs import Input, text_encoding, undecodable
from labelkit.sources.mapping import ColumnRole, Roles, list_columns, missing_column, missing_hint
from labelkit.types import ItemBatch, content_hash

_MARK = b"\xef\xbb\xbf"


class _BadValueError(Exception):
    """What is wrong with a row; never leaves this module."""

    def __init__(self, problem: str, *, hint: str = BAD_ROW_HINT) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


class JsonlSource(ItemSource):
    """Lines of JSON objects; the number of a row is the number of its line.

    Ids may be strings or integers (``7`` → ``"7"``), texts are strings, gold labels strings, integers
    or booleans. Further values are kept as they are, nested ones too. Integers beyond 64 bits are
    floats to this parser, as in JavaScript: write such numbers as strings.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def __init__(self, file: Input, options: SourceOptions) -> None:
        super().__init__(file, options)
        self.encoding = text_encoding(file, options.encoding)
        with file.reading():
            self._columns = self._first_keys()

    @property
    def columns(self) -> Sequence[str]:
        return self._columns

    def _first_keys(self) -> list[str]:
        for _, line in self._lines():
            if line.lstrip().startswith(b"["):
                raise SourceError(
                    f"{self.name} is one JSON array, not a JSON object on each line",
                    hint="Convert it, for instance with: jq -c '.[]'",
                )
            try:
                first = orjson.loads(line)
            except orjson.JSONDecodeError:
                return []
            return list(first) if isinstance(first, dict) else []
        raise SourceError(f"{self.name} is empty", hint="It needs one JSON object on each line")

    def position_of(self, row: int) -> Position:
        return Position(row, row)

    def roles(self) -> Roles:
        """The wanted names: rows may differ in their keys, so the check is made on the first batch."""
        mapping = self.options.mapping
        taken = {mapping.text, mapping.gold, mapping.split, None if self.options.make_ids else mapping.id}
        rest = tuple(sorted(set(self._columns) - taken))
        return Roles(None if self.options.make_ids else mapping.id, mapping.text, mapping.gold, mapping.split, rest)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """(line number, UTF-8 bytes) of the lines that are not blank."""
        if self.encoding == "utf-8-sig":
            with self.file.open() as raw:
                for number, line in enumerate(raw, start=1):
                    content = line.removeprefix(_MARK) if number == 1 else line
                    if not content.isspace() and content:
                        yield number, content
            return
        try:
            with self.file.open_text(self.encoding) as text:
                for number, characters in enumerate(text, start=1):
                    if not characters.isspace():
                        yield number, characters.encode("utf-8", "surrogateescape")
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.name} is not {self.options.encoding}: {error}", hint=ENCODING_HINT) from None

    def records(self) -> Iterator[Record]:
        with self.file.reading():
            for number, line in self._lines():
                values = self._object(number, line)
                if values is not None:
                    yield Record(Position(number, number), values)

    def _object(self, number: int, line: bytes) -> dict[str, Any] | None:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problem, hint = self._parse_problem(line, error)
            self.set_aside(Position(number, number), problem, hint=hint)
            return None
        if not isinstance(value, dict):
            self.set_aside(Position(number, number), f"{_kind(value)}, not an object")
            return None
        return value

    def _parse_problem(self, line: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
        try:
            line.decode()
        except UnicodeDecodeError as bad:
            place = None if self.options.skip_bad else undecodable(self.file, self.encoding.removesuffix("-sig"))
            at = f" at offset {place[1]:,}" if place else ""
            return f"byte 0x{line[bad.start]:02x}{at} is not {self.options.encoding}", ENCODING_HINT
        for number in (b"NaN", b"Infinity"):
            if number in line:
                return f"{number.decode()} is not JSON", "Write null where a number is missing"
        return f"not JSON: {error.msg} (column {error.colno})", BAD_ROW_HINT

    def _batches(self, roles: Roles) -> Iterator[ItemBatch]:
        taken = tuple({name for name in (roles.id, roles.text, roles.gold, roles.split) if name is not None})
        batch = _Lists()
        found: set[str] = set()
        first = True
        # Millions of rows pass here: a position is made for the bad ones only.
        for number, line in self._lines():
            values = self._object(number, line)
            if values is None:
                continue
            if first:
                found.update(key for key in taken if key in values)
            try:
                item_id = self.made_id(number) if roles.id is None else _id(values, roles.id)
                text = "" if roles.text is None else _text(values, roles.text)
                gold = None if roles.gold is None else _gold(values.get(roles.gold))
                split = None if roles.split is None else _split(values.get(roles.split))
            except _BadValueError as bad:
                self.set_aside(Position(number, number), bad.problem, hint=bad.hint)
                continue
            for key in taken:
                values.pop(key, None)
            batch.ids.append(item_id)
            batch.texts.append(text)
            batch.golds.append(gold)
            batch.splits.append(split)
            batch.fields.append(orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode())
            batch.rows.append(number)
            if len(batch.rows) == self.options.batch_rows:
                if first:
                    self._check_optional(found)
                yield batch.items()
                batch, first = _Lists(), False
        if first:
            self._check_optional(found)
        yield batch.items()

    def _check_optional(self, found: set[str]) -> None:
        """A gold or split key asked for by name must occur in the first batch."""
        mapping = self.options.mapping
        roles: tuple[ColumnRole, ...] = ("gold", "split")
        for role in roles:
            wanted = getattr(mapping, role)
            if wanted is not None and mapping.must_have(role) and wanted not in found:
                raise missing_column(self.name, role, wanted, self._columns)


class _Lists:
    """A batch in the making, column by column: millions of small objects would keep the collector busy."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.fields: list[str] = []
        self.golds: list[str | None] = []
        self.splits: list[str | None] = []

    def items(self) -> ItemBatch:
        hashes = [content_hash(text, fields) for text, fields in zip(self.texts, self.fields, strict=True)]
        return ItemBatch(self.ids, self.texts, self.fields, hashes, self.golds, self.splits, self.rows)


def _id(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if type(value) is int:
        return str(value)
    if isinstance(value, str):
        if value and not value.isspace():
            return value
        raise _BadValueError(EMPTY_ID)
    if key not in values:
        raise _missing(values, "id", key)
    if value is None:
        raise _BadValueError(EMPTY_ID)
    raise _BadValueError(f"the id is {_kind(value)} ({value!r}), not a string or an integer")


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if isinstance(value, str) and value:
        return value
    if key not in values:
        raise _missing(values, "text", key)
    if value is None or value == "":
        raise _BadValueError(EMPTY_TEXT)
    raise _BadValueError(f"the text is {_kind(value)}, not a string")


def _gold(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    name = scalar_name(value)
    if name is None:
        raise _BadValueError(f"the gold label is {_kind(value)} ({value!r}), not the name or number of a label")
    return name


def _split(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    split = canonical_split(value) if isinstance(value, str) else None
    if split is None:
        raise _BadValueError(split_problem(value))
    return split


def _missing(values: dict[str, Any], role: str, key: str) -> _BadValueError:
    keys = list(values)
    return _BadValueError(f"no {key!r}; the keys are {list_columns(keys)}", hint=missing_hint(role, key, keys))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number with a fraction"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next(name for kind, name in kinds if isinstance(value, kind))
