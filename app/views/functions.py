"""Functions: what each labeling function does, and how well; one of them with what it gets wrong."""

from __future__ import annotations

from typing import Any

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError
from labelkit.errors import StepMissing
from labelkit.steps.browsing_functions import FunctionFigures, FunctionStory

SHARES = ("coverage", "overlap", "conflict")
ADVICE, OPENED = 5, 2


def show() -> None:
    """The page."""
    shared.need("browse")
    chosen = st.query_params.get("function")
    if chosen is None:
        st.title("Labeling functions", anchor=False)
    with shared.project() as project:
        figures = project.function_figures()
        due = project.dashboard().vote_due()
        if due:
            words = f"{due}: `labelkit vote` in a terminal counts {'it' if due.startswith('1 ') else 'them'}."
            st.info(shared.sentence(words[:1].upper() + words[1:]), icon=":material/history:")
        if not project.browsing().choices().functions:
            shared.empty(
                "No labeling function has voted yet.",
                "Write some in `labeling_functions/`, then `labelkit run` in a terminal.",
            )
            return
        try:
            if chosen is None:
                listed(figures)
            else:
                opened(figures, chosen)
        except StepMissing as missing:
            shared.empty(f"{missing.message}.", shared.literal(f"{missing.hint or 'Run labelkit run'}."))


def waiting(figures: FunctionFigures, what: str, words: str) -> Any:
    """A note while figures are made for the first time after a run."""
    return st.spinner(words) if not figures.ready(what) else st.container()


def choose(name: str) -> None:
    """Open a function; its address can be shared."""
    st.query_params["function"] = name


def leave() -> None:
    """Back to the list."""
    st.query_params.pop("function", None)


# ------------------------------------------------------------------ all functions


def listed(figures: FunctionFigures) -> None:
    """The table, and what to do next."""
    with waiting(figures, "table", "Counting all votes; this takes a moment after every vote …"):
        table = figures.table()
    with st.container(horizontal=True):
        for title, value in (
            ("Functions", f"{len(table.functions):,}"),
            ("Coverage", shared.percent(table.coverage, 1)),
            ("Overlap", shared.percent(table.overlap, 1)),
            ("Conflict", shared.percent(table.conflict, 1)),
        ):
            st.metric(title, value, border=True, width=150)
    advice(table.next_steps[:ADVICE])
    rows = [row(function) for function in table.functions]
    picked = st.dataframe(
        pd.DataFrame(rows), hide_index=True, height="content", column_config=columns(), key="functions-table",
        on_select="rerun", selection_mode="single-row",
    )  # fmt: skip
    if picked.selection.rows:
        choose(table.functions[picked.selection.rows[0]].name)
        st.rerun()
    st.caption(f"Select a row to open a function. Accuracy is against {shared.literal(table.reference)}.")
    for note in table.notes:
        st.info(shared.literal(note), icon=":material/info:")
    for function in table.functions:
        for fault in function.fault_examples:
            words = f"{function.name} on item {fault.item_id}: {fault.problem}"
            st.warning(shared.literal(words), icon=":material/bug_report:")
    depending(figures)


def advice(steps: list[str]) -> None:
    """What to do next, if there is anything."""
    if steps:
        with st.container(border=True):
            st.subheader("Next steps", anchor=False)
            st.markdown("\n".join(f"- {shared.sentence(in_browser(step))}" for step in steps))


def in_browser(step: str) -> str:
    """A next step in words for somebody who has pages, no terminal."""
    return step.replace("with `labelkit errors --uncovered`", "in the suggestions of the Workbench")


def row(function: Any) -> dict[str, Any]:
    """One line of the table."""
    estimate = function.accuracy
    return {
        "Function": function.name,
        "Votes for": ", ".join(function.polarity) or "–",
        "Right": shared.in_percent(estimate.value) if estimate.n else None,
        "95% interval": f"{estimate.low:.0%} to {estimate.high:.0%}" if estimate.n else "–",
        "n": estimate.n,
        **{share.title(): shared.in_percent(getattr(function, share)) for share in SHARES},
        "Contradicted": function.contradicted,
        "Faults": function.faults,
        "Kind": function.kind,
        "Place": function.place,
    }


def columns() -> dict[str, Any]:
    """How the table's columns look."""
    number = {share.title(): st.column_config.NumberColumn(format=shared.PERCENT, width=85) for share in SHARES}
    return {
        **number,
        "Votes for": st.column_config.TextColumn(width=130),
        "Right": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=120),
        "n": st.column_config.NumberColumn(width=60),
        "Place": st.column_config.TextColumn(width=280),
    }


def depending(figures: FunctionFigures) -> None:
    """Copies, subsets and pairs that vote alike."""
    with st.expander("Functions that depend on each other", icon=":material/link:", key="depending", on_change="rerun"):
        if not st.session_state.get("depending"):
            return
        with waiting(figures, "dependencies", "Comparing all pairs of functions …"):
            found = figures.dependencies()
        if not found.pairs:
            st.markdown("No two functions vote alike more often than the classes explain.")
        for pair in found.pairs:
            words = f"{pair.first} and {pair.second} ({pair.kind}, {pair.same:,} votes the same): {pair.advice}"
            st.markdown(f"- {shared.sentence(words)}")
        for note in found.notes:
            st.caption(shared.literal(note))


# ------------------------------------------------------------------ one function


def opened(figures: FunctionFigures, name: str) -> None:
    """One function: its figures, its buckets with examples, its code."""
    st.button("All functions", key="functions-all", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    with waiting(figures, f"function {name}", "Looking at its votes …"):
        story = figures.story(name)
    st.title(shared.literal(story.name), anchor=False)
    told = story.errors
    (function,) = told.functions
    with st.container(horizontal=True):
        right = shared.percent(function.accuracy.value if function.accuracy.n else None, 1)
        st.metric("Right", right, border=True, width=150, help=shared.interval(vars_of(function.accuracy)))
        st.metric("Votes", f"{function.votes:,}", border=True, width=150)
        st.metric(
            "Helped", f"{function.helped:,}", border=True, width=150, help="known items labeled right only with it"
        )
        st.metric(
            "Hurt", f"{function.hurt:,}", border=True, width=150, help="known items labeled right only without it"
        )
        st.metric("Decides", f"{function.changed:,}", border=True, width=150, help="items whose label needs its votes")
    steps = [step.sentence for step in told.next_steps[:ADVICE]]
    if function.contained_in:
        steps.append(f"It votes the same as {', '.join(function.contained_in)} wherever it votes.")
    advice(steps)
    left, right_side = st.columns([3, 2], gap="large")
    with left:
        buckets(story)
    with right_side:
        code(story)
    for note in told.notes:
        st.caption(shared.literal(note))


def vars_of(estimate: Any) -> dict[str, Any]:
    """An estimate as figures by name."""
    return {"low": estimate.low, "high": estimate.high, "n": estimate.n}


def buckets(story: FunctionStory) -> None:
    """Known label × vote, the wrong votes first, each with examples."""
    st.subheader("Where it is right and wrong", anchor=False)
    (function,) = story.errors.functions
    found = sorted(function.buckets, key=lambda b: (b.vote is None, b.vote == b.gold, -b.items))
    if not found:
        st.markdown("No label is known on the items that it votes on: answer some, or import gold labels.")
    for place, bucket in enumerate(found):
        vote = "it abstains" if bucket.vote is None else f"it votes {bucket.vote}"
        wrong = bucket.vote is not None and bucket.vote != bucket.gold
        mark = ":material/close:" if wrong else ":material/remove:" if bucket.vote is None else ":material/check:"
        title = f"{bucket.items:,} {'item' if bucket.items == 1 else 'items'}: known {bucket.gold}, {vote}"
        with st.expander(shared.literal(title), icon=mark, expanded=wrong and place < OPENED):
            for number, example in enumerate(bucket.examples):
                with st.container(key=f"plain-example-{place}-{number}"):
                    st.text(f"{example}  {story.errors.texts.get(example, '')}")


def code(story: FunctionStory) -> None:
    """What it says: declaration or source."""
    st.subheader("What it says", anchor=False)
    st.code(story.declaration, language="python" if story.kind == "python" else None, wrap_lines=True)
    with st.container(key="quiet-place"):
        st.text(f"{story.kind}, {story.place}")


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
