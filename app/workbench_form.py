"""The form of the workbench: what is in it, and how other parts of the page fill it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import components
import shared
import streamlit as st

from labelkit.lf.declared import DeclaredFunction
from labelkit.steps.workbench import SavedFunction

Declaration = dict[str, Any]

KINDS = {"keywords": "Keywords", "regex": "Regex"}
MOST_TYPED = 5_000
"""Characters of a list of words that is pasted in."""
_FRESH: dict[str, Any] = {
    "wb-kind": "keywords",
    "wb-words": [],
    "wb-word": "",
    "wb-pattern": "",
    "wb-case": False,
    "wb-substring": False,
    "wb-field": "text",
    "wb-name": "",
    "wb-note": "",
}


def widgets(labels: list[str], fields: list[str]) -> Declaration | None:
    """What the function says; None while there is nothing to look for."""
    for key, value in _FRESH.items():
        st.session_state.setdefault(key, value)
    edited = edited_name()
    st.markdown(f"**Edit {shared.literal(edited)}**" if edited else "**Try a function**")
    kind = st.segmented_control(
        "Kind", list(KINDS), format_func=KINDS.__getitem__, key="wb-kind", label_visibility="collapsed", required=True
    )
    with st.container(key="wb-typing-place"):
        typed = _typed()
    looked_for = _keywords(typed) if kind == "keywords" else _pattern(typed)
    if st.session_state.get("wb-label") not in labels:
        st.session_state["wb-label"] = labels[0]
    label = st.selectbox("Votes for", labels, key="wb-label")
    if st.session_state["wb-field"] not in fields:
        st.session_state["wb-field"] = "text"
    field = st.selectbox("In the field", fields, key="wb-field") if len(fields) > 2 else "text"
    with st.container(horizontal=True):
        case = st.checkbox("Match case", key="wb-case")
        if kind == "keywords":
            looked_for["substring"] = st.checkbox(
                "Inside words", key="wb-substring", help="“crash” then also finds “crashes”."
            )
    if not looked_for.get("keywords") and not looked_for.get("pattern"):
        return None
    return {"name": "new function", "kind": kind, "label": label, "field": field, "case": case, **looked_for}


def _typed() -> str | None:
    """What stands in the field and was not entered yet, after a pause in typing; None where nothing does."""
    place = st.session_state.setdefault("wb-round", 0)
    told = components.mount("typing", {"fields": ["wb-word", "wb-pattern"], "round": place}, key="wb-typing")
    typed = told.get("typed")
    if not isinstance(typed, dict) or typed.get("round") != place:  # of before something was entered
        return None
    return str(typed.get("text", ""))[:MOST_TYPED]


def entered() -> None:
    """What was typed up to here is dealt with."""
    st.session_state["wb-round"] = st.session_state.get("wb-round", 0) + 1


def _keywords(typed: str | None) -> Declaration:
    st.text_input(
        "Words or phrases",
        key="wb-word",
        on_change=add_words,
        placeholder="Type one, press Enter",
        help="Each is found as a whole word, in upper or lower case. A comma separates several.",
    )
    words: list[str] = st.session_state["wb-words"]
    if words:
        with st.container(horizontal=True, gap="xsmall", key="wb-words-shown"):
            for place, word in enumerate(words):
                st.button(
                    shared.literal(word),
                    key=f"wb-word-{place}",
                    icon=":material/close:",
                    on_click=drop_word,
                    args=(word,),
                    help="Take it away",
                )
    return {"keywords": list(dict.fromkeys([*words, *_separate(typed or "")]))}


def add_words() -> None:
    """Take over what was typed."""
    typed = _separate(st.session_state["wb-word"][:MOST_TYPED])
    st.session_state["wb-words"] = list(dict.fromkeys([*st.session_state["wb-words"], *typed]))
    st.session_state["wb-word"] = ""
    entered()


def _separate(typed: str) -> list[str]:
    """Words and phrases between commas."""
    return list(filter(None, (" ".join(word.split()) for word in typed.split(","))))


def drop_word(word: str) -> None:
    """Look for a word no more."""
    st.session_state["wb-words"] = [other for other in st.session_state["wb-words"] if other != word]


def _pattern(typed: str | None) -> Declaration:
    pattern = st.text_input(
        "Pattern",
        key="wb-pattern",
        placeholder=r"\brefund(ed|s)?\b",
        max_chars=2000,
        help="As Python's re reads it.",
        on_change=entered,
    )
    return {"pattern": pattern if typed is None else typed}


def name_widgets() -> Declaration:
    """Name and note of the function."""
    name = st.text_input("Name", key="wb-name", placeholder="asks_for_money_back", max_chars=100)
    note = st.text_input("Note", key="wb-note", placeholder="Why it is there (optional)", max_chars=1000)
    return {"name": name.strip(), "note": note.strip()}


def edited_name() -> str | None:
    """The name of the function that is being edited; None for a new one."""
    edited: tuple[str, str] | None = st.session_state.get("wb-editing")
    return edited[0] if edited else None


def edited_seen() -> str | None:
    """What the function that is being edited was when editing began."""
    edited: tuple[str, str] | None = st.session_state.get("wb-editing")
    return edited[1] if edited else None


def fill(entry: DeclaredFunction) -> None:
    """Put a function into the form, as a new one."""
    st.session_state["wb-editing"] = None
    values = {
        "wb-kind": entry.kind,
        "wb-words": list(entry.keywords),
        "wb-word": "",
        "wb-pattern": entry.pattern,
        "wb-case": entry.case,
        "wb-substring": entry.substring,
        "wb-field": entry.field,
        "wb-label": str(entry.label),
        "wb-name": entry.name,
        "wb-note": entry.note,
    }
    for key, value in values.items():
        st.session_state[key] = value
    entered()


def edit(saved: SavedFunction) -> None:
    """Put a saved function into the form, to change it."""
    fill(replace(saved.entry, label=saved.label))
    st.session_state["wb-editing"] = (saved.entry.name, saved.seen)


def clear() -> None:
    """Begin anew; the label stays."""
    st.session_state["wb-editing"] = None
    for key, value in _FRESH.items():
        st.session_state[key] = list(value) if isinstance(value, list) else value
    entered()


def mine() -> None:
    """Suggestions are wanted in this session."""
    st.session_state["wb-mine"] = True


def saved(name: str, then: str) -> None:
    """Say so after the next run of the page, with an empty form."""
    st.session_state["wb-told"] = f"Saved **{shared.literal(name)}**. {then}"
    _again()


def removed(name: str) -> None:
    """Say so after the next run of the page."""
    st.session_state["wb-told"] = f"Removed **{shared.literal(name)}**. Its votes end with the next `labelkit vote`."
    _again()


def _again() -> None:
    st.session_state["wb-begin"] = True
    st.rerun()


def told_last() -> None:
    """What was done before this run of the page."""
    if st.session_state.pop("wb-begin", False):
        clear()
    told = st.session_state.pop("wb-told", None)
    if told:
        st.success(told, icon=":material/check:")


def in_words(entry: DeclaredFunction) -> str:
    """What a function looks for, on one line."""
    what = ", ".join(entry.keywords) if entry.kind == "keywords" else f"/{entry.pattern}/"
    rules = [
        *(["inside words"] if entry.substring else []),
        *(["this case only"] if entry.case else []),
        *([f"in {entry.field}"] if entry.field != "text" else []),
    ]
    return f"{what} ({', '.join(rules)})" if rules else what
