"""The pages of labelkit: sign-in, then one page per file in views/, by role. `asgi.py` serves this script."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # Streamlit does this for its own server, not for tests
    sys.path.insert(0, str(HERE))

import account_menu  # noqa: E402
import shared  # noqa: E402
from navigation import PAGES  # noqa: E402

st.set_page_config(page_title="labelkit", page_icon=str(HERE / "icon.svg"), layout="wide")
shared.style()

person = shared.person()
if person is None or shared.invited():
    # Every address shows the sign-in page, and stays: after signing in, the page that was asked for comes.
    pages = [st.Page("views/sign_in.py", title="Sign in", default=True)]
    pages += [st.Page("views/sign_in.py", title="Sign in", url_path=page.file) for page in PAGES]
    st.navigation(pages, position="hidden").run()
else:
    if st.session_state.setdefault("session", person.session) != person.session:
        st.session_state.clear()  # the same tab, somebody else
        st.session_state["session"] = person.session
    pages = [
        st.Page(
            f"views/{page.file}.py",
            title=page.title,
            icon=f":material/{page.icon}:",
            url_path=page.file if place else "first",  # no address: Streamlit serves its default page at "/" only
            default=place == 0,
            visibility="visible" if person.may(page.permission) else "hidden",  # a link to it says why
        )
        for place, page in enumerate(PAGES)
    ]
    first = pages[0]

    def to_first() -> None:  # the address that people type leads there, too
        st.switch_page(first)

    pages.append(st.Page(to_first, title=PAGES[0].title, url_path=PAGES[0].file, visibility="hidden"))
    current = st.navigation(pages, position="top")
    account_menu.show(person)
    current.run()
