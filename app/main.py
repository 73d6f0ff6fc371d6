"""The app of labelkit: `labelkit serve` runs this file with Streamlit. One page per file in views/."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # Streamlit does this for its own server, not for tests
    sys.path.insert(0, str(HERE))

import shared  # noqa: E402

st.set_page_config(page_title="labelkit", page_icon=str(HERE / "icon.svg"), layout="wide")
shared.style()

pages = [
    st.Page("views/home.py", title="Home", icon=":material/donut_large:", default=True),
    st.Page("views/annotate.py", title="Annotate", icon=":material/edit_note:"),
    st.Page("views/items.py", title="Items", icon=":material/search:"),
    st.Page("views/functions.py", title="Functions", icon=":material/function:"),
]
st.navigation(pages, position="top").run()
