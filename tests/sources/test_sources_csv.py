"""CSV: exact values, true lines in every complaint, and two parsers that read the same."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import SourceError
from labelkit.sources import FieldMapping, ItemSource, SourceOptions, open_source
from labelkit.sources.inputs import Input
from labelkit.sources.opening import source_of
from labelkit.types import ItemBatch


def write(folder: Path, content: str | bytes, name: str = "reviews.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: object) -> ItemBatch:
    batches = list(open_source(path, **options))  # type: ignore[arg-type]
    assert len(batches) == 1
    return batches[0]


def complaint(path: Path, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(open_source(path, **options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert path.name in caught.value.message
    return caught.value


def test_ids_and_texts_stay_as_they_stand_and_roles_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,text,gold,split,stars\n00123," two, cells ",spam,DEV,5\n1e3,"a\nb",,,\n')
    batch = read(path)
    assert batch.ids == ["00123", "1e3"]
    assert batch.texts == [" two, cells ", "a\nb"]
    assert batch.gold == ["spam", None]
    assert batch.splits == ["valid", None]
    assert batch.fields == ['{"stars":5}', '{"stars":null}']
    assert list(batch.rows) == [1, 2]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("2.5", 2.5),
        ("-0.125", -0.125),
        ("0.0001", 0.0001),
        ("3.0", 3.0),
        ("007", "007"),
        ("-0", "-0"),
        ("+7", "+7"),
        ("2.50", "2.50"),
        ("1e3", "1e3"),
        ("0.00001", "0.00001"),
        (".5", ".5"),
        ("5.", "5."),
        ("1234567890123456789012", "1234567890123456789012"),
        ("0.12345678901234567890", "0.12345678901234567890"),
        ("nan", "nan"),
        ("true", "true"),
        ("1,2", "1,2"),
        (" 7", " 7"),
        ("", None),
    ],
)
def test_a_further_cell_is_a_number_only_if_nothing_is_lost(tmp_path: Path, cell: str, value: object) -> None:
    path = write(tmp_path, f'id,text,x\n1,a,"{cell}"\n2,b,word\n')
    fields = read(path).fields
    assert json.loads(fields[0]) == {"x": value}
    assert type(json.loads(fields[0])["x"]) is type(value)
    if isinstance(value, (int, float)):
        assert fields[0] == f'{{"x":{cell}}}'


@settings(max_examples=50)
@given(
    rows=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3), min_size=1),
    batch_rows=st.integers(1, 5),
    terminator=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_arrow_and_the_record_reader_read_the_same(rows: list[list[str]], batch_rows: int, terminator: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=terminator, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "text", "b"])
    writer.writerows(rows)
    data = text.getvalue().encode()
    options = {
        "mapping": FieldMapping(text=None),
        "make_ids": True,
        "format": "csv",
        "batch_rows": batch_rows,
        "name": "x",
    }
    fast = open_source(io.BytesIO(data), **options)  # type: ignore[arg-type]
    slow = open_source(io.BytesIO(text.getvalue().encode("utf-16")), encoding="utf-16", **options)  # type: ignore[arg-type]
    assert [list(b.fields) for b in fast] == [list(b.fields) for b in slow]
    assert [b.hashes for b in fast] == [b.hashes for b in slow]
    cells = [[str(v if v is not None else "") for v in json.loads(f).values()] for b in fast for f in b.fields]
    assert cells == [[a, b, t] for a, t, b in rows]


def test_batches_have_the_asked_size_and_rows_count_on(tmp_path: Path) -> None:
    path = write(tmp_path, "id,text\n" + "".join(f"{i},text {i}\n" for i in range(25)))
    batches = list(open_source(path, batch_rows=10))
    assert [len(b) for b in batches] == [10, 10, 5]
    assert [list(b.rows) for b in batches] == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_what_a_row_means_does_not_depend_on_the_rows_beside_it(tmp_path: Path) -> None:
    together = read(write(tmp_path, "id,text,code\n1,a,12\n2,b,012\n"))
    alone = read(write(tmp_path, "id,text,code\n1,a,12\n"))
    assert together.hashes[0] == alone.hashes[0]


def test_a_row_longer_than_arrows_blocks(tmp_path: Path) -> None:
    long = "word " * 1_200_000
    batch = read(write(tmp_path, f"id,text\n1,short\n2,{long}\n3,end\n"))
    assert [len(t) for t in batch.texts] == [5, len(long), 3]


def test_byte_order_mark_tabs_gzip_and_blank_lines(tmp_path: Path) -> None:
    plain = b"\xef\xbb\xbfid\ttext\n\n1\ta, b\n\n"
    assert read(write(tmp_path, plain, "x.tsv")).texts == ["a, b"]
    assert read(write(tmp_path, gzip.compress(plain), "x.tsv.gz")).texts == ["a, b"]
    assert read(write(tmp_path, plain), delimiter="\\t").texts == ["a, b"]


def test_other_encodings(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16", "utf-16-le"):
        path = write(tmp_path, "id,text\n1,caf\xe9\n".encode(encoding))
        assert read(path, encoding=encoding).texts == ["café"]
    assert "utf-16" in (complaint(path, encoding="utf-8").hint or "")


def test_standard_input_can_be_looked_at_twice() -> None:
    source = open_source(io.BytesIO(b"text\na\nb\n"), format="csv", make_ids=True)
    assert [b.ids for b in source] == [["stdin-1", "stdin-2"]]
    assert [b.ids for b in source] == [["stdin-1", "stdin-2"]]
    with pytest.raises(SourceError, match="stdin, line 3: 1 cell where"):
        list(open_source(io.BytesIO(b"id,text\n1,a\n2\n"), format="csv"))


def test_nameless_columns_get_their_place(tmp_path: Path) -> None:
    path = write(tmp_path, ",text,\n0,a,x\n")
    batch = read(path, mapping=FieldMapping(id="column_1"))
    assert (batch.ids, batch.fields) == (["0"], ['{"column_3":"x"}'])


class TestBadInput:
    def test_wrong_number_of_cells_names_the_true_line(self, tmp_path: Path) -> None:
        path = write(tmp_path, 'id,text\n1,"two\nlines"\n\n2,b\n3,c,d\n')
        error = complaint(path)
        assert error.message.endswith("reviews.csv, line 6: 3 cells where the header has 2")
        assert "--skip-bad" in (error.hint or "")

    @pytest.mark.parametrize("end", ["", "\n", "\n2,b\n3,c\n", "\n2,b"])
    @pytest.mark.parametrize("header", ["id,text", "text,id"])
    def test_quote_never_closed(self, tmp_path: Path, end: str, header: str) -> None:
        path = write(tmp_path, f'{header}\n1,a\n1,"never{end}')
        assert "line 3: a quote opened in the row at line 3 is never closed" in complaint(path).message

    @pytest.mark.parametrize("end", ["", "\n", "\n\n"])
    def test_a_quoted_end_is_no_open_quote(self, tmp_path: Path, end: str) -> None:
        for last in ('"x"', '""', '"a""b"', '"a\n"', 'x"', '"\n"', '""""'):
            path = write(tmp_path, f"text,y\n1,{last}{end}")
            assert len(read(path, make_ids=True)) == 1
        path = write(tmp_path, f'text,y\n1,"""{end}')
        assert "never closed" in complaint(path, make_ids=True).message

    def test_an_open_quote_that_the_next_one_closes(self, tmp_path: Path) -> None:
        path = write(tmp_path, 'id,text,x\n1,"open,1\n2,"b",2\n3,c,3\n')
        message = complaint(path).message
        assert "line 2: a quote inside a quoted cell is not doubled" in message
        assert "runs to line 3; is a quote not closed?" in message
        batch = read(path, skip_bad=True)
        assert batch.ids == ["2", "3"]

    def test_quotes_in_bare_cells_are_characters(self, tmp_path: Path) -> None:
        assert read(write(tmp_path, 'id,text\n1,5" pipe\n2,"a ""b"""\n')).texts == ['5" pipe', 'a "b"']

    def test_bytes_that_are_not_utf8(self, tmp_path: Path) -> None:
        path = write(tmp_path, b'id,text\n1,"two\nlines"\n2,caf\xe9\n')
        error = complaint(path)
        assert "line 4: byte 0xe9 at offset 27 is not utf-8" in error.message
        assert path.read_bytes()[27] == 0xE9
        assert "--encoding cp1252" in (error.hint or "")

    def test_header_that_is_not_utf8(self, tmp_path: Path) -> None:
        assert "line 1: byte 0xe9 at offset 3" in complaint(write(tmp_path, b"id,\xe9\n1,a\n")).message

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "is empty"),
            ("\n\n", "is empty"),
            ("id,text\n", "has a header but no rows"),
            ("id,text,text\n1,a,b\n", "line 1: the header has two columns named 'text'"),
            ("id,body\n1,a\n", "no column 'text'; the columns are 'id', 'body'"),
            ("key,text\n1,a\n", "no column 'id'"),
            ("id,text\n1,a\n,b\n", "line 3: the id is empty"),
            ("id,text\n1,a\n  ,b\n", "line 3: the id is empty"),
            ('id,text\n1,"a\nb"\n2,""\n', "line 4: the text is empty"),
            ("id,text,split\n1,a,train\n2,b,holdout\n", "line 3: unknown split 'holdout'"),
        ],
    )
    def test_each_has_one_clear_line(self, tmp_path: Path, content: str, said: str) -> None:
        assert said in complaint(write(tmp_path, content)).message

    def test_what_to_do_about_columns(self, tmp_path: Path) -> None:
        path = write(tmp_path, "ID,Text,lable\n1,a,b\n")
        assert "Did you mean 'ID'? Say which column holds the ids with --id COLUMN, or number" in str(complaint(path))
        assert "--make-ids" in str(complaint(path))
        mapping = FieldMapping(id="ID", text="Text", gold="label")
        assert "Did you mean 'lable'?" in str(complaint(path, mapping=mapping))
        wanted = FieldMapping(id="ID", text="Text", required=frozenset({"gold"}))
        assert "no column 'gold'" in str(complaint(path, mapping=wanted))
        assert len(read(path, mapping=FieldMapping(id="ID", text="Text"))) == 1

    def test_wrong_delimiter(self, tmp_path: Path) -> None:
        for other, said in ((";", "--delimiter ';'"), ("\t", "--delimiter '\\t'"), ("|", "--delimiter '|'")):
            path = write(tmp_path, f"id{other}text\n1{other}a\n")
            assert said in (complaint(path).hint or "")
        assert "not one character" in complaint(path, delimiter=";;").message

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        assert "there is no file" in complaint(tmp_path / "missing.csv").message
        assert "is a folder" in complaint(tmp_path).message
        odd = write(tmp_path, "id,text\n1,a\n", "data.xyz")
        assert "--format csv|jsonl|parquet" in (complaint(odd).hint or "")
        assert "unknown format 'xls'" in complaint(odd, format="xls").message
        assert "unknown encoding 'utf-88'" in complaint(write(tmp_path, "id,text\n1,a\n"), encoding="utf-88").message

    def test_gzip_cut_off(self, tmp_path: Path) -> None:
        noise = "".join(f"{i},{random.Random(i).random()}\n" for i in range(20_000))
        packed = gzip.compress(("id,text\n" + noise).encode())
        path = write(tmp_path, packed[: len(packed) // 2], "x.csv.gz")
        assert "damaged or cut off" in complaint(path).message


class TestSkippingBadRows:
    CONTENT = (
        b'id,text,split\n1,a,train\n2,b\n3,"",test\n4,d\xff,test\n,e,test\n6,f,never\n7,g,test\n8,"open,x\n9,h,test\n'
    )

    def test_good_rows_go_on_with_their_numbers(self, tmp_path: Path) -> None:
        source = open_source(write(tmp_path, self.CONTENT), skip_bad=True)
        batches = list(source)
        assert [i for b in batches for i in b.ids] == ["1", "7", "9"]
        assert [r for b in batches for r in b.rows] == [1, 7, 9]
        assert source.bad_count == 6
        places = {reason.split(", ")[1].split(":")[0] for reason in source.bad_rows}
        assert places == {f"line {n}" for n in (3, 4, 5, 6, 7, 9)}

    def test_twenty_are_kept_all_are_counted(self, tmp_path: Path) -> None:
        rows = "".join(f"{i},\n" if i % 2 else f"{i},t\n" for i in range(100))
        source = open_source(write(tmp_path, "id,text\n" + rows), skip_bad=True)
        assert [len(b) for b in source] == [50]
        assert (source.bad_count, len(source.bad_rows)) == (50, 20)
        assert source.bad_rows[0].endswith("reviews.csv, line 3: the text is empty")
        assert [len(b) for b in source] == [50]
        assert source.bad_count == 50

    def test_nothing_left_is_an_error(self, tmp_path: Path) -> None:
        error = complaint(write(tmp_path, "id,text\n1,\n2,\n"), skip_bad=True)
        assert "none of its 2 rows can be used" in error.message
        assert "line 2: the text is empty" in error.message

    def test_a_quote_opened_far_from_the_next_loses_one_row(self, tmp_path: Path) -> None:
        rows = [f'{i},"text {i}"' if i in (1, 500) else f"{i},text {i}" for i in range(600)]
        rows[10] = '10,"open'
        source = open_source(write(tmp_path, "id,text\n" + "\n".join(rows) + "\n"), skip_bad=True)
        assert sum(len(b) for b in source) == 599
        assert source.bad_count == 1


def test_where_an_id_stands(tmp_path: Path) -> None:
    source = open_source(write(tmp_path, 'id,text\n1,"a\nb"\n2,b\n1,c\n'))
    assert str(source.first_row_with_id("2")) == "line 4"
    assert source.first_row_with_id("3") is None
    error = source.duplicate("1", 3)
    assert error.message.endswith("reviews.csv, line 5: the id '1' occurs twice; it is in line 2 already")


def test_records_are_all_rows_as_they_stand(tmp_path: Path) -> None:
    source: ItemSource = source_of(Input(write(tmp_path, "a,b\n1,\n")), None, SourceOptions())
    assert [(r.position.line, r.values) for r in source.records()] == [(2, {"a": "1", "b": ""})]
