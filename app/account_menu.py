"""The account menu, on every page."""

from __future__ import annotations

import components
import shared
import streamlit as st
from navigation import PAGES

from labelkit.steps.team import Person


def show(person: Person) -> None:
    """Who is signed in, the way to the own account, and the way out."""
    own = any(page.file == "account" and person.may(page.permission) for page in PAGES)
    with shared.project() as project:
        name = project.name
    data = {"who": person.name, "role": person.role, "project": name, "page": "/account" if own else None}
    with st.container(key="account"):
        components.mount("account", data, key="account-menu", scripts=("requests", "browser_storage", "outbox"))
