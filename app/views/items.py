"""Items: find them by all that is known of them, open one, see why it has its label and what happened to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError
from labelkit.errors import ProjectError
from labelkit.steps.browsing import ANSWERED, NO_LABEL, ORDERS, Browsing, Choices, ItemFilter, ItemPage, ItemRow
from labelkit.steps.browsing_history import Event

ROWS, FEATURES = 25, 6
INDEXING_SECONDS = 20.0
"""How long one visit of the page may work on the index of the texts; the trainer does it in the background."""
SOURCES = {"adjudication": "a decision", "agreement": "people's answers", "gold": "gold", "label_model": "label model",
           "end_model": "end model"}  # fmt: skip
STATES = {"answered": "answered", "unanswered": "not answered", "flagged": "flagged", "skipped": "skipped",
          "disputed": "people disagree"}  # fmt: skip
ROLES = {"audit": "the audit", "tuning": "tuning"}
VOTES = ("functions conflict", "no function votes")
ANY = "any"


def show() -> None:
    """The page."""
    shared.need("browse")
    st.title("Items", anchor=False)
    with shared.project() as project:
        browsing = project.browsing()
        choices = browsing.choices()
        if not choices.items:
            shared.empty("There are no items yet.", "`labelkit import FILE` in a terminal brings them in.")
            return
        chosen = st.query_params.get("item")
        if chosen is not None:
            opened(browsing, chosen)
            return
        found(browsing, choices)


# ------------------------------------------------------------------ finding


def found(browsing: Browsing, choices: Choices) -> None:
    """The filters and the items that fit."""
    wanted = filters(choices)
    if wanted.text.strip() and not browsing.index_ready():
        with st.spinner("Indexing the texts for the first search …"):
            browsing.index_ready(most_seconds=INDEXING_SECONDS)
    # Another filter begins at the first page.
    if st.session_state.get("items-filter") != wanted:
        st.session_state.update({"items-filter": wanted, "items-pages": [None]})
    pages: list[tuple[float, int] | None] = st.session_state["items-pages"]
    page = browsing.page(wanted, after=pages[-1], limit=ROWS)
    for note in page.notes:
        st.info(shared.literal(note), icon=":material/info:")
    if not page.total:
        shared.empty("No item fits.", "Take a filter away, or search for the beginning of a word.")
        return
    first = ROWS * (len(pages) - 1) + 1
    heading(page, choices, first)
    table(page.rows)
    turning(page, pages)


def filters(choices: Choices) -> ItemFilter:
    """What items have to be like, as it is chosen on the page."""
    with st.container(key="filters"):
        text = st.text_input(
            "Search", key="items-text", max_chars=500, icon=":material/search:", label_visibility="collapsed",
            placeholder="Words in the text, or the beginning of an id",
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            label = pick("Label", "label", [*choices.labels, NO_LABEL])
            source = pick("Decided by", "source", choices.sources, SOURCES)
            answered = pick("People", "answered", list(ANSWERED), STATES)
            function = pick("Function that voted", "function", choices.functions)
            order = st.selectbox("Order", ORDERS, key="items-order", width=150)
            with st.popover("More", icon=":material/tune:", width="content"):
                split = pick("Split", "split", choices.splits)
                role = pick("Drawn for", "role", list(ROLES), ROLES)
                vote = pick("The function's vote", "vote", choices.labels)
                votes = pick("Votes", "votes", list(VOTES))
                low, high = st.slider("Probability of the label", 0.0, 1.0, (0.0, 1.0), 0.01, key="items-p", width=260)
            st.button("Clear", key="items-clear", type="tertiary", on_click=clear)
    return ItemFilter(
        text=text or "", split=split, label=label, source=source, answered=answered, role=role,  # type: ignore[arg-type]
        function=function, vote=vote if function is not None else None, conflict=votes == VOTES[0],
        uncovered=votes == VOTES[1], p_from=low, p_to=high, order=order,
    )  # fmt: skip


def pick(title: str, name: str, options: list[str], words: dict[str, str] | None = None) -> str | None:
    """One choice, or none."""
    key = f"items-{name}"
    if st.session_state.get(key) not in (None, *options):  # a class or function that is gone
        st.session_state[key] = None
    told: str | None = st.selectbox(
        title, options, index=None, key=key, placeholder=ANY, width=168,
        format_func=lambda option: (words or {}).get(option, option),
    )  # fmt: skip
    return told


def clear() -> None:
    """Take all filters away."""
    for key in [key for key in st.session_state if str(key).startswith("items-")]:
        del st.session_state[key]


def heading(page: ItemPage, choices: Choices, first: int) -> None:
    """How many there are."""
    last = first + len(page.rows) - 1
    of = "" if page.total == choices.items else f" of {choices.items:,}"
    with st.container(key="quiet-count"):
        st.text(f"{page.total:,}{of} items" + (f", {first:,} to {last:,}" if page.total > ROWS else ""))


def table(rows: list[ItemRow]) -> None:
    """The items; selecting a line opens it."""
    lines = [
        {
            "Item": row.id,
            "Text": shared.short(row.text, 200) or "(no text)",
            "Label": row.label or "–",
            "Probability": None if row.p is None else 100 * row.p,
            "Known from": said(row),
        }
        for row in rows
    ]
    picked = st.dataframe(
        pd.DataFrame(lines), hide_index=True, height="content", key="items-table", on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Item": st.column_config.TextColumn(width=100),
            "Text": st.column_config.TextColumn(width=540),
            "Label": st.column_config.TextColumn(width=120),
            "Probability": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=110),
            "Known from": st.column_config.TextColumn(width=190),
        },
    )  # fmt: skip
    st.caption("Select a row to open an item.")
    chosen = picked.selection.rows
    if chosen and chosen[0] < len(rows):
        choose(rows[chosen[0]].id)
        st.rerun()


def said(row: ItemRow) -> str:
    """Who decided an item's label, and what people did."""
    by = SOURCES.get(row.source or "", "")
    answers = f"{row.answers} {'answer' if row.answers == 1 else 'answers'}" if row.answers else ""
    marks = [by, answers, "disagreement" if row.disputed else "", "flagged" if row.flagged else ""]
    return ", ".join(mark for mark in marks if mark)


def turning(page: ItemPage, pages: list[tuple[float, int] | None]) -> None:
    """To the next page and back."""
    if len(pages) == 1 and page.next is None:
        return
    with st.container(horizontal=True):
        st.button(
            "Back", key="items-back", icon=":material/chevron_left:", disabled=len(pages) == 1, on_click=pages.pop
        )
        st.button(
            "Further", key="items-next", icon=":material/chevron_right:", disabled=page.next is None,
            on_click=pages.append, args=(page.next,),
        )  # fmt: skip


def choose(item_id: str) -> None:
    """Open an item; its address can be shared."""
    st.query_params["item"] = item_id


def leave() -> None:
    """Back to the list."""
    st.query_params.pop("item", None)


# ------------------------------------------------------------------ one item


def opened(browsing: Browsing, item_id: str) -> None:
    """One item with everything that is known of it."""
    st.button("All items", key="items-all", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    try:
        told = browsing.explain(item_id)
    except ProjectError as error:
        if error.message.startswith("there is no item"):
            st.error(f"There is no item with the id {shared.literal(item_id)}.", icon=":material/error:")
            return
        raise
    left, right = st.columns([1, 1], gap="large")
    with left:
        text(told)
        decided(told)
        probabilities(told.explanation)
        for note in told.notes:
            st.caption(shared.literal(note))
    with right:
        reasons(told.explanation)
    history(browsing.history(item_id))


def text(told: Any) -> None:
    """The text and the fields."""
    with st.container(border=True):
        with st.container(key="item-text"):
            st.text(told.text or "(no text)")
        facts = {"id": told.id, "split": told.split, "gold": told.gold, "drawn for": told.role, **told.fields}
        with st.container(horizontal=True, key="item-fields", gap="medium"):
            for name, value in facts.items():
                if value not in (None, ""):
                    st.text(f"{name}: {value}")


def decided(told: Any) -> None:
    """The label as an export would give it."""
    if told.outdated is not None:
        st.markdown(f"**The label is out of date.** {shared.literal(told.outdated)}.")
    elif told.label is None:
        st.markdown("**No label:** nothing decides.")
    else:
        by = (told.source or "").replace("_", " ")
        st.markdown(f"**{shared.literal(told.label)}**, decided by {'people' if by == 'human' else f'the {by}'}")


def probabilities(why: Any) -> None:
    """What the label model and the end model say, class by class."""
    if why is None:
        st.markdown("No model has labeled it yet: `labelkit run`.")
        return
    classes = {"Label model": why.probabilities, **({"End model": why.end_model} if why.end_model else {})}
    st.dataframe(
        pd.DataFrame(classes).mul(100).rename_axis("Class").reset_index(),
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.ProgressColumn(name, format=shared.PERCENT, min_value=0, max_value=100)
            for name in classes
        },
    )


def reasons(why: Any) -> None:
    """What each function adds to the label model's opinion, and each feature to the end model's."""
    if why is None:
        return
    voted = [f for f in why.functions if f.vote is not None]
    rows = [{"Function": f.function, "Vote": f.vote, "Adds": f.added} for f in voted]
    rows = [{"Function": "class balance", "Vote": "", "Adds": why.prior}, *rows]
    st.markdown("**Why the label model says so**")
    number = {"Adds": st.column_config.NumberColumn(format="%+.2f")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config=number)
    st.caption(
        f"In {why.unit}, to {shared.literal(why.decided)} against {shared.literal(why.runner_up)}:"
        f" {why.total:+.2f} in all. {len(why.functions) - len(voted)} of {len(why.functions)} functions abstained."
    )
    if why.features:
        st.markdown("**Strongest features of the end model**")
        features = [{"Feature": f.feature, "Weight": f.weight} for f in why.features[:FEATURES]]
        weight = {"Weight": st.column_config.NumberColumn(format="%+.2f")}
        st.dataframe(pd.DataFrame(features), hide_index=True, height="content", column_config=weight)


def history(events: list[Event]) -> None:
    """All that happened, the oldest first; what counts no more is marked."""
    st.subheader("History", anchor=False)
    offset = shared.utc_offset()
    rows = [
        {
            "When": (datetime.fromisoformat(event.at) + offset).strftime("%Y-%m-%d %H:%M:%S"),
            "What": event.what,
            "Who": event.who or "",
            "Details": event.details,
            "Stands": event.counts if event.what in ("answer", "decision", "decision taken back") else None,
        }
        for event in events
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "When": st.column_config.TextColumn(width="small"),
            "What": st.column_config.TextColumn(width="small"),
            "Who": st.column_config.TextColumn(width="small"),
            "Details": st.column_config.TextColumn(width="large"),
            "Stands": st.column_config.CheckboxColumn(width="small"),
        },
    )


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
