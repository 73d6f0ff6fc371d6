"""Twenty labeling functions in plain Python, as people write them for Snorkel; ``benchmarks/voting.py`` runs them."""

from __future__ import annotations

import re
from typing import Any

from snorkel.labeling import labeling_function

SPAM, HAM, ABSTAIN = 1, 0, -1
MONEY = ["cash", "prize", "free", "winner", "claim"]
LOVED = {"great", "wonderful", "excellent", "perfect", "brilliant"}
HATED = {"awful", "terrible", "boring", "worst", "waste"}
LINK = re.compile(r"https?://|www\.")


@labeling_function()
def says_please(x: Any) -> int:
    return SPAM if "please" in x.text.lower() else ABSTAIN


@labeling_function()
def subscribes(x: Any) -> int:
    return SPAM if "subscribe" in x.text.lower() else ABSTAIN


@labeling_function()
def has_song(x: Any) -> int:
    return HAM if "song" in x.text.lower() else ABSTAIN


@labeling_function()
def check_out(x: Any) -> int:
    return SPAM if re.search(r"check.*out", x.text, flags=re.I) else ABSTAIN


@labeling_function()
def has_link(x: Any) -> int:
    return SPAM if LINK.search(x.text) else ABSTAIN


@labeling_function()
def about_money(x: Any) -> int:
    return SPAM if any(word in x.text.lower() for word in MONEY) else ABSTAIN


@labeling_function()
def loved(x: Any) -> int:
    text = x.text.lower()
    return HAM if any(word in text for word in LOVED) else ABSTAIN


@labeling_function()
def hated(x: Any) -> int:
    text = x.text.lower()
    if any(word in text for word in HATED):
        return SPAM
    return ABSTAIN


@labeling_function()
def long_text(x: Any) -> int:
    return HAM if len(x.text) > 200 else ABSTAIN


@labeling_function()
def short_text(x: Any) -> int:
    return HAM if len(x.text.split()) < 5 else ABSTAIN


@labeling_function()
def asks(x: Any) -> int:
    return HAM if x.text.endswith("?") else ABSTAIN


@labeling_function()
def starts_with_i(x: Any) -> int:
    return HAM if x.text.startswith("i ") else ABSTAIN


@labeling_function()
def has_year(x: Any) -> int:
    return HAM if re.search(r"\b(19|20)\d\d\b", x.text) else ABSTAIN


@labeling_function()
def has_price(x: Any) -> int:
    return SPAM if re.search(r"[$£]\d+", x.text) else ABSTAIN


@labeling_function()
def news(x: Any) -> int:
    return HAM if "reuters" in x.text.lower() or "(ap)" in x.text.lower() else ABSTAIN


@labeling_function()
def film(x: Any) -> int:
    if "film" in x.text or "movie" in x.text:
        return HAM
    return ABSTAIN


@labeling_function()
def good_or_bad(x: Any) -> int:
    text = x.text.lower()
    if "not good" in text:
        return SPAM
    if "good" in text:
        return HAM
    return ABSTAIN


@labeling_function()
def many_words(x: Any) -> int:
    return HAM if x.words > 30 else ABSTAIN


@labeling_function()
def from_phone(x: Any) -> int:
    return SPAM if x.source == "sms" and x.words < 20 else ABSTAIN


@labeling_function()
def sports(x: Any) -> int:
    return HAM if re.search(r"\b(team|coach|league|season)\b", x.text.lower()) else ABSTAIN


FUNCTIONS = [
    says_please, subscribes, has_song, check_out, has_link, about_money, loved, hated, long_text, short_text,
    asks, starts_with_i, has_year, has_price, news, film, good_or_bad, many_words, from_phone, sports,
]  # fmt: skip
