"""Patterns and texts that are hard to search alike: what Python's `re` and a byte scanner may see differently."""

from __future__ import annotations

import re
import warnings

from hypothesis import strategies as st

# Pairs of cases within and beyond ASCII, what ends a line, what is a space or a digit to Unicode only,
# characters of two, three and four bytes, and those at the ends of ranges of bytes.
CHARACTERS = (
    "aabkKsSiI1_ -\n\r\x00\x1c!'.éÉſ\u212aİıßσςΣ\u0301’–\xa0\u3000日😀٣\x85ǅ\x7f\x80\u07ff\u0800\uffff\U0010ffff"
)
SURROGATES = "\ud800\udfff"

_plain = st.sampled_from(CHARACTERS).map(re.escape)
_category = st.sampled_from([r"\w", r"\W", r"\d", r"\D", r"\s", r"\S"])
_range = st.tuples(st.sampled_from(CHARACTERS), st.sampled_from(CHARACTERS)).map(
    lambda ends: f"{re.escape(min(ends))}-{re.escape(max(ends))}"
)
_class = st.builds(
    lambda negated, parts: f"[{'^' if negated else ''}{''.join(parts)}]",
    st.booleans(),
    st.lists(st.one_of(_plain, _plain, _range, _category), min_size=1, max_size=3),
)
_one = st.one_of(_plain, _plain, _plain, _class, _category, st.just("."))
_anchor = st.sampled_from([r"\b", r"\b", r"\B", "^", "$", r"\A", r"\Z"])
_special = st.sampled_from([r"(a|s)?(?(1)k|i)", r"(\w)\1", r"(?P<n>k|s)(?P=n)", "(?!)", "(?=)", "(?:)"])
# Where a group stands to what refers to it: beside it, in another case, optional, repeated, behind what looks around.
_templates = st.sampled_from(
    [
        "(?P<n{2}>{0}){1}(?P=n{2})",
        "(?P<n{2}>{0}){1}(?P=n{2})",
        "(?P<n{2}>{0})(?P=n{2}){{2,}}{1}",
        "(?P<n{2}>{0})(?i:(?P=n{2}))",
        "(?i:(?P<n{2}>{0}))(?P=n{2}){1}",
        "(?P<n{2}>{0})?{1}(?P=n{2})",
        "(?P<n{2}>{0})+?{1}(?P=n{2})",
        "(?:(?P<n{2}>{0})|{1})*(?P=n{2})",
        "(?:(?P<n{2}>{0})|{1}(?P=n{2})?)+(?P=n{2})",
        "(?:(?P<n{2}>{0}){1}(?P=n{2}))+",
        "(?P<m{2}>(?P<n{2}>{0})(?P=n{2})|{1})(?P=m{2})(?P=n{2})?",
        "(?P<n{2}>{0})(?P<m{2}>{1})(?P=m{2})(?P=n{2})",
        "(?P<n{2}>{0})(?:{1}|(?P=n{2}))k(?P=n{2})*",
        "(?P<n{2}>{0})(?!(?P=n{2})){1}",
        "(?=(?P<n{2}>{0})){1}(?P=n{2})",
        "(?P<n{2}>{0})(?={1}(?P=n{2}))",
        "(?>(?P<n{2}>{0})){1}(?P=n{2})",
    ]
)
_groups = st.sampled_from(
    ["a", "[ab]", "k|s", "ab|a", "[kK]|si", r"\w", ".", "[^a]", r"\ba|s\b", "a?", "[ks]{2}", r"\w+"]
)
_reference = st.builds(
    str.format,
    _templates,
    _groups,
    st.one_of(st.just(""), _one, _anchor, _special, st.sampled_from([" ", ".*", r"\w?", "-+?", "s{2,}"])),
    st.integers(0, 99),  # so that several in one pattern have their own names
)
_times = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "{60}", "{1,700}", "{0}"])
_flag = st.sampled_from(["i", "s", "m", "a", "x", "i-s", "-i", "u"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3)
    fixed = st.lists(_one, min_size=1, max_size=2).map("".join)
    return st.one_of(
        several.map("".join),
        several.map("".join),
        several.map(lambda options: f"(?:{'|'.join(options)})"),
        several.map(lambda options: f"(?:{'|'.join(options)}|)"),
        inner.map(lambda body: f"({body})"),
        st.builds(
            lambda body, times, how: f"(?:{body}){times}{how}", inner, _times, st.sampled_from(["", "", "?", "+"])
        ),
        st.builds(lambda body, times, how: f"{body}{times}{how}", _one, _times, st.sampled_from(["", "", "?", "+"])),
        st.builds(lambda kind, body: f"({kind}{body})", st.sampled_from(["?=", "?!", "?>"]), inner),
        st.builds(lambda kind, body: f"({kind}{body})", st.sampled_from(["?<=", "?<!"]), st.one_of(fixed, _anchor)),
        st.builds(lambda flag, body: f"(?{flag}:{body})", _flag, inner),
    )


_body = st.recursive(st.one_of(_one, _one, _one, _anchor, _special, _reference), _larger, max_leaves=8)
_front = st.sampled_from(
    ["", "", "", "^", r"\b", r"(?<!\w)", r"(?:^|\s)", r"(?!\w)", "(?<=k)", ".*", r"\w+", "(?=.*k)"]
)
_back = st.sampled_from(["", "", "", "$", r"\b", r"(?!\w)", r"(?:\s|$)", "(?=k)", ".*", r"\w+", r"\s*$", r"(?![ks]i)"])


def _valid(search: tuple[str, int]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested sets and the like
        try:
            re.compile(*search)
        except (re.error, OverflowError, ValueError):
            return False
    return True


flags = st.sets(st.sampled_from([re.I, re.I, re.M, re.S, re.A, re.X]), max_size=3).map(
    lambda each: sum(int(flag) for flag in each)
)
patterns = st.tuples(st.builds("{}{}{}".format, _front, _body, _back), flags).filter(_valid)
"""A pattern that compiles, and its flags."""
referring = st.tuples(st.builds("{}{}{}".format, _front, _reference, _back), flags).filter(_valid)
"""The same, with a group and references to it."""

texts = st.text(st.sampled_from(CHARACTERS), max_size=6)
"""Short texts of the characters that the patterns are made of; often empty."""
loose_texts = st.text(st.sampled_from(CHARACTERS + SURROGATES), max_size=6)
"""The same with lone surrogates."""
