"""The sample project is what its README says, and its labeling functions are worth showing to a newcomer."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelkit import LabelSchema
from labelkit.lf import DiscoveredFunction, Shard, apply_functions, discover
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.types import ABSTAIN, IntArray

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_data"
CLASSES = ("billing", "bug", "feature_request", "account_access", "praise")
KINDS = {"keywords", "regex", "expression", "lookup", "model", "python", "snorkel"}

Messages = list[dict[str, str]]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "labelkit.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema(settings: dict[str, Any]) -> LabelSchema:
    return LabelSchema.from_names(settings["project"]["labels"])


@pytest.fixture(scope="module")
def messages() -> Messages:
    with (SAMPLE / "messages.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def functions(settings: dict[str, Any]) -> list[DiscoveredFunction]:
    return discover(ROOT, settings["labeling_functions"]["files"])


@pytest.fixture(scope="module")
def votes(functions: list[DiscoveredFunction], messages: Messages, schema: LabelSchema) -> dict[str, IntArray]:
    """The votes of every function on all messages, in index space, without gold labels in sight."""
    shown = ("id", "text", "channel", "plan")
    table = pa.table({name: [message[name] for message in messages] for name in shown})
    columns = apply_functions([f.function for f in functions], Shard(0, 0, table), schema, fault_tolerant=False)
    return {column.function: schema.to_indices(column.votes) for column in columns}


@pytest.fixture(scope="module")
def train(messages: Messages) -> np.ndarray:
    return np.array([message["split"] == "train" for message in messages])


@pytest.fixture(scope="module")
def gold(messages: Messages, schema: LabelSchema) -> np.ndarray:
    return np.array([schema.index(message["gold"]) for message in messages])


def test_there_are_enough_messages_of_the_five_classes(messages: Messages, schema: LabelSchema) -> None:
    assert len(messages) >= 1500
    assert schema.names == CLASSES
    counts = Counter(message["gold"] for message in messages)
    assert set(counts) == set(CLASSES)
    assert min(counts.values()) >= 100


def test_every_field_is_filled_with_what_the_readme_allows(messages: Messages) -> None:
    allowed = {
        "split": {"train", "test"},
        "channel": {"email", "in_app", "chat", "app_review"},
        "plan": {"free", "pro", "team"},
    }
    for message in messages:
        assert list(message) == ["id", "text", "gold", "split", "channel", "plan"]
        assert message["text"] and message["text"] == message["text"].strip(), message["id"]
        for field, values in allowed.items():
            assert message[field] in values, message["id"]


def test_ids_and_texts_are_unique(messages: Messages) -> None:
    for field in ("id", "text"):
        counts = Counter(" ".join(message[field].casefold().split()) for message in messages)
        assert [value for value, n in counts.items() if n > 1] == []


def test_no_message_is_a_near_copy_of_another(messages: Messages) -> None:
    triples = {message["id"]: _triples(message["text"]) for message in messages}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for message_id, own in triples.items():
        for triple in own:
            holders[triple].append(message_id)
    pairs = {(a, b) for ids in holders.values() for i, a in enumerate(ids) for b in ids[i + 1 :]}
    similar = {(a, b): len(triples[a] & triples[b]) / len(triples[a] | triples[b]) for a, b in pairs}
    assert {pair: share for pair, share in similar.items() if share >= 0.6} == {}


def test_each_class_is_split_three_to_one(messages: Messages) -> None:
    counts = Counter((message["gold"], message["split"]) for message in messages)
    for name in CLASSES:
        share = counts[name, "test"] / (counts[name, "train"] + counts[name, "test"])
        assert share == pytest.approx(0.25, abs=0.02), name


def test_messages_hold_no_address_that_could_be_real(messages: Messages) -> None:
    reserved = re.compile(r"(?:^|\.)example(?:\.com|\.org)?$")
    for message in messages:
        for domain in re.findall(r"(?:\w@|https?://|www\.)([\w-]+(?:\.[\w-]+)+)", message["text"]):
            assert reserved.search(domain), (message["id"], domain)
        # Invoice, order and ticket numbers are short or have letters in them.
        assert not re.search(r"\+\d[\d ()-]{8,}|\b(?:\d[ -]?){11,}\b", message["text"]), message["id"]


def test_the_readme_counts_what_is_there(messages: Messages) -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    counts = Counter((message["gold"], message["split"]) for message in messages)
    for name in CLASSES:
        train, test = counts[name, "train"], counts[name, "test"]
        assert f"| `{name}` | {train} | {test} | {train + test} |" in readme
    for field in ("channel", "plan"):
        for value, n in Counter(message[field] for message in messages).items():
            assert f"| `{value}` | {n} |" in readme, value
    assert f"holds {len(messages):,} short messages" in readme


def test_the_guidelines_name_the_classes_and_quote_no_message(messages: Messages, settings: dict[str, Any]) -> None:
    guidelines = (ROOT / settings["annotation"]["guidelines"]).read_text(encoding="utf-8")
    assert all(f"**{name}**" in guidelines for name in CLASSES)
    texts = [message["text"].casefold() for message in messages]
    examples = [quote for quote in re.findall(r'"([^"]+)"', guidelines) if len(quote.split()) > 2]
    assert len(examples) >= 10
    for example in examples:
        assert not any(example.casefold() in text for text in texts), example


def test_there_are_15_to_25_functions_of_all_kinds_for_all_classes(
    functions: list[DiscoveredFunction], votes: dict[str, IntArray]
) -> None:
    assert 15 <= len(functions) <= 25
    assert {f.kind for f in functions} == KINDS
    voted = {int(label) for column in votes.values() for label in np.unique(column) if label != ABSTAIN}
    assert voted == set(range(len(CLASSES)))


def test_every_function_says_why_it_should_work(functions: list[DiscoveredFunction]) -> None:
    silent = [f.name for f in functions if not _reason(f)]
    assert silent == []


def test_some_functions_are_mediocre_and_say_so(functions: list[DiscoveredFunction]) -> None:
    assert sum("Mediocre" in _reason(f) for f in functions) >= 3


def test_every_function_votes_and_does_better_than_chance(
    votes: dict[str, IntArray], gold: np.ndarray, train: np.ndarray
) -> None:
    for name, column in votes.items():
        voted = train & (column != ABSTAIN)
        assert voted.sum() >= 5, name
        assert (column[voted] == gold[voted]).mean() > 0.5, name


@pytest.mark.parametrize("split", ["train", "test"])
def test_together_they_cover_most_messages_and_are_mostly_right(
    split: str, votes: dict[str, IntArray], gold: np.ndarray, train: np.ndarray
) -> None:
    rows = train if split == "train" else ~train
    counts = np.stack([sum((column[rows] == k).astype(int) for column in votes.values()) for k in range(5)], axis=1)
    covered = counts.sum(axis=1) > 0
    top = counts.max(axis=1, keepdims=True)
    tied = (counts == top).sum(axis=1) > 1
    decided = covered & ~tied
    assert 0.70 <= covered.mean() <= 0.85
    assert 0.75 <= (counts.argmax(axis=1)[decided] == gold[rows][decided]).mean() <= 0.92
    assert 0.10 <= ((counts > 0).sum(axis=1) > 1).mean() <= 0.30
    for k, name in enumerate(CLASSES):
        assert covered[gold[rows] == k].mean() >= 0.5, name


def _triples(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def _reason(found: DiscoveredFunction) -> str:
    """The docstring of a function, or the comment right above a declaration."""
    if isinstance(found.function, PythonFunction):
        return found.function.function.__doc__ or ""
    if isinstance(found.function, SnorkelFunction):
        return found.function.function._f.__doc__ or ""
    above = (ROOT / found.file).read_text(encoding="utf-8").splitlines()[: found.line - 1]
    comment = []
    while above and above[-1].startswith("#"):
        comment.append(above.pop())
    return "\n".join(reversed(comment))
