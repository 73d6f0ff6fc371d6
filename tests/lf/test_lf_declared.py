"""Functions as data: read strictly, found and voted like the others, edited without losing a word."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import keywords, regex
from labelkit.errors import DiscoveryError, LabelingFunctionError
from labelkit.lf import Shard, apply_functions, discover, fingerprint
from labelkit.lf.declared import (
    WORKBENCH_FILE,
    DeclaredFunction,
    declared_functions,
    parse_declaration,
    parse_workbench,
    read_workbench,
)
from labelkit.lf.declared_edits import with_added, with_removed, with_replaced
from labelkit.lf.project_code import Site
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["spam", "ham"])
TEXTS = ["win CASH now", "cashier", "free (cash)", "", "Kelvin K", "c++ and c", "straße STRASSE", None, "a\nb cash"]
MONEY = '[[function]]\nname = "money"\nkind = "keywords"\nlabel = "spam"\nkeywords = ["cash"]\n'


def write(root: Path, text: str) -> Path:
    path = root / WORKBENCH_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def declaration(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "kind": "keywords", "label": "spam", "keywords": ["cash"], **changes}


def without(key: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in declaration(**changes).items() if name != key}


# ---------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("given_table", "said"),
    [
        (without("kind"), "the key kind is missing; it should be one of keywords, regex"),
        (declaration(kind="python"), "kind = 'python': should be one of keywords, regex"),
        (declaration(kind=["regex"]), "kind = ['regex']"),
        (declaration(keyword=["x"]), "unknown key 'keyword'; did you mean keywords?"),
        (declaration(pattern="x"), "unknown key 'pattern'"),
        (declaration(zzz=1), "the keys of kind keywords are name, kind, label"),
        (without("name"), "the key name is missing"),
        (declaration(name=" x"), "name = ' x': should be 1 to 100 printable characters"),
        (declaration(name="a\nb"), "name = 'a\\nb'"),
        (declaration(name="x" * 101), "name = "),
        (declaration(name=7), "name = 7"),
        (declaration(label=True), "label = True: should be the name or the number of a class"),
        (declaration(label=""), "label = ''"),
        (declaration(label=-1), "label = -1"),
        (declaration(field=""), "field = ''"),
        (declaration(keywords="cash"), "keywords = 'cash': should be a list of 1 to 1,000 words"),
        (declaration(keywords=[]), "keywords = []"),
        (declaration(keywords=["ok", " "]), "keywords[2] = ' ': should be a word: an empty one matches everywhere"),
        (declaration(keywords=["ok", 3]), "keywords[2] = 3"),
        (declaration(keywords=["\ud800"]), "keywords[1]"),
        (declaration(case="yes"), "case = 'yes': should be true or false"),
        (declaration(substring=1), "substring = 1"),
        (declaration(at="yesterday"), "at = 'yesterday': should be an ISO 8601 time"),
        (declaration(note=["x"]), "note = ['x']"),
        (without("keywords", kind="regex"), "the key pattern is missing"),
        (without("keywords", kind="regex", pattern=""), "pattern = ``"),
        (without("keywords", kind="regex", pattern="x" * 2001), "pattern = `xxx"),
        (without("keywords", kind="regex", pattern="x", substring=True), "unknown key 'substring'"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(given_table: dict[str, Any], said: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        parse_declaration(given_table, "the function")
    assert str(caught.value).startswith("the function: ") and said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[function", "labeling_functions/workbench.toml is not valid TOML"),
        ("version = 2\n", "unknown key 'version'; the file holds [[function]] tables"),
        ("function = 3\n", "should be an array of tables"),
        ('[function]\nname = "x"\n', "should be an array of tables"),
        (f"# hello\n\n{MONEY}extra = 1\n", "labeling_functions/workbench.toml:3: function 1 ('money'): unknown key"),
        (f"{MONEY}\n{MONEY}case = 2\n", "labeling_functions/workbench.toml:7: function 2 ('money'): case = 2"),
        (
            MONEY.replace('keywords = ["cash"]', 'pattern = "(a"').replace('"keywords"', '"regex"'),
            "workbench.toml:1: function 1 ('money'): regex 'money' has the invalid pattern `(a`: missing ), "
            "unterminated subpattern at position 0",
        ),
    ],
)
def test_errors_name_file_line_entry_key_and_value(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, text)
    with pytest.raises(DiscoveryError) as caught:
        declared_functions(tmp_path)
    assert said in str(caught.value)


def test_bytes_that_are_no_text_are_one_clear_line(tmp_path: Path) -> None:
    write(tmp_path, "").write_bytes(b'name = "\xff"')
    with pytest.raises(DiscoveryError, match="is not UTF-8"):
        read_workbench(tmp_path)


def test_lines_are_those_of_the_tables_also_where_a_string_looks_like_one() -> None:
    tricky = MONEY.replace('name = "money"', 'name = "a"') + 'note = """\n[[function]]\n"""\n\n' + MONEY
    assert [placed.site.line for placed in parse_workbench(tricky)] == [1, 10]


def test_reading_compiles_no_pattern(tmp_path: Path) -> None:
    write(tmp_path, '[[function]]\nname = "x"\nkind = "regex"\nlabel = "spam"\npattern = "(("\n')
    (placed,) = read_workbench(tmp_path)
    assert placed.entry.pattern == "(("


# ---------------------------------------------------------------------- meaning the same as Python


def test_what_a_table_leaves_out_means_what_python_leaves_out() -> None:
    words = parse_declaration(declaration(), "x").function(Site("f", 1))
    assert (words.field, words.case, words.substring) == ("text", False, False)  # type: ignore[union-attr]
    pattern = parse_declaration(without("keywords", kind="regex", pattern="Cash"), "x").function(Site("f", 1))
    assert pattern.flags == 0  # type: ignore[union-attr]


WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip)
    | st.sampled_from(["cash", "c++", "free (cash)", "straße", "K"]),
    min_size=1,
    max_size=4,
)
PATTERNS = st.sampled_from(
    [r"\bcash\b", "ca.h", "(?i)CASH", "^$", "a\nb", r"(s)\1", "[^c]", "ß", "Kelvin", "'''\"\\\\"]
)
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name == name.strip() and name.isprintable())


@st.composite
def entries(draw: st.DrawFn) -> DeclaredFunction:
    common: dict[str, Any] = {
        "name": draw(NAMES),
        "label": draw(st.sampled_from(["spam", "ham", 0, 1])),
        "case": draw(st.booleans()),
        "note": draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
        "author": draw(NAMES | st.just("")),
    }
    if draw(st.booleans()):
        return DeclaredFunction(kind="regex", pattern=draw(PATTERNS), **common)
    words = tuple(dict.fromkeys(draw(WORDS)))
    return DeclaredFunction(kind="keywords", keywords=words, substring=draw(st.booleans()), **common)


@settings(max_examples=60, deadline=None)
@given(entry=entries())
def test_a_saved_function_votes_exactly_as_the_same_declaration_in_python(
    entry: DeclaredFunction, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("project")
    write(root, with_added("", entry))
    (saved,) = declared_functions(root)
    options: dict[str, Any] = {"label": entry.label, "field": entry.field}
    if entry.kind == "regex":
        declared: Any = regex(entry.name, entry.pattern, flags=0 if entry.case else 2, **options)
    else:
        declared = keywords(entry.name, entry.keywords, case=entry.case, substring=entry.substring, **options)
    assert fingerprint(saved, SCHEMA, root).digest == fingerprint(declared, SCHEMA, root).digest
    shard = Shard(0, 0, pa.table({"id": [str(i) for i in range(len(TEXTS))], "text": TEXTS}))
    first, second = apply_functions([saved, declared], shard, SCHEMA)
    assert first.votes.tolist() == second.votes.tolist()


# ---------------------------------------------------------------------- being found


def test_functions_of_the_file_are_found_with_the_others(tmp_path: Path) -> None:
    write(tmp_path, MONEY)
    (tmp_path / "labeling_functions" / "more.py").write_text(
        'from labelkit import keywords\nkeywords("meeting", ["lunch"], label="ham")\n', encoding="utf-8"
    )
    found = discover(tmp_path, ["labeling_functions/*.py"])
    assert [(f.name, f.file, f.line) for f in found] == [
        ("meeting", "labeling_functions/more.py", 2), ("money", WORKBENCH_FILE, 1)
    ]  # fmt: skip


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path, MONEY)
    assert [f.name for f in discover(tmp_path, ["labeling_functions/*.py"])] == ["money"]


def test_an_empty_file_is_as_none(tmp_path: Path) -> None:
    write(tmp_path, "# nothing yet\n")
    with pytest.raises(DiscoveryError, match="no labeling-function file matches"):
        discover(tmp_path, ["labeling_functions/*.py"])


def test_a_name_in_both_places_is_refused_with_both(tmp_path: Path) -> None:
    write(tmp_path, f"\n{MONEY}")
    (tmp_path / "labeling_functions" / "more.py").write_text(
        'from labelkit import keywords\n\nkeywords("money", ["lunch"], label="ham")\n', encoding="utf-8"
    )
    with pytest.raises(DiscoveryError) as caught:
        discover(tmp_path, ["labeling_functions/*.py"])
    assert "labeling_functions/more.py:3 and labeling_functions/workbench.toml:2" in str(caught.value)


def test_a_function_is_found_once_also_from_a_script_inside_the_project(tmp_path: Path) -> None:
    write(tmp_path, MONEY)
    script = tmp_path / "run_me.py"
    script.write_text(
        "from labelkit.lf import discover\nfrom pathlib import Path\n"
        "FOUND = discover(Path(__file__).parent, ['labeling_functions/*.py'])\n",
        encoding="utf-8",
    )
    names: dict[str, Any] = {"__file__": str(script)}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
    assert [(f.name, f.line) for f in names["FOUND"]] == [("money", 1)]


# ---------------------------------------------------------------------- edits

COMMENTED = f"""# Ours. Ask Ada before you change it.

# money words, see the wiki
{MONEY}# (till here)

# about the meeting
[[function]]
name = "meeting"   # lunch too
kind = "keywords"
label = "ham"
keywords = [
    "lunch",  # tomorrow?
    "meeting",
]
case = true
"""


def entry_of(text: str, name: str) -> DeclaredFunction:
    return next(placed.entry for placed in parse_workbench(text) if placed.entry.name == name)


def test_adding_leaves_every_line_as_it_is() -> None:
    added = with_added(COMMENTED, DeclaredFunction(name="new", kind="regex", label="ham", pattern=r"\bok\b"))
    assert added.startswith(COMMENTED) and r"pattern = '\bok\b'" in added
    assert entry_of(added, "new").pattern == r"\bok\b"


def test_changing_touches_what_changed_only() -> None:
    before = entry_of(COMMENTED, "meeting")
    changed = with_replaced(COMMENTED, "meeting", DeclaredFunction(**{**before.__dict__, "label": "spam"}))
    lines = dict(zip(COMMENTED.splitlines(), changed.splitlines(), strict=False))
    assert [old for old, new in lines.items() if old != new] == ['label = "ham"']
    assert "# lunch too" in changed and "# tomorrow?" in changed


def test_removing_takes_the_comment_above_along_and_no_other() -> None:
    left = with_removed(COMMENTED, "meeting")
    assert left.startswith(COMMENTED[: COMMENTED.index("# about the meeting")].rstrip())
    assert "about the meeting" not in left and "tomorrow" not in left
    first = with_removed(COMMENTED, "money")
    assert "# Ours." in first and "see the wiki" not in first and "# (till here)" in first
    assert [placed.entry.name for placed in parse_workbench(first)] == ["meeting"]


def test_windows_line_ends_stay() -> None:
    text = COMMENTED.replace("\n", "\r\n")
    added = with_added(text, DeclaredFunction(name="new", kind="regex", label="ham", pattern="x"))
    changed = with_removed(with_replaced(added, "new", DeclaredFunction("new", "regex", "spam", pattern="y")), "money")
    assert "\n" not in changed.replace("\r\n", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: with_added(t, entry_of(t, "money")), "there is a function named 'money'"),
        (lambda t: with_replaced(t, "meeting", entry_of(t, "money")), "there is a function named 'money'"),
        (lambda t: with_replaced(t, "gone", entry_of(t, "money")), "there is no function named 'gone'"),
        (lambda t: with_removed(t, "gone"), "there is no function named 'gone'"),
        (lambda t: with_removed(t + MONEY, "money"), "has 2 functions named 'money'"),
        (lambda t: with_removed('function = [{name="a", kind="regex", label=0, pattern="x"}]', "a"), "Edit the file"),
    ],
)
def test_edits_that_make_no_sense_are_refused(change: Any, said: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        change(COMMENTED)
    assert said in str(caught.value)


HOSTILE = [
    '"', "'", "'''", '"""', "\\", "\n", '"\n[[function]]\nname = "evil"', "]", "#", "\x00", "\x1b[31m", "\u2028",
    "{{7*7}}", "__import__('os').system('touch owned')", "${HOME}", '"]\n[x]\na = ["', "%s", "\ufeff", "\x7f", "\r",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_breaks_out_of_its_place(text: str) -> None:
    entry = DeclaredFunction(
        name="n", kind="keywords", label=f"l{text}", field=f"f{text}", keywords=(f"k{text}",), author=f"a{text}",
        note=text,
    )  # fmt: skip
    pattern = DeclaredFunction(name="p", kind="regex", label="ham", pattern=f"x{text}", note=text)
    once = with_added(with_added(COMMENTED, entry), pattern)
    assert [placed.entry.name for placed in parse_workbench(once)] == ["money", "meeting", "n", "p"]
    assert entry_of(once, "n") == entry and entry_of(once, "p") == pattern
    assert set(tomllib.loads(once)) == {"function"}
    again = with_replaced(once, "money", DeclaredFunction(**{**entry.__dict__, "name": "q"}))
    assert entry_of(again, "q").keywords == entry.keywords and entry_of(again, "p") == pattern


@settings(max_examples=60, deadline=None)
@given(first=entries(), second=entries())
def test_any_two_functions_survive_all_edits(first: DeclaredFunction, second: DeclaredFunction) -> None:
    one, two = DeclaredFunction(**{**first.__dict__, "name": "one"}), DeclaredFunction(**{**second.__dict__})
    if two.name == "one":
        return
    text = with_added(with_added(COMMENTED, one), two) if two.name not in ("money", "meeting") else None
    if text is None:
        return
    swapped = with_replaced(text, "one", DeclaredFunction(**{**two.__dict__, "name": "one"}))
    assert entry_of(swapped, two.name) == two and entry_of(swapped, "one").meaning() == {
        **two.meaning(), "name": "one"
    }  # fmt: skip
    assert [p.entry.name for p in parse_workbench(with_removed(swapped, two.name))] == ["money", "meeting", "one"]
