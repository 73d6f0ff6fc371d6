"""What one writes first: a Streamlit page with a button for each label, and a shortcut for each button.

The benchmark compares with it: the same items in the same browser. Each answer is written with the item that the
page, as it ran, took for the present one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import streamlit as st

HOME = Path(os.environ["PLAIN_PAGE"])
ITEMS = json.loads((HOME / "items.json").read_text(encoding="utf-8"))
LABELS = ("billing", "bug", "praise")

state = st.session_state
state.setdefault("position", 0)
item_id, text = ITEMS[state.position % len(ITEMS)]


def answer(label: str) -> None:
    """Store an answer and go on."""
    with (HOME / "answers.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps([item_id, label]) + "\n")
        out.flush()
        os.fsync(out.fileno())
    state.position += 1


st.title("Annotate")
with st.container(key="item-text"):
    st.text(text)
with st.container(horizontal=True):
    for place, label in enumerate(LABELS, 1):
        st.button(label, key=label, shortcut=str(place), on_click=answer, args=(label,))
st.caption(f"{state.position} answered")
