"""Patterns over bytes find what the patterns of Python find: read here by Python's own `re` over bytes."""

from __future__ import annotations

import re
import warnings

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import regex
from labelkit.lf import Shard
from labelkit.lf.compile.matching import Matcher, Search
from labelkit.lf.compile.matching.charsets import ASCII_TOP, TOP, complement, intersection, members, same_letters, union
from labelkit.lf.compile.matching.translate import SEPARATOR, Translation, translate
from labelkit.lf.compile.matching.utf8 import char_pattern, run_pattern
from labelkit.lf.compile.view import ShardView
from tests.pattern_strategies import CHARACTERS, loose_texts, patterns, referring

ENGLISH = [
    (r"\bfoo\b", 0),
    (r"(?<!\w)(?:ask|bye)(?!\w)", re.I),
    (r"check\s+out", re.I),
    (r"(?:^|\s)foo(?:\s|$)", 0),
    (r"^foo.{0,20}bar$", re.I | re.S),
    (r"(a+)+$", 0),
    (r"\d{3,}-\d+", 0),
    (r"https?://\S+\.com", 0),
    (r"(?!\d)\w+ish\b", re.I),
    (r"(?>ab|a)", 0),
    (r"\w++", 0),
    (r"(\w)\1{3,}", 0),
    (r"(.)\1{3,}", re.I | re.S),
    (r"([!?.])\1{2,}", 0),
    (r"\b(very|really|so|no|ha|bye|too) \1\b", re.I),
    (r"([\"']?)\w+\1=", 0),
    (r"([\"']).*?\1", 0),
    (r"(\d{2})-\1", 0),
    (r"((\w)\2)x\1", 0),
    (r"<(b|i|em)>.*?</\1>", re.I),
    (r"([ab])(?!\1)\w\1", 0),
]


def found_by(expressions: tuple[bytes, ...], text: str) -> bool:
    """Whether one of the patterns reports the second of three texts, whatever else it reports."""
    data = text.encode("utf-8", "surrogatepass")
    behind = SEPARATOR + b"third" + SEPARATOR
    all_texts = SEPARATOR + b"first" + SEPARATOR + data + behind
    # A match ends behind a byte of the text, or behind the separator after it.
    end = b"(?=(?s:.{%d,%d})\\Z)" % (len(behind) - 1, len(behind) + len(data) - 1)
    return any(re.search(b"(?:" + expression + b")" + end, all_texts) for expression in expressions)


@pytest.mark.parametrize(("pattern", "flags"), ENGLISH)
def test_common_patterns_are_exact_among_ascii_texts(pattern: str, flags: int) -> None:
    translation = translate(pattern, int(flags), ascii_only=True)
    assert translation.finds == "some"
    assert translation.exact
    assert not translation.why


@pytest.mark.parametrize("pattern", ["", "^", "$", "x*", "(?:foo)?", "^x*", r"\s*$", "(?!x)", "(?<!x)", "(a|)", "a*+"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_matches_everything_needs_no_scan(pattern: str, ascii_only: bool) -> None:
    assert translate(pattern, 0, ascii_only=ascii_only) == Translation("all")
    assert re.search(pattern, "some text")


@pytest.mark.parametrize("pattern", ["(?!)", "é", "a(?!)b", "[é-ü]x", r"[^\x00-\x7f]"])
def test_what_cannot_match_ascii_texts_needs_no_scan(pattern: str) -> None:
    assert translate(pattern, 0, ascii_only=True) == Translation("none")


@pytest.mark.parametrize(
    ("pattern", "ascii_only", "why"),
    [
        (r"(\w+)\1", True, "a backreference"),
        (r"(a)?b\1", True, "a backreference"),
        (r"(?:(a)|b)\1", True, "a backreference"),
        (r"(?:(a|b)\1c)+d", True, "a backreference"),
        (r"((a)|b)x\2", True, "a backreference"),
        (r"(?i:(a))x\1", True, "a backreference"),
        (r"(\w)\1", False, "a backreference"),
        (r"foo(?!ba+r)", True, "a negative lookahead for more than one character"),
        (r"(?:ab|a)++b", True, "a possessive repeat of a group"),
        (r"(?>ab|a)b", True, "an atomic group or possessive repeat"),
        (r"(a)?(?(1)b|c)", True, "a conditional group"),
        (r"foo.{1,40000}bar", True, "a long counted repeat"),
        (r"\bfoo\b", False, "a class such as `\\w` beyond ASCII"),
        (r"(?a:\w)x", False, r"a class such as `\w` with other flags than the pattern around it"),
    ],
)
def test_what_is_not_exact_says_why(pattern: str, ascii_only: bool, why: str) -> None:
    translation = translate(pattern, 0, ascii_only=ascii_only)
    assert (translation.finds, translation.exact) == ("some", False)
    assert why in translation.why.split("; ")


@pytest.mark.parametrize("pattern", [r"\b", r"\B", r"^(?!.*foo)", r"(?=\b)"])
def test_what_needs_no_character_is_left_to_re(pattern: str) -> None:
    translation = translate(pattern, 0, ascii_only=True)
    assert translation.finds == "unknown"
    assert translation.why


def test_leading_lookaheads_narrow_the_candidates() -> None:
    for pattern in ("(?=.*foo).*$", "^(?=.*foo).*$", "(?=.*foo)", "(?=.*foo)(?=.*bar)"):
        translation = translate(pattern, 0, ascii_only=True)
        assert translation.finds == "some"
        assert not found_by(translation.expressions, "nothing of it")


def test_words_with_an_apostrophe_or_dash_beside_them_are_certain() -> None:
    translation = translate(r"\bfoo\b", 0, ascii_only=False)
    for text in ("“foo”", "é foo", "foo–é", "foo…", "foo😀"):
        assert found_by(translation.certain, text)
    for text in ("éfoo", "fooß", "日foo"):
        assert not found_by(translation.certain, text)
        assert found_by(translation.expressions, text)


def test_thousands_of_words_become_several_patterns() -> None:
    words = "|".join(f"{i}word" for i in range(2000))
    many = translate(rf"(?<!\w)(?:{words})(?!\w)", 0, ascii_only=True)
    assert many.exact
    assert len(many.expressions) > 1
    assert max(map(len, many.expressions)) < 16_000


@settings(deadline=None, max_examples=250)
@given(search=st.one_of(patterns, patterns, referring), text=loose_texts)
def test_translations_are_supersets_and_say_when_they_are_more(search: tuple[str, int], text: str) -> None:
    if not text:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matches = re.search(search[0], text, search[1]) is not None
        for ascii_only in (True, False) if text.isascii() else (False,):
            translation = translate(*search, ascii_only=ascii_only)
            if translation.finds == "some":
                found = found_by(translation.expressions, text)
                assert found == matches or (found and not translation.exact)
                assert matches or not found_by(translation.certain, text)
            else:
                assert translation.finds in ("unknown", "all" if matches else "none")


# --- sets of characters

_code = st.one_of(st.sampled_from(CHARACTERS).map(ord), st.integers(0, TOP))
_ranges = st.lists(st.tuples(_code, _code).map(lambda ends: (min(ends), max(ends))), max_size=6).map(union)


@given(first=_ranges, second=_ranges, code=_code)
def test_sets_are_sets(first: tuple[tuple[int, int], ...], second: tuple[tuple[int, int], ...], code: int) -> None:
    def holds(ranges: tuple[tuple[int, int], ...]) -> bool:
        return any(low <= code <= high for low, high in ranges)

    assert holds(union(first, second)) == (holds(first) or holds(second))
    assert holds(intersection(first, second)) == (holds(first) and holds(second))
    assert holds(complement(first, TOP)) != holds(first)


@settings(deadline=None)
@given(ranges=_ranges, codes=st.lists(_code, min_size=1, max_size=20))
def test_byte_patterns_of_sets_have_the_sets_members(ranges: tuple[tuple[int, int], ...], codes: list[int]) -> None:
    outer, exact = char_pattern(ranges, "outer")
    inner, _ = char_pattern(ranges, "inner")
    for code in codes:
        data = chr(code).encode("utf-8", "surrogatepass")
        member = any(low <= code <= high for low, high in ranges)
        within = outer is not None and re.fullmatch(outer, data) is not None
        assert within == member or (within and not exact)
        assert member or inner is None or not re.fullmatch(inner, data)


@pytest.mark.parametrize("written", [r"\w", r"\W", r"\d", r"\s", r"\S", "[^a]", "[k-s]", "[^İ]", r"[\w’]", "[À-ſ]"])
@pytest.mark.parametrize("flags", [0, re.I, re.A, re.I | re.A])
def test_classes_have_the_members_that_re_gives_them(written: str, flags: int) -> None:
    ((_, items),) = re._parser.parse(written, flags)  # type: ignore[attr-defined]
    items = items if isinstance(items, list) else [(re._constants.NEGATE, None), (re._constants.LITERAL, items)]  # type: ignore[attr-defined]
    everything = "".join(map(chr, range(TOP + 1)))
    wanted = {m.start() for m in re.finditer(written, everything, flags)}
    for top in (ASCII_TOP, TOP):
        found = members(tuple(items), int(flags), top)
        assert {code for low, high in found for code in range(low, high + 1)} == {c for c in wanted if c <= top}


@pytest.mark.parametrize("flags", [re.I, re.I | re.A, re.NOFLAG])
def test_references_take_the_same_letters_for_the_same_as_re(flags: re.RegexFlag) -> None:
    again = re.compile(r"(.)\1", flags | re.S)
    letters = same_letters(int(flags), TOP)
    for char in map(chr, range(0x20000)):
        others = {*char.lower(), *char.upper(), *char.title(), *char.casefold(), *char.lower().upper()}
        for one, other in ((char, each) for each in others if each != char):
            same = ord(other) in letters.get(ord(one), ())
            assert same == (again.fullmatch(one + other) is not None), (one, other)
            assert same == (ord(one) in letters.get(ord(other), ()))


def test_a_run_never_begins_inside_a_character() -> None:
    everything, _ = run_pattern(((0, TOP),), "outer")
    assert everything is not None
    assert re.fullmatch(everything, "a日é".encode())
    assert not re.match(everything, "日".encode()[1:])


def test_no_character_above_the_searched_ones_has_two_cases() -> None:
    assert not [
        code for code in range(0x20000, TOP + 1) if chr(code).lower() != chr(code) or chr(code).upper() != chr(code)
    ]


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        (r"not\b(?! only)", ["not", "not o", "not onl", "not  only", "not only not"], ["not only", "no"]),
        (r"(?<!not )good", ["good", "t good", "ot good", "nogood", "not good good"], ["not good", "goo"]),
        (r"a(?![bc]\d)", ["a", "ab", "abx", "a1", "ab1ac"], ["ab1", "ac9"]),
    ],
)
def test_what_must_not_be_beside_is_said_exactly(pattern: str, found: list[str], not_found: list[str]) -> None:
    assert translate(pattern, 0, ascii_only=True).exact
    function = regex("f", pattern, label=0)
    # Between other texts, so that what stands in the next row would show.
    texts = [" only", *found, "not ", *not_found, "b1"]
    mask = Matcher([Search("text", pattern)]).found(
        Search("text", pattern), ShardView(Shard(0, 0, pa.table({"text": texts}))), function
    )
    assert mask.tolist() == [re.search(pattern, text) is not None for text in texts]
    assert mask[1 : 1 + len(found)].all() and not mask[2 + len(found) : -1].any()
