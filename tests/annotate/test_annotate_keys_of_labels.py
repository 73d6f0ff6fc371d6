"""Keys of labels, and words to highlight."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.annotate import RESERVED_KEYS, answer_keys, highlight_words
from labelkit.annotate.highlight import MAX_WORDS, declared_words
from labelkit.errors import ConfigError
from labelkit.lf import keywords

LABELS = ["billing", "bug", "praise"]


def test_digits_come_first_and_then_letters_that_the_page_leaves() -> None:
    keys = answer_keys([f"label {n}" for n in range(40)], {})
    given_keys = [key for key in keys.values() if key is not None]
    assert given_keys[:10] == list("1234567890")
    assert given_keys[10:] == [letter for letter in string.ascii_lowercase if letter not in RESERVED_KEYS]
    assert list(keys.values())[len(given_keys) :] == [None] * (40 - len(given_keys))


def test_a_chosen_key_is_not_given_twice() -> None:
    assert answer_keys(LABELS, {"praise": "1", "bug": "X"}) == {"billing": "2", "bug": "x", "praise": "1"}


def test_a_chosen_key_moves_no_other_one() -> None:
    assert answer_keys(LABELS, {"billing": "x"}) == {"billing": "x", "bug": "2", "praise": "3"}
    assert answer_keys(LABELS, {"billing": "3"}) == {"billing": "3", "bug": "2", "praise": "1"}


@pytest.mark.parametrize("key", ["ä", "я", "+", "-", "٣"])
def test_keys_of_other_keyboards_are_keys(key: str) -> None:
    assert answer_keys(LABELS, {"bug": key})["bug"] == key


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"spam": "x"}, "there is no label 'spam'"),
        ({"bug": "x", "praise": "X"}, "is given to 'bug' and to 'praise'"),
        ({"bug": "u"}, "the page's own (undo)"),
        ({"bug": "U"}, "the page's own (undo)"),
        ({"bug": "?"}, "the page's own (help)"),
        ({"bug": ""}, "is no key"),
        ({"bug": " "}, "is no key"),
        ({"bug": "\t"}, "is no key"),
        ({"bug": "F1"}, "is no key"),
        ({"bug": "İ"}, "is no key"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_one_sentence(chosen: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        answer_keys(LABELS, chosen)
    assert said in raised.value.message and raised.value.message.startswith("annotation.keys: ")


@given(st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=60, unique=True), st.data())
def test_no_two_labels_ever_share_a_key(labels: list[str], data: st.DataObject) -> None:
    free = [key for key in "1234567890adijklmopqrtvwxyz+#" if key not in RESERVED_KEYS]
    some = data.draw(st.lists(st.sampled_from(labels), unique=True, max_size=len(free)))
    chosen = dict(zip(some, data.draw(st.permutations(free)), strict=False))
    keys = answer_keys(labels, chosen)
    assert list(keys) == labels
    used = [key for key in keys.values() if key is not None]
    assert len(used) == len(set(used)) and not set(used) & set(RESERVED_KEYS)
    assert {label: keys[label] for label in chosen} == chosen


def test_words_come_from_the_settings_and_from_keyword_functions() -> None:
    declared = [str(keywords("money", ["refund", "credit note", 'say "no"'], label="billing")), "regex('x', 'y')"]
    assert highlight_words(["Refund", " bank "], declared) == ["credit note", 'say "no"', "Refund", "bank"]


@pytest.mark.parametrize(
    "declaration",
    ["", "keywords(", "keywords('a')", "keywords('a', words)", "other('a', ['b'])", "a" * 10_000, "(" * 5000, "\x00"],
)
def test_what_declares_no_words_has_none(declaration: str) -> None:
    assert declared_words(declaration) == []


def test_a_declaration_is_read_and_never_run() -> None:
    assert declared_words("keywords('a', [__import__('os').abort(), 'word'])") == ["word"]


def test_there_is_a_bound() -> None:
    assert len(highlight_words([f"w{n}" for n in range(MAX_WORDS + 5)], [])) == MAX_WORDS
    assert highlight_words(["x" * 101, "  "], []) == []
