"""Review: a reviewer decides what annotators disagree on.

Items, answers and decisions never pass through here: the component fetches and sends them through the API.
"""

from __future__ import annotations

import components
import shared
import streamlit as st

from labelkit.steps.team import Person

SCRIPTS = (
    "requests",
    "browser_storage",
    "outbox",
    "connection",
    "item_view",
    "review_desk",
    "review_parts",
    "review_answers",
)


def show(who: Person) -> None:
    """The page."""
    with shared.told(), shared.project() as project:
        page = project.reviewing.page()
        data = {
            "project": project.name,
            "who": who.name,
            "keys": page.keys,
            "show_fields": page.show_fields,
            "image_hosts": page.image_hosts,
        }
        components.mount("review", data, key="review", scripts=SCRIPTS)
        guidelines = project.guidelines
    if guidelines and guidelines.strip():
        with st.container(key="review-guidelines"), st.expander("Guidelines"), st.container(key="guidelines"):
            st.markdown(guidelines)


show(shared.need("review"))
