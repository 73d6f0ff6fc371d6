"""Annotate: the component that holds a few items, and the guidelines beside it.

The items and the answers never pass through here: the component fetches and sends them through the API.
"""

from __future__ import annotations

import components
import shared
import streamlit as st

from labelkit.project import Project
from labelkit.steps.team import Person

SCRIPTS = (
    "requests",
    "browser_storage",
    "outbox",
    "connection",
    "item_view",
    "annotate_desk",
    "annotate_panels",
    "annotate_card",
    "annotate_status",
    "annotate_keys",
)


def show(who: Person) -> None:
    """The page."""
    with shared.told(), shared.project() as project:
        page = project.annotate_page()
        if not page.ready:
            nothing_yet(who)
            return
        data = {
            "project": project.name,
            "who": who.name,
            "keys": page.keys,
            "reasons": dict(project.skip_reasons),
            "words": page.words,
            "batch": page.batch,
            "show_fields": page.show_fields,
            "image_hosts": page.image_hosts,
            "guidelines": guidelines(project) is not None,
        }
        with st.container(key="annotate-page"):
            components.mount("annotate", data, key="annotate", scripts=SCRIPTS)
            if data["guidelines"]:
                with st.container(key="guidelines"):
                    st.markdown(guidelines(project))


def guidelines(project: Project) -> str | None:
    """The guidelines, if there is something in them."""
    text = project.guidelines
    return text if text and text.strip() else None


def nothing_yet(who: Person) -> None:
    """There is no queue: what makes one, for those who can."""
    if who.may("build"):
        shared.empty("There is no queue yet.", "`labelkit run` in a terminal makes it; then reload this page.")
    else:
        shared.empty("There is nothing to answer yet.", "A lead of the project has to make the queue (`labelkit run`).")


show(shared.need("annotate"))
