"""Items: find one, open it, see why it has its label."""

from __future__ import annotations

from typing import Any

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError, Project

FOUND = 20


def show() -> None:
    """The page."""
    st.title("Items", anchor=False)
    query = st.text_input(
        "Search", key="query", placeholder="Words in the text, or an item's id", label_visibility="collapsed"
    )
    chosen = st.query_params.get("item")
    with shared.project() as project:
        found = find(project, query) if query.strip() else []
        if query.strip() and not found:
            st.markdown("No item matches.")
        elif not query.strip() and chosen is None:
            shared.empty("Search for an item", "Words find items whose text has all of them; an id finds its item.")
        if found:
            results(project, found, chosen)
        if chosen is not None:
            explained(project, chosen)


def find(project: Project, query: str) -> list[str]:
    """Ids of the item with that id and of the items whose text has all the words."""
    words = [word.replace('"', '""') for word in query.split()]
    found = project.search(" ".join(f'"{word}"*' for word in words), limit=FOUND)
    exact = query.strip()
    if exact not in found and project.item(exact) is not None:
        found.insert(0, exact)
    return found


def choose(item_id: str) -> None:
    """Open an item; its address can be shared."""
    st.query_params["item"] = item_id


def results(project: Project, found: list[str], chosen: str | None) -> None:
    """One line for each item found."""
    more = " (the best ones)" if len(found) >= FOUND else ""
    st.caption(f"{len(found)} items{more}")
    with st.container(border=True, height=320 if len(found) > 6 else "content", gap="xsmall"):
        for place, item_id in enumerate(found):
            item = project.item(item_id)
            if item is None:
                continue
            with st.container(horizontal=True, vertical_alignment="center", key=f"plain-{place}"):
                st.button(
                    shared.literal(shared.short(item_id, 24)),
                    key=f"open:{item_id}",
                    on_click=choose,
                    args=(item_id,),
                    type="primary" if item_id == chosen else "secondary",
                )
                st.text(shared.short(item.text), width="stretch")


def explained(project: Project, item_id: str) -> None:
    """One item with everything that was said about it."""
    told = project.explain(item_id)
    st.divider()
    left, right = st.columns([1, 1], gap="large")
    with left:
        with st.container(border=True):
            with st.container(key="item-text"):
                st.text(told.text or "(no text)")
            with st.container(horizontal=True, key="item-fields", gap="medium"):
                facts = {"id": told.id, "split": told.split, "gold": told.gold, "drawn for": told.role, **told.fields}
                for name, value in facts.items():
                    if value not in (None, ""):
                        st.text(f"{name}: {value}")
        if told.label is None:
            st.markdown("**No label:** nothing decides.")
        else:
            st.markdown(f"**{shared.literal(told.label)}**, decided by the {(told.source or '').replace('_', ' ')}")
        answers(told.answers)
        for note in told.notes:
            st.caption(shared.literal(note))
    with right:
        models(told.explanation)


def answers(given: list[dict[str, Any]]) -> None:
    """What people said, earlier answers included."""
    if not given:
        st.caption("Nobody has answered it.")
        return
    rows = [
        {
            "Who": answer["annotator"],
            "Answer": answer["label"] or f"{answer['kind']} {answer['skip_reason'] or ''}".strip(),
            "Comment": answer["comment"],
            "When": answer["at"],
            "Counts": not answer["superseded"] and answer["current_content"],
        }
        for answer in given
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def models(why: Any) -> None:
    """What the label model and the end model make of it."""
    if why is None:
        return
    classes = {"Label model": why.probabilities, **({"End model": why.end_model} if why.end_model else {})}
    st.dataframe(
        pd.DataFrame(classes).mul(100).rename_axis("Class").reset_index(),
        hide_index=True,
        column_config={
            name: st.column_config.ProgressColumn(name, format=shared.PERCENT, min_value=0, max_value=100)
            for name in classes
        },
    )
    voted = [f for f in why.functions if f.vote is not None]
    rows = [{"Function": f.function, "Vote": f.vote, "Adds": f.added} for f in voted]
    rows = [{"Function": "class balance", "Vote": "", "Adds": why.prior}, *rows]
    st.caption(
        f"What each function adds, in {why.unit}, to {shared.literal(why.decided)} against"
        f" {shared.literal(why.runner_up)}: {why.total:+.2f} in all."
        f" {len(why.functions) - len(voted)} of {len(why.functions)} functions abstained."
    )
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, column_config={"Adds": st.column_config.NumberColumn(format="%+.2f")}
    )
    if why.features:
        st.caption("Strongest features of the end model")
        features = [{"Feature": f.feature, "Weight": f.weight} for f in why.features]
        st.dataframe(
            pd.DataFrame(features),
            hide_index=True,
            column_config={"Weight": st.column_config.NumberColumn(format="%+.2f")},
        )


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
