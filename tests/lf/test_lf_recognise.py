"""Recognised Python functions: compiled, they do what plain Python does, on every row."""
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import datetime
import itertools
import linecache
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import labeling_function
from labelkit.errors import FunctionFault, InvalidVote
from labelkit.lf import ColumnVotes, Shard, discover
from labelkit.lf.compile import Plan, compile_functions
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Matcher
from labelkit.lf.compile.python import PythonKernel
from labelkit.lf.compile.recognise import Program, RecognisingKernel, recognise
from labelkit.lf.compile.recognise.evaluate import Evaluation
from labelkit.lf.compile.recognise.refusals import Refused
from labelkit.lf.compile.recognise.values import as_picks
from labelkit.lf.compile.view import ShardView
from labelkit.lf.python import PythonFunction, wrap_snorkel
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam", "other"])
ROOT = Path(__file__).parents[2]

PREAMBLE = """
import re
import re as regex_module
from enum import Enum, IntEnum
from re import search as find, compile as build
HAM, SPAM, ABSTAIN = 0, 1, -1
WORDS = ["free", "win", "İ", "straße", "k"]
PHRASES = ("click here", "free money", "")
SET = {"free", "Money", "win now", 3, None}
TABLE = {"bo": "spam", "ann": 0, None: 2, "İx": None, 3: "ham"}
BY_NUMBER = {1: "ham", 2.0: "spam", True: "other", 3: 1}
PATTERN = re.compile(r"\\b(free|win)\\b", re.I)
PATTERNS = [r"fr[e]{2}", r"(?i)WIN", PATTERN.pattern]
RULES = [("free", "spam"), ("hello", "ham"), ("k", "other")]
MANY = {"spam": ["free", "win"], "ham": ["hello"]}
LIMIT = 3
class Label(IntEnum):
    HAM = 0
    SPAM = 1
class Named(Enum):
    SPAM = "spam"
class Config:
    WORD = "free"
    LABEL = 2
def shouts(text):
    return text.isupper() and len(text) > 3
def decide(row, word="free", *, label="spam"):
    if word in row.text:
        return label
"""

FUNCTIONS = r'''
return "spam" if "free" in row.text else None
return "spam" if "free" in row.text.lower() else ABSTAIN
return SPAM if "FREE" in row.text.lower() else -1
return SPAM if "i" in row.text.lower() else -1
return SPAM if "k" in row.text.lower() else ABSTAIN
return SPAM if "s" in row.text.casefold() else ABSTAIN
return SPAM if "SS" in row.text.upper() else ABSTAIN
return SPAM if "ς" in row.text.lower() else ABSTAIN
return SPAM if "" in row.text else HAM
return SPAM if "free" not in row.text.strip().lower() else HAM
return SPAM if " " in row.text.strip() else HAM
return SPAM if row.text.strip() == "free" else HAM
return SPAM if row.text.lstrip() < row.text else HAM
return SPAM if row.text.strip("fr!") == "ee" else HAM
if "free" in row.text: return "spam"
if "free" in row.text:⏎    return SPAM⏎elif "win" in row.text.lower():⏎    return HAM⏎else:⏎    return ABSTAIN
if row.n > 2:⏎    if "free" in row.text:⏎        return SPAM⏎    return HAM
text = row.text.lower()⏎if "free" in text and "win" in text:⏎    return SPAM⏎return HAM if text.startswith("hello") else None
text = row.text⏎text = text.upper()⏎return SPAM if text == row.text else None
return SPAM if not row.text else None
return SPAM if row.plan else HAM
return SPAM if not row.plan else HAM
return SPAM if row.plan and "r" in row.plan else HAM
return SPAM if row.plan is not None and "r" in row.plan else HAM
return SPAM if row.plan is None else HAM
return SPAM if "r" in row.plan else HAM
return SPAM if "r" in (row.plan or "") else HAM
return SPAM if (row.plan or "free").lower() == "free" else HAM
return SPAM if row.plan == "pro" else HAM
return SPAM if row.plan != "pro" else HAM
return SPAM if row.plan == None else HAM
return SPAM if row.plan in ("pro", "free", None) else HAM
return SPAM if row.plan not in ["pro", "free"] else HAM
return SPAM if row.plan in {"pro", 3} else HAM
return SPAM if row.plan in SET else HAM
return SPAM if row.plan in TABLE else HAM
return SPAM if row.plan < "g" else HAM
return SPAM if row.text >= "f" else HAM
return SPAM if row.text == row.plan else HAM
return SPAM if row.plan == 3 else HAM
return SPAM if row["plan"] == "pro" else HAM
return SPAM if row.get("plan") == "pro" else HAM
return SPAM if row.get("nothing") is None else HAM
return SPAM if row.get("nothing", "free") == "free" else HAM
return SPAM if row.nothing == "free" else HAM
return SPAM if row["nothing"] == "free" else HAM
return SPAM if "free" in row.text or row.nothing else HAM
return SPAM if row.text.startswith("free") else HAM
return SPAM if row.text.startswith(("free", "İ", "")) else HAM
return SPAM if row.text.lower().endswith(("now", "!")) else HAM
return SPAM if len(row.text) > 5 else HAM
return SPAM if len(row.plan) == 3 else HAM
return SPAM if len(row.text.split()) > LIMIT else HAM
return SPAM if len(row.text.split()) == len(row.text.split(" ")) else HAM
return SPAM if len(set(row.text.lower().split())) < 3 else HAM
return SPAM if row.text.count("e") > 1 else HAM
return SPAM if row.text.count("ee") else HAM
return SPAM if row.text.count("") > 4 else HAM
return SPAM if row.text.isupper() else HAM
return SPAM if row.text.isdigit() or row.text.isspace() else HAM
return SPAM if row.text.find("e") >= 2 else HAM
return SPAM if row.text[:4] == "free" else HAM
return SPAM if row.text[-1:] == "!" else HAM
return SPAM if row.text.replace("free", "x") != row.text else HAM
return SPAM if row.text.title() == row.text else HAM
return SPAM if re.search(r"fr.e", row.text) else HAM
return SPAM if re.search(r"FR.E", row.text, re.I) else HAM
return SPAM if re.search(r"fr.e", row.text.lower(), flags=re.IGNORECASE | re.DOTALL) else HAM
return SPAM if re.search(r"[A-Z]", row.text.lower()) else HAM
return SPAM if re.match(r"fr|w", row.text) else HAM
return SPAM if re.match(r"(?i)FR|w", row.text) else HAM
return SPAM if re.fullmatch(r"fr|free", row.text) else HAM
return SPAM if re.search(r"^\w+$", row.text, re.M) is not None else HAM
return SPAM if PATTERN.search(row.text) else HAM
return SPAM if PATTERN.match(row.text.lower()) is None else HAM
return SPAM if bool(re.search(PATTERN, row.text)) else HAM
return SPAM if find("free", row.text) else HAM
return SPAM if regex_module.compile("free").search(row.text) else HAM
return SPAM if len(re.findall(r"e", row.text)) > 1 else HAM
return SPAM if re.findall(r"\d", row.text) else HAM
return SPAM if re.search(rf"\b{re.escape(WORDS[0])}\b", row.text) else HAM
return SPAM if any(w in row.text for w in WORDS) else HAM
return SPAM if any(w in row.text.lower() for w in PHRASES) else HAM
return SPAM if all(w in row.text for w in ("free", "e")) else HAM
return SPAM if any([w in row.text for w in WORDS]) else HAM
return SPAM if any(["e" in row.text, row.n > 2]) else HAM
return SPAM if any(w.upper() in row.text for w in WORDS if len(w) > 1) else HAM
return SPAM if any(re.search(p, row.text) for p in PATTERNS) else HAM
return SPAM if any(row.text.startswith(w) for w in WORDS) else HAM
return SPAM if sum(w in row.text for w in WORDS) >= 2 else HAM
return SPAM if sum(1 for w in WORDS if w in row.text) > 1 else HAM
return SPAM if any(word in SET for word in row.text.split()) else HAM
return SPAM if any(word == "free" for word in row.text.lower().split()) else HAM
return SPAM if "free" in row.text.split() else HAM
return SPAM if "free money" in row.text.split() else HAM
return SPAM if set(row.text.split()) & SET else HAM
return SPAM if len(set(row.text.split()) & SET) > 1 else HAM
return SPAM if not SET.isdisjoint(row.text.split()) else HAM
return SPAM if set(row.text.lower().split()).intersection(WORDS) else HAM
for w in WORDS:⏎    if w in row.text:⏎        return SPAM
for word in row.text.split():⏎    if word in SET:⏎        return SPAM⏎return HAM
for word, label in RULES:⏎    if word in row.text:⏎        return label
for label, words in MANY.items():⏎    if any(w in row.text for w in words):⏎        return label
n = 0⏎if "free" in row.text:⏎    n += 1⏎if row.text.isupper():⏎    n += 2⏎return SPAM if n > 1 else HAM
n = 0⏎for w in WORDS:⏎    if w in row.text:⏎        n += 1⏎return SPAM if n > 1 else HAM
if row.flag:⏎    text = row.text⏎else:⏎    text = row.plan⏎return SPAM if "r" in text else HAM
if row.flag:⏎    text = row.text⏎return SPAM if "r" in text else HAM
return SPAM if row.n < 5 else HAM
return SPAM if 0 < row.n <= 3 else HAM
return SPAM if row.n - row.x > 2 else HAM
return SPAM if row.n / row.n == 1 else HAM
return SPAM if row.n % 2 == 0 and row.n // 2 > 0 else HAM
return SPAM if row.n * row.n > 8 else HAM
return SPAM if -row.n < -2 or abs(row.n) == 1 else HAM
return SPAM if row.x > 1.5 else HAM
return SPAM if row.x == row.x else HAM
return SPAM if row.x else HAM
return SPAM if row.x / 2 > 1 else HAM
return SPAM if row.x % 2 > 1 else HAM
return SPAM if row.n in (1, 2.0, "x", True) else HAM
return SPAM if row.n in (None, 7) else HAM
return SPAM if row.n == 9007199254740992 else HAM
return SPAM if row.flag else HAM
return SPAM if row.flag is True else HAM
return SPAM if row.flag == 1 else HAM
return SPAM if row.n == row.flag else HAM
return SPAM if row.n == "3" else HAM
return SPAM if row.n < "3" else HAM
return SPAM if row.tags else HAM
return SPAM if "a" in row.tags else HAM
return SPAM if row.day else HAM
return SPAM if row.empty is None else HAM
return SPAM if "x" in row.empty else HAM
return TABLE.get(row.plan, ABSTAIN)
return TABLE.get(row.plan)
return TABLE[row.plan]
return BY_NUMBER.get(row.n, -1)
return BY_NUMBER.get(row.x, "ham")
return TABLE.get("bo") if "free" in row.text else "other"
return Label.SPAM if "free" in row.text else Label.HAM
return Named.SPAM.value if "free" in row.text else None
return Config.LABEL if Config.WORD in row.text else None
return "spam" if shouts(row.text) else None
return decide(row)
return decide(row, "win", label=HAM)
return row.n
return row.plan
return row.flag
return "free" in row.text
return "nonsense" if "free" in row.text else None
return 7 if "free" in row.text else None
return 1.0 if "free" in row.text else None
return True if "free" in row.text else None
return Named.SPAM if "free" in row.text else None
return int("free" in row.text)
return "free" in row.text and "spam" or "ham"
return row.plan and row.flag and "spam"
return
pass
"""A docstring."""⏎return SPAM if "free" in row.text else HAM
assert row.text, "empty"⏎return SPAM
if row.n > 4:⏎    raise ValueError(row.n)⏎return SPAM
import re⏎return SPAM if re.search("free", row.text) else None
return [HAM, SPAM][1] if "free" in row.text else None
return SPAM if row.text + row.text == "freefree" else HAM
return SPAM if str(row.plan) == "None" else HAM
return SPAM if getattr(row, "plan", None) == "pro" else HAM
return SPAM if getattr(row, "nothing", "free") == "free" else HAM
return SPAM if len(row.text) else HAM
return SPAM if row.count == 3 and row.index == "a" else HAM
return None if 1 / 0 else "spam"
return "ham" if "free" in row.text else ("spam" if row.n else "other")
row = row⏎return SPAM if "free" in row.text else HAM
return SPAM if row.text.split() else HAM
return SPAM if row.text.removeprefix("fr") == "ee" else HAM
return SPAM if row.text.lower in WORDS else HAM
'''.strip().split("\n")  # noqa: E501

TEXTS = [
    "free",
    "FREE money",
    "Free Money now",
    "win now!",
    "hello k",
    "",
    " ",
    "İx",
    "İ",
    "ſ",
    "K",
    "straße STRASSE",
    "ΑΣ",
    "ΟΔΟΣ ΑΣ",
    "a\x1cb",
    "free\x1cwin",
    "\x1cfree\x1f",
    "free\xa0win",
    "\u2028free",
    "free\nwin",
    "fr\nee",
    "\x00free\x00",
    "ﬁ",
    "e" * 40,
    "123",
    "١٢٣",
    "Free",
    "fREE WIN",
    "free free free",
    "\U0001f600 free",
    "ab\tcd  ef",
    "win",
    "FR",
    "freefree",
    "hello",
    "ee",
    "click here",
    None,
    "I",
    "ı",
]
SIZE = len(TEXTS)
NAN = math.nan


def cycle(values: list[Any]) -> list[Any]:
    return list(itertools.islice(itertools.cycle(values), SIZE))


def table() -> pa.Table:
    return pa.table(
        {
            "id": [f"id{i}" for i in range(SIZE)],
            "text": pa.array(TEXTS, pa.string()),
            "plan": pa.array(cycle(["pro", "free", None, "bo", "ann", "", "İx"]), pa.string()).dictionary_encode(),
            "n": pa.array(cycle([1, 2, 3, 0, -4, 7, 5, 2**53 + 1, 2**62, 3, 2, 1, None, 4]), pa.int64()),
            "x": pa.array(cycle([1.5, NAN, 2.0, -0.0, math.inf, 3.0, 1.0, None, 1e300]), pa.float64()),
            "flag": pa.array(cycle([True, False, True, None, False]), pa.bool_()),
            "tags": pa.array(cycle([["a"], [], None]), pa.list_(pa.string())),
            "day": pa.array(cycle([datetime.date(2020, 1, 1), None]), pa.date32()),
            "empty": pa.nulls(SIZE),
            "count": pa.array(cycle([3, 4]), pa.int32()),
            "index": pa.array(cycle(["a", "b", "a"]), pa.large_string()),
        }
    )


NUMBERS = itertools.count()


def execute(source: str) -> dict[str, Any]:
    """Run source text so that its functions can be read again, as those of a notebook cell can."""
    name = f"<recognise test {next(NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": "tested"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(source, name, "exec", dont_inherit=True), names)
    return names


def written(body: str, preamble: str = PREAMBLE, parameters: str = "row") -> PythonFunction:
    lines = "\n    ".join(body.split("⏎"))
    names = execute(f"{preamble}\ndef function({parameters}):\n    {lines}\n")
    return labeling_function(name="f")(names["function"])


def kernel_of(plan: Plan) -> RecognisingKernel:
    ((kernel, _),) = plan.kernels
    assert isinstance(kernel, RecognisingKernel)
    return kernel


def plainly(function: Any, shard: Shard, *, fault_tolerant: bool) -> ColumnVotes:
    kernel = PythonKernel([function], SCHEMA, KernelContext(Matcher([]), None))
    (column,) = kernel.run(ShardView(shard), fault_tolerant=fault_tolerant)
    return column


def outcome(run: Any) -> Any:
    try:
        column = run()
    except (FunctionFault, InvalidVote) as error:
        return type(error), str(error), type(error.__cause__)
    return column.votes.tolist(), column.votes.dtype, column.faults, column.fault_count


def check(function: Any, shard: Shard) -> RecognisingKernel:
    """Both ways give the same votes, faults and errors, without the check at run time helping."""
    plan = compile_functions([function], SCHEMA)
    kernel = kernel_of(plan)
    for tolerant in (True, False):
        compiled = outcome(lambda t=tolerant: plan.run(shard, fault_tolerant=t)[0])
        assert compiled == outcome(lambda t=tolerant: plainly(function, shard, fault_tolerant=t))
    assert kernel.mismatches == []
    return kernel


def surely(program: Program, shard: Shard) -> np.ndarray:
    """Where the compiled value is sure; there it is what Python returns."""
    view = ShardView(shard)
    context = KernelContext(Matcher(program.searches()), None)
    value = as_picks(Evaluation(view, program.function, context).value(program.result))
    if value is None:
        return np.zeros(view.size, dtype=np.bool_)
    for row in np.flatnonzero(value.sure).tolist():
        made, expected = value.values[value.codes[row]], program.function(view.rows()[row])
        assert (type(made), made) == (type(expected), expected), view.rows()[row]
    return value.sure


@pytest.mark.parametrize("body", FUNCTIONS)
def test_compiled_functions_do_what_plain_python_does(body: str) -> None:
    function = written(body)
    shard = Shard(0, 0, table())
    kernel = check(function, shard)
    if body.endswith("row.text.lower in WORDS else HAM"):
        assert kernel.paths()[0].how == "python"
        return
    assert kernel.paths()[0].how == "compiled", kernel.paths()
    surely(recognise(function), shard)


def test_most_rows_are_sure() -> None:
    shard = Shard(0, 0, table())
    for body, unsure in (
        ('return SPAM if "i" in row.text.lower() else -1', 1),  # the missing text only
        ("return SPAM if row.plan in SET else HAM", 0),
        ('return SPAM if row.text and "x" in row.text else HAM', 0),
        ("return SPAM if row.n is not None and row.n < 5 else HAM", int(SIZE / 14) * 2 + 0),
        ("return TABLE.get(row.plan, ABSTAIN)", 0),
    ):
        sure = surely(recognise(written(body)), shard)
        assert np.count_nonzero(~sure) <= unsure + 2, body


@pytest.mark.parametrize("field", ["text", "plan", "n", "x", "flag", "tags", "empty"])
def test_a_field_of_any_type_can_stand_where_another_was_meant(field: str) -> None:
    shard = Shard(0, 0, table())
    for body in (
        f'return SPAM if "r" in row.{field} else HAM',
        f"return SPAM if row.{field} == 1 else HAM",
        f"return SPAM if row.{field} > 1 else HAM",
        f'return SPAM if row.{field} < "g" else HAM',
        f"return SPAM if len(row.{field}) > 1 else HAM",
        f"return SPAM if row.{field} + 1 > 1 else HAM",
        f'return SPAM if row.{field}.lower() == "free" else HAM',
        f"return SPAM if row.{field} in TABLE else HAM",
        f"return SPAM if row.{field} in (1, 2.0, 'free') else HAM",
        f"return SPAM if re.search('r', row.{field}) else HAM",
        f"return SPAM if row.{field} is True else HAM",
        f"return TABLE.get(row.{field}, 1)",
        f"return SPAM if (row.{field} or 'free') == 'free' else HAM",
        f"return SPAM if str(row.{field}) == 'None' else HAM",
        f"return row.{field} or 2",
        f"return SPAM if row.{field} and row.{field} == row.{field} else HAM",
        f"return SPAM if sum([row.{field}, 1]) > 2 else HAM",
    ):
        check(written(body), shard)


REFUSED = [
    ("return requests.get(row.text)", "reads `requests`, which is not defined"),
    ("input(row.text)", "calls `input`, which is not known to be free of effects"),
    ("return SPAM if eval(row.text) else HAM", "calls `eval`"),
    ("seen.append(row.text)", "calls `seen.append`"),
    ("row.text = 'x'", "only plain names can be assigned"),
    ("global HAM⏎HAM = 2⏎return HAM", "assigns the global name `HAM`"),
    ("try:⏎    return SPAM if row.n > 2 else HAM⏎except TypeError:⏎    return None", "has the statement `try:"),
    ("with open(row.text):⏎    return SPAM", "has the statement `with open"),
    ("while row.n:⏎    return SPAM", "has the statement `while"),
    ("for c in row.text:⏎    if c == 'x':⏎        return SPAM", "loops over `row.text`, which is no constant list"),
    ("for w in WORDS:⏎    if w in row.text:⏎        break", "break, continue or else"),
    ("return SPAM if (m := re.search('x', row.text)) else HAM", "(m := re.search("),
    ("return SPAM if re.search('x', row.text).group() else HAM", "not among the shapes"),
    ("return SPAM if re.search(row.plan, row.text) else HAM", "whose pattern is no constant"),
    ("return SPAM if re.search('(', row.text) else HAM", "which raises error"),
    ("return SPAM if re.search(b'x', row.text) else HAM", "b'x'"),
    ("return SPAM if re.search('x', row.text, re.DEBUG) else HAM", "flags that are not compiled"),
    ("return SPAM if row._index else HAM", "reads `row._index`"),
    ("return SPAM if row.text.encode() else HAM", "calls `row.text.encode`"),
    ("def inner(): return 1⏎return inner()", "has the statement `def inner"),
    ("return SPAM if counter(row.text) else HAM", "is a generator"),
    ("return SPAM if thing.value in row.text else HAM", "reads `thing.value`, of which nothing is known"),
    ("return SPAM if wrapped(row.text) else HAM", "calls `wrapped`"),
    ("return SPAM if odd in row.text else HAM", "not among the shapes"),
    ("return SPAM if any(w in row.text for w in mixed) else HAM", "`mixed` holds a value of type object"),
    ("yield SPAM", "generator"),
    ("return f'{row.text}'", "holds more than constants"),
    ("return SPAM if row.n ** 2 > 3 else HAM", "not among the shapes"),
    ("return SPAM if row.n == 2 ** 60 else HAM", "not among the shapes"),
    ("return SPAM if row.n == 9007199254740993 else HAM", "very large number"),
    ("return SPAM if row is not None else HAM", None),
]
ODD = (
    PREAMBLE
    + """
import functools
seen = []
class Thing:
    @property
    def value(self):
        seen.append(1)
        return "free"
thing = Thing()
class Odd(str):
    pass
odd = Odd("free")
mixed = ["free", object()]
def counter(text):
    yield text
@functools.lru_cache
def wrapped(text):
    return text
"""
)


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_what_cannot_be_proved_stays_python_and_says_why(body: str, reason: str | None) -> None:
    if body.startswith("yield"):
        names = execute(f"{ODD}\ndef function(row):\n    {body}\n")
        with pytest.raises(Refused, match="generator"):
            recognise(PythonFunction(name="f", function=names["function"], site=written("return").site))
        return
    function = written(body, ODD)
    if reason is None:
        check(function, Shard(0, 0, table()))
        return
    with pytest.raises(Refused, match=re.escape(reason)):
        recognise(function)
    (path,) = compile_functions([function], SCHEMA).paths()
    assert path.how == "python"
    assert reason in path.why


# --- what changes after it was compiled


def plan_of(body: str) -> tuple[PythonFunction, dict[str, Any], Plan]:
    function = written(body)
    return function, function.function.__globals__, compile_functions([function], SCHEMA)


@pytest.mark.parametrize(
    ("body", "change", "named"),
    [
        (
            "return SPAM if any(w in row.text for w in WORDS) else HAM",
            lambda names: names["WORDS"].append("e"),
            "WORDS",
        ),
        ("return TABLE.get(row.plan, HAM)", lambda names: names["TABLE"].update(pro="spam"), "TABLE"),
        ("return SPAM if row.plan in SET else HAM", lambda names: names["SET"].add("pro"), "SET"),
        ("return SPAM if row.n > LIMIT else HAM", lambda names: names.update(LIMIT=1), "LIMIT"),
        ("return SPAM if row.n > LIMIT else HAM", lambda names: names.update(LIMIT=2.5), "LIMIT"),
        ("return SPAM if PATTERN.search(row.text) else HAM", lambda n: n.update(PATTERN=re.compile("e")), "PATTERN"),
        ("return SPAM if len(row.text) > 3 else HAM", lambda names: names.update(len=lambda text: 4), "len"),
        ("return SPAM if shouts(row.text) else HAM", lambda n: n.update(shouts=lambda text: True), "shouts"),
        (
            "return SPAM if shouts(row.text) else HAM",
            lambda n: setattr(n["shouts"], "__code__", (lambda text: True).__code__),
            "shouts",
        ),
        ("return SPAM if Config.WORD in row.text else HAM", lambda n: setattr(n["Config"], "WORD", "e"), "Config.WORD"),
        ("return decide(row)", lambda n: setattr(n["decide"], "__defaults__", ("e",)), "decide"),
        ("return SPAM if find('fr', row.text) else HAM", lambda n: n.update(find=lambda p, t: None), "find"),
    ],
)
def test_what_changes_afterwards_is_noticed(body: str, change: Any, named: str) -> None:
    shard = Shard(0, 0, table())
    function, names, plan = plan_of(body)
    before = outcome(lambda: plan.run(shard, fault_tolerant=True)[0])
    assert plan.paths()[0].how == "compiled"
    change(names)
    after = outcome(lambda: plan.run(shard, fault_tolerant=True)[0])
    assert after == outcome(lambda: plainly(function, shard, fault_tolerant=True))
    assert after != before
    assert plan.paths()[0].how == "python"
    assert f"`{named}` is not what it was" in plan.paths()[0].why


def test_names_of_builtins_are_the_modules_own_where_it_has_them() -> None:
    function = written("return SPAM if len(row.text) > 3 else HAM", PREAMBLE + "\ndef len(text):\n    return 4\n")
    assert set(
        check(function, Shard(0, 0, table())).run(ShardView(Shard(0, 0, table())), fault_tolerant=True).__next__().votes
    ) == {1}
    function = written("return SPAM if any(row.text) else HAM", PREAMBLE + "\nany = print\n")
    with pytest.raises(Refused, match="calls `any`"):
        recognise(function)


def test_closures_defaults_and_resources() -> None:
    source = """
def make(words, limit=2):
    def function(row, label="spam", *, extra=()):
        return label if any(w in row.text for w in words) and len(row.text) > limit and row.plan not in extra else None
    return function
"""
    words = ["free"]
    inner = execute(source)["make"](words)
    shard = Shard(0, 0, table())
    function = labeling_function(name="f", resources={"extra": {"pro"}})(inner)
    assert check(function, shard).paths()[0].how == "compiled"
    surely(recognise(function), shard)
    plan = compile_functions([function], SCHEMA)
    words.append("e")
    assert outcome(lambda: plan.run(shard, fault_tolerant=True)[0]) == outcome(
        lambda: plainly(function, shard, fault_tolerant=True)
    )
    assert "`words` is not what it was" in plan.paths()[0].why


def test_lambdas_and_functions_of_a_module_file() -> None:
    shard = Shard(0, 0, table())
    short, free = (lambda row: 1 if len(row.text) < 5 else -1), (lambda row: 1 if "free" in row.text else -1)
    for each in (short, free):
        function = labeling_function(name="f")(each)
        assert check(function, shard).paths()[0].how == "compiled"
        surely(recognise(function), shard)


def test_a_source_that_is_not_what_runs_is_not_believed() -> None:
    function = written("return SPAM if 'free' in row.text else HAM")
    name = function.function.__code__.co_filename
    changed = [line.replace("'free'", "'win'") for line in linecache.cache[name][2]]  # type: ignore[misc]
    linecache.cache[name] = (1, None, changed, name)
    with pytest.raises(Refused, match="its source code is not at hand as it was executed"):
        recognise(function)


def test_snorkels_functions_are_recognised_too() -> None:
    snorkel = pytest.importorskip("snorkel.labeling")
    inner = written("return SPAM if word in row.text else ABSTAIN", parameters="row, word='win'").function
    function = wrap_snorkel(snorkel.LabelingFunction("f", inner, resources={"word": "free"}))
    shard = Shard(0, 0, table())
    assert check(function, shard).paths()[0].how == "compiled"
    surely(recognise(function), shard)

    class Own(snorkel.LabelingFunction):  # type: ignore[misc]
        def __call__(self, x: Any) -> int:
            return 0

    own = wrap_snorkel(Own("g", inner, resources={"word": "free"}))
    assert "may do more" in compile_functions([own], SCHEMA).paths()[0].why


def test_preprocessors_keep_a_function_in_python() -> None:
    function = labeling_function(name="f", pre=[lambda row: row])(written("return SPAM").function)
    assert compile_functions([function], SCHEMA).paths()[0].why == "has preprocessors"


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELKIT_RECOGNISE", "0")
    (path,) = compile_functions([written("return SPAM")], SCHEMA).paths()
    assert (path.how, path.why) == ("python", "LABELKIT_RECOGNISE=0 is set")


def test_a_difference_in_the_sample_gives_the_column_to_python() -> None:
    function, names, plan = plan_of("return SPAM if 'free' in row.text else HAM")
    kernel = kernel_of(plan)
    wrong = recognise(written("return SPAM if 'fre' in row.text or row.text == 'hello' else HAM"))
    (right,) = kernel._programs
    assert right is not None
    searches = [*right.searches(), *wrong.searches()]
    kernel._programs = [Program(function, wrong.result, right.bindings)]
    kernel._context = KernelContext(Matcher(searches), None)
    shard = Shard(0, 0, table())
    assert outcome(lambda: plan.run(shard, fault_tolerant=True)[0]) == outcome(
        lambda: plainly(function, shard, fault_tolerant=True)
    )
    (mismatch,) = kernel.mismatches
    assert (mismatch.function, mismatch.compiled, mismatch.python) == ("f", 1, 0)
    assert "compiled it gave another vote on item" in plan.paths()[0].why
    assert names["SPAM"] == 1


def test_parts_of_shards_and_empty_ones() -> None:
    texts = pa.chunked_array([pa.array(["Zero", "É"] * 40 + ["FREE x", None, "ÉE free", "b"])])
    whole = pa.table({"id": [str(i) for i in range(84)], "text": texts})
    for body in (
        "return SPAM if 'free' in row.text.lower() else None",
        "return SPAM if len(row.text.split()) > 1 else 0",
    ):
        function = written(body)
        for part in (whole.slice(80), whole.slice(79, 3), whole.slice(72), whole.slice(0, 0)):
            check(function, Shard(0, 0, part))
        plan, rows = compile_functions([function], SCHEMA), np.array([83, 80, 2, 81, 1])
        (some,) = plan.run(Shard(0, 0, whole), fault_tolerant=True, rows=rows)
        full = plainly(function, Shard(0, 0, whole), fault_tolerant=True)
        assert some.votes.tolist() == full.votes[rows].tolist()


def test_a_search_that_takes_for_ever_is_left_to_python() -> None:
    function = written("return SPAM if len(row.text) < 9 and re.match('(?i)(a+)+$', row.text) else HAM")
    shard = Shard(0, 0, pa.table({"id": ["1", "2"], "text": ["a" * 60 + "b", "aaa"]}))
    (column,) = compile_functions([function], SCHEMA, time_limit=0.2).run(shard)
    assert column.votes.tolist() == [0, 1]


def test_errors_come_in_the_order_of_the_functions() -> None:
    first = labeling_function(name="first")(written("return SPAM if row.x.y else print(row.n)").function)
    second = labeling_function(name="second")(written("return SPAM if row.n > 'x' else HAM").function)
    shard = Shard(0, 0, table())
    for functions in ([first, second], [second, first]):
        plan = compile_functions(functions, SCHEMA)
        assert sorted(path.how for path in plan.paths()) == ["compiled", "python"]
        with pytest.raises(FunctionFault, match=f"labeling function '{functions[0].name}'"):
            plan.run(shard)


def test_the_sample_project() -> None:
    functions = [each.function for each in discover(ROOT, ["labeling_functions/*.py"])]
    python = [each for each in functions if isinstance(each, PythonFunction)]
    schema = LabelSchema.from_names(["billing", "bug", "feature_request", "account_access", "praise"])
    paths = {f.name: path for f, path in zip(python, compile_functions(python, schema).paths(), strict=True)}
    assert {name for name, path in paths.items() if path.how == "compiled"} == {"kind_and_asks_nothing"}
    assert all(path.why for path in paths.values() if path.how != "compiled")


# --- anything that the grammar can say

WORD = st.sampled_from(["free", "FREE", "i", "k", "", " ", "ss", "a b", "é", "\u03c3", "x", "\n"])
CHANGE = st.sampled_from(
    ["", ".lower()", ".upper()", ".strip()", ".casefold()", ".title()", "[1:]", ".replace('e', 'i')"]
)
TEXT = st.builds(
    lambda field, change, more: f"{field}{change}{more}",
    st.sampled_from(["row.text", "row.plan", "row['text']", "(row.plan or 'free')", "str(row.plan)", "t"]),
    CHANGE,
    CHANGE,
)
NUMBER = st.one_of(
    st.sampled_from(["row.n", "row.x", "row.flag", "1", "2.5", "0", "-1", "n"]),
    st.builds("len({})".format, TEXT),
    st.builds("len({}.split())".format, TEXT),
    st.builds(lambda text, word: f"{text}.count({word!r})", TEXT, WORD),
)
SUM = st.one_of(NUMBER, st.builds(lambda a, how, b: f"({a} {how} {b})", NUMBER, st.sampled_from("+-*/%"), NUMBER))
ATOM = st.one_of(
    st.builds(lambda word, how, text: f"{word!r} {how} {text}", WORD, st.sampled_from(["in", "not in"]), TEXT),
    st.builds(lambda text, end, word: f"{text}.{end}with({word!r})", TEXT, st.sampled_from(["starts", "ends"]), WORD),
    st.builds(lambda text, how: f"{text}.{how}()", TEXT, st.sampled_from(["isupper", "isdigit", "isspace"])),
    st.builds(lambda a, how, b: f"{a} {how} {b}", SUM, st.sampled_from(["<", "<=", "==", "!=", ">"]), SUM),
    st.builds(lambda a, how, b: f"{a} {how} {b!r}", TEXT, st.sampled_from(["<", "==", "!="]), WORD),
    st.builds(lambda p, t, f: f"re.search({p!r}, {t}{f})", st.sampled_from(["fr", r"\\bk", "^i", r"\\s$", "É"]), TEXT,
              st.sampled_from(["", ", re.I", ", re.M"])),
    st.builds("any(w in {} for w in WORDS)".format, TEXT),
    st.builds("any(w in SET for w in {}.split())".format, TEXT),
    st.builds("{} in SET".format, st.one_of(TEXT, NUMBER)),
    st.builds("{} is None".format, st.one_of(TEXT, NUMBER)),
    TEXT,
    SUM,
)  # fmt: skip
CONDITION = st.recursive(
    ATOM,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
RESULT = st.one_of(
    st.sampled_from(["SPAM", "HAM", "-1", "None", "'other'", "TABLE.get(row.plan, -1)", "'unknown'", "n"]),
    st.builds("SPAM if {} else HAM".format, CONDITION),
)


@st.composite
def statements(draw: st.DrawFn, depth: int = 2) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["if", "t", "n", "for", "return"] if depth else ["t", "n", "return"]))
        if kind == "if":
            lines += [f"if {draw(CONDITION)}:", *("    " + line for line in draw(statements(depth - 1)))]
            if draw(st.booleans()):
                lines += ["else:", *("    " + line for line in draw(statements(depth - 1)))]
        elif kind == "for":
            lines += ["for w in WORDS:", f"    if w in {draw(TEXT)}:", f"        return {draw(RESULT)}"]
        elif kind == "t":
            lines.append(f"t = {draw(TEXT)}")
        elif kind == "n":
            lines.append(draw(st.sampled_from(["n += 1", f"n = {draw(SUM)}"])))
        else:
            lines.append(f"return {draw(RESULT)}")
    return lines


@settings(max_examples=120, deadline=None)
@given(statements(), st.lists(st.one_of(st.none(), st.text("aeiksſKİßΣς \n\x1c\xa0FRfr1", max_size=8)), max_size=12))
def test_whatever_is_recognised_does_what_plain_python_does(lines: list[str], texts: list[str | None]) -> None:
    function = written("⏎".join(["t = row.text", "n = 0", *lines]))
    whole = table()
    further = whole.slice(0, len(texts)).set_column(1, "text", pa.array(texts, pa.string()))
    shard = Shard(0, 0, pa.concat_tables([whole.slice(0, 20), further]).unify_dictionaries())
    kernel = check(function, shard)
    assert kernel.paths()[0].how == "compiled", kernel.paths()
    surely(recognise(function), shard)


@pytest.mark.parametrize(
    "asked",
    [
        '"i" in row.text.lower()',
        '"k" in row.text.lower()',
        '"S" in row.text.lower()',
        '"ss" in row.text.casefold()',
        '"SS" in row.text.upper()',
        '"K" in row.text.upper()',
        'any(w in row.text.lower() for w in ["free", "s", "fi"])',
        '"st" not in row.text.casefold()',
        'set(row.text.lower().split()) & {"free", "k", "s"}',
        '"fine" in row.text.lower().split()',
        're.search(r"\\b(free|ki)\\b|st", row.text.lower())',
        're.search(r"[^f-z]", row.text.lower())',
        're.search(r"F|k", row.text.lower())',
        're.search(r"[!-Z]", row.text.lower())',
        're.match(r"(s)\\1|f(?![i])", row.text.casefold())',
        're.search(r"(?i:F)|q", row.text.lower())',
        '"free" in row.text.lower() and "k" in row.text.lower()',
    ],
)
@pytest.mark.parametrize("share", [2, 40])
def test_letters_in_any_case_among_texts_that_are_hardly_or_mostly_ascii(asked: str, share: int) -> None:
    odd = ["İstanbul", "ſ", "\u212a", "STRAẞE", "straße", "ΣΑΣ", "ﬁne", "ﬆop", "free é", "FREE É", ""]
    plain = ["FREE", "free", "Kiss", "nothing", "STOP", "fine", "", "i"]
    texts = [odd[i % len(odd)] if i % share == 0 else plain[i % len(plain)] for i in range(400)]
    texts[7] = None  # type: ignore[call-overload]
    shard = Shard(0, 0, pa.table({"id": list(map(str, range(400))), "text": texts}))
    function = written(f"return SPAM if {asked} else HAM")
    assert check(function, shard).paths()[0].how == "compiled"
    assert surely(recognise(function), shard).sum() == 399
