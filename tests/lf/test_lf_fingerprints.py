"""What changes a fingerprint, what does not, and what it cannot cover."""
# ruff: noqa: E501 (tables of small programs, one a line)

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import expression, keywords, labeling_function, lookup, model, regex
from labelkit.errors import LabelingFunctionError, UnknownLabel
from labelkit.lf import Fingerprint, discover, fingerprint
from labelkit.lf.encoding import Encoder
from labelkit.lf.project_code import ProjectCode
from labelkit.types import LabelClass, LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam", "other"])
REPOSITORY = Path(__file__).parents[2]


def of(function: Any, schema: LabelSchema = SCHEMA, root: Path = REPOSITORY) -> str:
    return fingerprint(function, schema, root).digest


class Project:
    """A project whose one labeling function is fingerprinted after edits."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.root / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def print(self, **files: str) -> Fingerprint:
        self.write(**files)
        (found,) = discover(self.root, ["lfs/*.py"])
        return fingerprint(found.function, SCHEMA, self.root)

    def digest(self, text: str, **files: str) -> str:
        return self.print(lfs__a=text, **files).digest


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# --- declarations


def test_declarations_count_by_what_they_declare() -> None:
    base = of(regex("a", "x", label="spam"))
    assert base == of(regex("a", "x", label=1)) == of(regex("a", "x", label="spam", field="text", flags=0))
    others = [
        regex("b", "x", label="spam"),
        regex("a", "y", label="spam"),
        regex("a", "x", label="ham"),
        regex("a", "x", label="spam", field="plan"),
        regex("a", "x", label="spam", flags=2),
        keywords("a", ["x"], label="spam"),
        keywords("a", ["x"], label="spam", case=True),
        keywords("a", ["x"], label="spam", substring=True),
        keywords("a", ["x", "y"], label="spam"),
        expression("a", "x == 1", label="spam"),
        expression("a", "x == 2", label="spam"),
        lookup("a", {"x": "spam"}),
        lookup("a", {"x": "ham"}),
        lookup("a", {"x": "spam"}, field="plan"),
    ]
    assert len({base, *map(of, others)}) == len(others) + 1


def test_layout_and_order_of_declarations_do_not_count() -> None:
    assert of(keywords("a", ["x", "y"], label=0)) == of(keywords("a", ["y", "x", "y"], label=0))
    assert of(keywords("a", {"x", "y"}, label=0)) == of(keywords("a", ("y", "x"), label=0))
    assert of(expression("a", "x<5 and (y=='b')", label=0)) == of(expression("a", 'x < 5\n  and y == "b"', label=0))
    assert of(lookup("a", {"x": 0, "y": 1})) == of(lookup("a", {"y": "spam", "x": "ham"}))


def test_renaming_and_reordering_classes_changes_nothing() -> None:
    renamed = LabelSchema((LabelClass(2, "other"), LabelClass(1, "junk", ("spam",)), LabelClass(0, "ham")))
    for declare in (
        lambda label: regex("a", "x", label=label),
        lambda label: keywords("a", ["x"], label=label),
        lambda label: expression("a", "x == 1", label=label),
        lambda label: lookup("a", {"x": label}),
        lambda label: model("a", len, label=label),
    ):
        assert of(declare("spam")) == of(declare("junk"), renamed) == of(declare(1), renamed)
    with pytest.raises(UnknownLabel, match="labeling function 'a'"):
        of(regex("a", "x", label="junk"))


def test_files_count_by_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("value,label\nx,spam\ny,ham\n")
    two.write_text("value,label\ny,ham\nx,spam\n")
    assert of(lookup("a", one)) == of(lookup("a", two))
    two.write_text("value,label\ny,ham\nx,ham\n")
    assert of(lookup("a", one)) != of(lookup("a", two))


def test_models_count_by_what_they_have_learned() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def fit(texts: list[str]) -> Any:
        return make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, ["ham", "spam"] * (len(texts) // 2))

    one, same, other = fit(["aa bb", "cc dd"]), fit(["aa bb", "cc dd"]), fit(["aa bb", "cc ee"])
    found = fingerprint(model("m", one), SCHEMA, REPOSITORY)
    assert found.warnings == ()
    assert found.digest == of(model("m", same))
    assert found.digest != of(model("m", other))
    assert found.digest != of(model("m", one, threshold=0.9))
    assert found.digest != of(model("m", one, classes=["spam", "ham"]))


# --- Python functions

BASE = """
from labelkit import labeling_function
import helpers
from helpers import LIMIT, clean

WORDS = {"refund", "invoice", "charge"}

@labeling_function()
def asks(row, extra=1):
    text = clean(row.text)
    if any(word in text for word in WORDS) and len(text) > LIMIT + helpers.deep.OFFSET:
        return "spam"
    return None
"""
HELPERS = """
import deep
LIMIT = 3
UNUSED = 1

def clean(text):
    return strip(text).lower()

def strip(text):
    return text.strip()

def unused(text):
    return text
"""
DEEP = "OFFSET = 0\n"


@pytest.mark.parametrize(
    "edit",
    [
        (
            "lfs__a",
            "    text = clean(row.text)",
            "    # a comment\n    text = clean(\n        row.text)  # another\n\n",
        ),
        ("lfs__a", "    text = clean", '    """A docstring."""\n    text = clean'),
        (
            "lfs__a",
            "if any(word in text for word in WORDS) and",
            "if any(word in text\n      for word in WORDS) \\\n and",
        ),
        ("lfs__a", "\nWORDS", "\n\n\n# moved down\nUNRELATED = 5\nWORDS"),
        ("lfs__a", '{"refund", "invoice", "charge"}', '{"charge", "refund", "invoice", "invoice"}'),
        ("lfs__a", '"refund"', "'refund'"),
        ("helpers", "UNUSED = 1", "UNUSED = 2"),
        ("helpers", "def unused(text):\n    return text", "def unused(text):\n    return 5"),
        ("helpers", "def strip(text):", 'def strip(text):\n    """Docstring."""\n    # comment'),
        ("deep", "OFFSET = 0", "OFFSET = 0\nOTHER = 1"),
    ],
    ids=lambda edit: edit[2][:25],
)
def test_what_does_not_change_the_votes_does_not_count(project: Project, edit: tuple[str, str, str]) -> None:
    files = {"lfs__a": BASE, "helpers": HELPERS, "deep": DEEP}
    before = project.print(**files)
    name, old, new = edit
    assert old in files[name]
    assert project.print(**{**files, name: files[name].replace(old, new)}).digest == before.digest


@pytest.mark.parametrize(
    "edit",
    [
        ("lfs__a", '"spam"', '"ham"'),
        ("lfs__a", '"charge"', '"change"'),
        ("lfs__a", "extra=1", "extra=2"),
        ("lfs__a", "extra=1", "*, extra=1"),
        ("lfs__a", "def asks", "def wants"),
        ("lfs__a", "@labeling_function()", '@labeling_function(name="wants")'),
        ("lfs__a", " and len", " or len"),
        ("lfs__a", "from helpers import LIMIT, clean", "from helpers import LIMIT, strip as clean"),
        ("helpers", "LIMIT = 3", "LIMIT = 4"),
        ("helpers", ".lower()", ".upper()"),
        ("helpers", "text.strip()", "text.rstrip()"),
        ("deep", "OFFSET = 0", "OFFSET = 1"),
    ],
    ids=lambda edit: edit[2][:25],
)
def test_what_may_change_the_votes_counts(project: Project, edit: tuple[str, str, str]) -> None:
    files = {"lfs__a": BASE, "helpers": HELPERS, "deep": DEEP}
    before = project.print(**files)
    name, old, new = edit
    assert old in files[name]
    assert project.print(**{**files, name: files[name].replace(old, new)}).digest != before.digest
    assert project.print(**files).digest == before.digest  # reverting costs nothing


@pytest.mark.parametrize(
    ("template", "one", "two"),
    [
        ("def make(k):\n    return labeling_function('f')(lambda row: k)\nmake({})\n", "1", "0"),
        ("def f(row, k):\n    return k\nlabeling_function(resources=dict(k={}))(f)\n", "1", "0"),
        ("a, f = (lambda row: 5), {}\nlabeling_function('f')(f)\n", "lambda row: 1", "lambda row: 0"),
        ("class C:\n    K = {}\n    def m(self): return self.K\n@labeling_function()\ndef f(row): return C().m()\n", "1", "0"),
        ("class C:\n    def m(self): return {}\nc = C()\n@labeling_function()\ndef f(row): return c.m()\n", "1", "0"),
        ("class C:\n    def __init__(self): self.k = {}\nc = C()\n@labeling_function()\ndef f(row): return c.k\n", "1", "0"),
        ("class B:\n    k = {}\nclass C(B): ...\n@labeling_function()\ndef f(row): return C.k\n", "1", "0"),
        ("class C:\n    @property\n    def k(self): return {}\n@labeling_function()\ndef f(row): return C().k\n", "1", "0"),
        ("import enum\nclass E(enum.IntEnum):\n    A = {}\n@labeling_function()\ndef f(row): return E.A\n", "1", "0"),
        ("import re\nP = re.compile({})\n@labeling_function()\ndef f(row): return int(bool(P.search(row.text)))\n", "'a'", "'b'"),
        ("import re\nfind = re.compile('a', {}).search\n@labeling_function()\ndef f(row): return find(row.text)\n", "0", "2"),
        ("import functools\n@functools.lru_cache\ndef g(t): return {}\n@labeling_function()\ndef f(row): return g(1)\n", "1", "0"),
        ("import functools\ndef g(k, t): return k\nh = functools.partial(g, {})\n@labeling_function()\ndef f(row): return h(1)\n", "1", "0"),
        ("import functools\ndef wrap(g):\n    @functools.wraps(g)\n    def inner(row): return g(row)\n    return inner\n"
         "@labeling_function()\n@wrap\ndef f(row): return {}\n", "1", "0"),
        ("RULES = {}\n@labeling_function()\ndef f(row): return next((v for k, v in RULES.items() if k in row.text), None)\n",
         "dict(a=1, b=0)", "dict(b=0, a=1)"),
        ("import numpy as np\nW = np.array({})\n@labeling_function()\ndef f(row): return int(W[0])\n", "[1, 2]", "[1, 3]"),
        ("def pre(row):\n    row.k = {}\n    return row\n@labeling_function(pre=[pre])\ndef f(row): return row.k\n", "1", "0"),
        ("def f(row):\n    def inner():\n        return K\n    return inner()\nK = {}\nlabeling_function()(f)\n", "1", "0"),
        ("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != {} and even(n - 1)\n"
         "@labeling_function()\ndef f(row): return int(even(4))\n", "0", "5"),
        ("@labeling_function()\ndef f(row):\n    import helpers\n    return helpers.K + {}\n", "1", "0"),
        ("def deco(k):\n    def wrap(g): return lambda row: k\n    return wrap\nlabeling_function('f')(deco({})(len))\n", "1", "0"),
        ("from dataclasses import dataclass\n@dataclass\nclass C:\n    k: int = {}\nc = C()\n@labeling_function()\n"
         "def f(row): return c.k\n", "1", "0"),
        ("from labelkit import regex\nclass Holder:\n    pass\nh = Holder()\nh.k = {}\n@labeling_function()\ndef f(row): return h.k\n",
         "{'a', 'b'}", "{'a', 'c'}"),
        ("LIMIT = {}\n@labeling_function()\ndef f(row): return [g(LIMIT) for g in [lambda x: x]][0]\n", "1", "True"),
    ],
)  # fmt: skip
def test_values_and_code_that_a_function_reaches_count(project: Project, template: str, one: str, two: str) -> None:
    project.write(helpers="K = 0\n")
    text = "from labelkit import labeling_function\n" + template
    first = project.digest(text.replace("{}", one))
    assert project.print().warnings == ()
    assert project.digest(text.replace("{}", two)) != first
    assert project.digest("\n# moved\n" + text.replace("{}", one)) == first


def test_modules_imported_in_a_function_count(project: Project) -> None:
    text = "from labelkit import labeling_function\n@labeling_function()\ndef f(row):\n    {}\n    return K\n"
    for statement in ("from late import K", "from .late import K", "from lfs.late import K"):
        name = "late" if statement == "from late import K" else "lfs__late"
        body = "from labelkit import ABSTAIN\nK = 1\n"
        code = text.replace("{}", statement)
        first = project.digest(code, **{name: body})
        assert project.digest(code, **{name: body.replace("1", "0")}) != first
        assert project.digest(code, **{name: body + "OTHER = 5\n"}) == first


SNORKEL = """
from snorkel.labeling import labeling_function
from snorkel.preprocess import preprocessor

@preprocessor(memoize={memoize})
def lower(x):
    x.lowered = x.text.{method}()
    return x

@labeling_function(pre=[lower], resources=dict(words={words}))
def f(x, words):
    return {vote} if x.lowered in words else -1
"""


def test_snorkel_functions(project: Project) -> None:
    def digest(memoize: bool = True, method: str = "lower", words: str = "['a']", vote: int = 1) -> str:
        return project.digest(SNORKEL.format(memoize=memoize, method=method, words=words, vote=vote))

    first = digest()
    assert project.print().warnings == ()
    assert len({first, digest(method="upper"), digest(words="['b']"), digest(vote=0)}) == 4
    assert digest() == first
    (found,) = discover(project.root, ["lfs/*.py"])
    import pyarrow as pa

    from labelkit.lf import Shard, apply_functions

    apply_functions([found.function], Shard(0, 0, pa.table({"id": ["1"], "text": ["A"]})), SCHEMA)
    assert fingerprint(found.function, SCHEMA, project.root).digest == first  # a filled cache does not count


def test_versions_of_installed_libraries_count(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    from labelkit.lf import distributions

    text = "from labelkit import labeling_function\nimport {0}\n@labeling_function()\ndef f(row): return {0}.{1}(row.text)\n"
    codes = [text.format("regex_like", "x"), text.format("numpy", "asarray"), text.format("json", "loads")]
    project.write(regex_like="x = len\n")
    before = [project.digest(code) for code in codes]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "numpy" else real(name))
    distributions._versions.cache_clear()
    after = [project.digest(code) for code in codes]
    monkeypatch.undo()
    distributions._versions.cache_clear()
    assert [one == two for one, two in zip(before, after, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "import threading\nL = threading.Lock()\n@labeling_function()\ndef f(row): return L.locked()\n",
            "_thread.lock",
        ),
        ("G = (x for x in [])\n@labeling_function()\ndef f(row): return next(G)\n", "generator"),
        ("@labeling_function()\ndef f(row): return len(open('x').read())\n", "open(), which reads files"),
        ("@labeling_function()\ndef f(row): return eval('1')\n", "eval(), which evaluates text"),
    ],
)
def test_what_cannot_be_seen_is_said(project: Project, text: str, warning: str) -> None:
    found = project.print(lfs__a="from labelkit import labeling_function\n" + text)
    assert len(found.warnings) == 1
    assert warning in found.warnings[0]
    assert "will not be noticed" in found.warnings[0]


def test_values_without_end_are_said_too(project: Project) -> None:
    text = "from labelkit import labeling_function\nK = []\nfor _ in range(5000):\n    K = [K]\n"
    found = project.print(lfs__a=text + "@labeling_function()\ndef f(row): return K\n")
    assert "too deeply nested" in found.warnings[0]


def test_source_is_there_for_people(project: Project) -> None:
    found = project.print(lfs__a=BASE, helpers=HELPERS, deep=DEEP)
    assert found.source.startswith("@labeling_function()\ndef asks(row, extra=1):")
    assert found.source.endswith("return None")
    assert fingerprint(regex("a", "x", label=0), SCHEMA, REPOSITORY).source == "regex('a', 'x', label=0, field='text')"


def test_functions_without_kept_source() -> None:
    """Functions of ordinary modules and of exec count by their bytecode."""

    def made(body: str) -> Any:
        names: dict[str, Any] = {}
        exec(f"def f(row):\n    return {body}\n", names)
        return labeling_function()(names["f"])

    assert of(made("1")) == of(made(" 1 # comment"))
    assert of(made("1")) != of(made("2"))
    assert of(made("row in {'a', 'b'}")) == of(made("row in {'b', 'a'}"))
    assert of(made("[x for x in row]")) != of(made("[x for x in row if x]"))


def test_what_is_no_labeling_function() -> None:
    with pytest.raises(LabelingFunctionError, match="no labeling function"):
        of(len)


PROCESS = """
import sys
from pathlib import Path
from labelkit.lf import discover, fingerprint
from labelkit.types import LabelSchema
root = Path(sys.argv[1])
schema = LabelSchema.from_names(["ham", "spam", "other"])
for found in discover(root, ["lfs/*.py"]):
    print(found.name, fingerprint(found.function, schema, root).digest)
"""


def test_every_process_finds_the_same(project: Project) -> None:
    project.write(
        lfs__a=BASE
        + """
import enum, re
from collections import Counter, namedtuple
from labelkit import keywords, lookup
Point = namedtuple("Point", "x y")
class Colour(enum.Enum):
    RED = {"a", "b"}
class Thing:
    def __init__(self):
        self.parts = {frozenset({"x", "yy"}), frozenset({"z"}), Point("p", 2)}
        self.me = self
    def test(self, text):
        return text in {"q", "r", "s"} or Colour.RED.value & {text}
THING, COUNTS, PATTERN = Thing(), Counter("abc"), re.compile("x", re.I)
FUNCTIONS = {len, str.lower, PATTERN.search, Thing.test}

@labeling_function()
def rich(row):
    return THING.test(row.text) and COUNTS["a"] and FUNCTIONS and [w for w in {"one", "two", "three"}] and None

keywords("set_of_words", {"a", "b", "c"}, label=1)
lookup("set_of_values", {"a", "b", "c"}, label=1)
""",
        helpers=HELPERS,
        deep=DEEP,
    )
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-c", PROCESS, str(project.root)]
        outputs.add(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    assert len(outputs) == 1
    (output,) = outputs
    assert len(output.splitlines()) == 4


# --- values


def digest(value: object) -> bytes:
    return Encoder(ProjectCode(REPOSITORY)).digest(value)


simple = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.binary(max_size=3)
)
hashables = st.one_of(simple, st.tuples(simple, simple), st.frozensets(simple, max_size=3))
values = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(hashables, inner, max_size=3), st.sets(hashables, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_copies_have_equal_digests(value: Any) -> None:
    import copy
    import pickle

    assert digest(value) == digest(copy.deepcopy(value)) == digest(pickle.loads(pickle.dumps(value)))


@settings(max_examples=200, deadline=None)
@given(st.sets(hashables, max_size=6), st.randoms())
def test_sets_have_no_order(value: set[Any], random: Any) -> None:
    shuffled = list(value)
    random.shuffle(shuffled)
    assert digest(value) == digest(set(shuffled))


@settings(max_examples=200, deadline=None)
@given(values, values)
def test_values_that_differ_have_other_digests(one: Any, two: Any) -> None:
    if repr(one) != repr(two) and one != two:
        assert digest(one) != digest(two)


def test_kinds_are_kept_apart() -> None:
    array = np.array
    items = [
        1,
        True,
        1.0,
        "1",
        b"1",
        1j,
        None,
        (1,),
        [1],
        {1},
        {1: 1},
        array([1]),
        array([1.0]),
        array([[1]]),
        np.int8(1),
    ]
    items += [
        np.int16(1),
        array(["1"]),
        array(["1"], object),
        range(1),
        slice(1),
        10**5000,
        "".join("\ud800"),
        ...,
        int,
    ]
    assert len({digest(item) for item in items}) == len(items)


def test_a_pipeline_with_a_vectorizer_is_the_same_in_every_process() -> None:
    code = (
        "from pathlib import Path\n"
        "from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer\n"
        "from sklearn.naive_bayes import MultinomialNB\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from labelkit.lf.encoding import Encoder\n"
        "from labelkit.lf.project_code import ProjectCode\n"
        "padding = [object() for _ in range({padding})]\n"
        "for kind in (CountVectorizer, TfidfVectorizer):\n"
        "    fitted = make_pipeline(kind(stop_words=['a', {word!r}]), MultinomialNB())\n"
        "    fitted.fit(['win cash a', 'see you the'], [0, 1])\n"
        "    print(Encoder(ProjectCode(Path('.').resolve())).digest(fitted).hex())\n"
    )

    def digests(padding: int, word: str) -> str:
        command = [sys.executable, "-c", code.format(padding=padding, word=word)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert digests(0, "the") == digests(54_321, "the")
    assert not set(digests(0, "the").split()) & set(digests(0, "you").split())
