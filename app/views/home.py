"""Home: the loop as live numbers, what to do next, how good the labels are, what is asked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError

BADGES = {"up to date": "green", "out of date": "orange", "never ran": "gray"}
SCORES = {"majority": "Majority vote", "label_model": "Label model", "end_model": "End model"}


def show() -> None:
    """The page."""
    with shared.project() as project:
        status = project.status()
        queue = project.queue().head(12) if status.queued else None
    st.title(shared.literal(status.name), anchor=False)
    if "labelkit serve" in status.next:
        st.page_link(
            "views/annotate.py",
            label=f"Next: answer the {status.queued:,} items in the queue",
            icon=":material/edit_note:",
        )
    else:
        st.markdown(f"Next: {status.next}")
    loop(status)
    scores(status)
    asked(queue)


def loop(status: Any) -> None:
    """One card for each arrow of the loop."""
    state = {step.step: step for step in status.steps}
    accuracy = status.scores.get("end_model", {}).get("accuracy", {})
    cards = [
        ("Items", f"{status.items:,}", None, f"{status.gold:,} with gold labels"),
        ("Vote", f"{status.functions:,}", state["vote"], "labeling functions"),
        ("Label", shared.percent(status.coverage), state["label"], "of items covered"),
        (
            "Train",
            shared.percent(accuracy.get("value") if accuracy.get("n") else None),
            state["train"],
            "right on test",
        ),
        ("Rank", f"{status.queued:,}", state["rank"], "items in the queue"),
        ("Annotate", f"{status.answers:,}", None, people(status)),
    ]
    with st.container(key="loop"):
        for column, (title, value, step, below) in zip(st.columns(len(cards)), cards, strict=True):
            with column, st.container(border=True, gap="xsmall", height="stretch"):
                st.metric(title, value)
                st.caption(below)
                if step is not None:
                    st.badge(step.state, color=BADGES.get(step.state, "gray"), help=step.why or None)


def people(status: Any) -> str:
    """Who answered, in a few words."""
    words = f"answers by {status.annotators:,} " + ("person" if status.annotators == 1 else "people")
    return words + (f", {status.disputed:,} disputed" if status.disputed else "")


def scores(status: Any) -> None:
    """Every accuracy with its interval and its n."""
    st.subheader("How good are the labels?", anchor=False)
    known = [(title, status.scores[key]["accuracy"]) for key, title in SCORES.items() if key in status.scores]
    known = [(f"{title}, gold test items", estimate) for title, estimate in known if estimate["n"]]
    if status.audit.get("n"):
        known.append(("End model, audit slice", status.audit))
    if not known:
        st.markdown("There is nothing to measure with yet: import gold labels, or answer audit items in **Annotate**.")
        return
    for column, (title, estimate) in zip(st.columns(len(known), gap="large"), known, strict=True):
        with column:
            st.progress(estimate["value"], text=f"{title}  \n**{shared.percent(estimate['value'], 1)}**")
            st.caption(f"95% interval {shared.interval(estimate)}")
    if status.audit.get("n"):
        st.caption("The audit slice is a random sample that never trains anything.")


def asked(queue: pd.DataFrame | None) -> None:
    """The head of the queue, with the reason for each item."""
    st.subheader("What is asked next", anchor=False)
    if queue is None:
        st.markdown("The queue is empty. `labelkit run` fills it.")
        return
    st.dataframe(
        queue[["id", "text", "role", "reason"]],
        hide_index=True,
        height="content",
        column_config={
            "id": st.column_config.TextColumn("Item", width="small"),
            "text": st.column_config.TextColumn("Text", width="large"),
            "role": st.column_config.TextColumn("For", width="small"),
            "reason": st.column_config.TextColumn("Because", width="large"),
        },
    )


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
