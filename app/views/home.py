"""Dashboard: the loop with live numbers, how good the labels are, the pace, the queue, what to do next."""

from __future__ import annotations

from typing import Any

import charts
import components
import pandas as pd
import shared
import streamlit as st
from navigation import PAGES

from labelkit import LabelkitError
from labelkit.errors import StepMissing
from labelkit.steps.dashboard import Figures, Now
from labelkit.steps.dashboard_pace import Forecast
from labelkit.steps.dashboard_quality import Measure
from labelkit.steps.next_steps import Action, models_learn

LOOK_EVERY = 10
"""Seconds between two looks whether anything has changed."""
LISTED = 4
ROLES = {"active": "chosen to learn from", "audit": "random, for the audit", "tuning": "random, for tuning",
         "overlap": "for a second opinion"}  # fmt: skip


def show() -> None:
    """The page."""
    who = shared.need("manage")
    with shared.project() as project:
        dashboard = project.dashboard()
        figures = dashboard.figures(offset=shared.utc_offset(), reviewer=who.name)
        now = dashboard.now()
        guidelines = project.guidelines is not None
    st.session_state["dashboard-mark"] = figures.mark
    with st.container(horizontal=True, vertical_alignment="bottom", key="dashboard-head"):
        st.title(shared.literal(figures.name), anchor=False, width="content")
        live()
    todo(figures, now)
    loop(figures, now)
    if not figures.items:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        curve(figures)
    with right:
        quality(figures)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        pace(figures)
    with right:
        classes(figures)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        functions(figures)
    with right:
        queue(figures)
    if not guidelines:
        st.caption("There are no guidelines for annotators yet: `annotation.guidelines` in `labelkit.toml` names them.")


@st.fragment(run_every=LOOK_EVERY)
def live() -> None:
    """Who works now, and what the trainer does; the whole page runs again when something has changed."""
    who = shared.need("manage")
    with shared.told(), shared.project() as project:
        dashboard = project.dashboard()
        if dashboard.mark() != st.session_state.get("dashboard-mark"):
            figures = dashboard.figures(offset=shared.utc_offset(), reviewer=who.name)
            if figures.mark != st.session_state.get("dashboard-mark"):
                st.rerun()
        now = dashboard.now()
        with st.container(key="quiet-live"):
            st.text(" · ".join(present(now)))


def present(now: Now) -> list[str]:
    """What goes on at this moment, in words."""
    people = len(now.working)
    told = [f"{people} {'person holds' if people == 1 else 'people hold'} items" if people else "nobody holds items"]
    trainer = now.trainer
    if trainer is None or not trainer.running:
        told.append("no trainer runs")
    elif trainer.trouble is not None:
        told.append(f"trainer: {trainer.trouble.step} failed: {trainer.trouble.message}")
    elif trainer.vote_due:
        told.append(f"trainer waits for `labelkit vote`: {trainer.vote_due}")
    elif trainer.doing == "waiting":
        told.append(f"trainer: {trainer.answers} of {trainer.refit_after} answers to the next refit")
    else:
        told.append(f"trainer: {trainer.doing}")
    return told


# ------------------------------------------------------------------ what to do, and the loop


def todo(figures: Figures, now: Now) -> None:
    """What to do next, the first most visibly."""
    with (
        st.container(border=True, key="todo"),
        st.container(horizontal=True, vertical_alignment="center", gap="medium"),
    ):
        st.markdown("**Next**", width="content")
        for action in figures.actions[:3]:
            step(action, now)


def step(action: Action, now: Now) -> None:
    """One thing to do: a link to its page, or the command."""
    learning = models_learn(now.trainer) if action.where == "models" else None
    if action.where in [page.file for page in PAGES]:
        st.page_link(f"views/{action.where}.py", label=action.words, icon=":material/arrow_forward:")
    elif learning is not None:
        st.markdown(learning, width="content")
    elif action.command is not None:
        st.markdown(f"{shared.literal(action.words)}: `{action.command}`", width="content")
    else:
        st.markdown(shared.literal(action.words), width="content")


def loop(figures: Figures, now: Now) -> None:
    """The loop as a picture."""
    state = {one.step: one for one in figures.steps}
    running = now.trainer.doing if now.trainer is not None and now.trainer.running else ""
    accuracy = best_supported(figures)
    share = shared.percent(None if accuracy is None else accuracy.estimate.value)
    right = "no measure yet" if accuracy is None else supported(accuracy)
    covered = "" if figures.covered is None else f"vote on {shared.percent(figures.covered)} of items"
    parts = [
        ("items", "Items", f"{figures.items:,}", f"{figures.gold_labels:,} with gold labels", None),
        ("vote", "Vote", f"{figures.functions:,}", f"functions {covered}".strip(), state["vote"]),
        ("label", "Label", shared.percent(figures.labeled / figures.items if figures.items else None),
         labeled(figures), state["label"]),
        ("train", "Train", share, right, state["train"]),
        ("rank", "Rank", f"{figures.queue.open:,}", f"of {figures.queue.items:,} in the queue are open", state["rank"]),
        ("annotate", "Annotate", f"{figures.answers:,}", people(figures), None),
    ]  # fmt: skip
    nodes = []
    for key, name, number, below, one in parts:
        told, shown = ("", "") if one is None else (one.state, f"{one.state}: {one.why}" if one.why else one.state)
        if key == running:
            told, shown = "running", "running now"
        nodes.append({"key": key, "name": name, "number": number, "below": below, "state": told, "told": shown})
    back = f"answers flow back: {figures.decided:,} items decided by people"
    components.mount("loop", {"nodes": nodes, "back": back}, key="loop")


def best_supported(figures: Figures) -> Measure | None:
    """The accuracy of the end model that rests on the most cases; the audit's where two rest on as many."""
    measures = [one for one in (*figures.audit.measures, *figures.gold) if one.of == "end model"]
    return max(measures, key=lambda one: one.estimate.n, default=None)


def supported(one: Measure) -> str:
    """An accuracy in words, with how sure it is."""
    found = one.estimate
    return f"right on {found.n:,} {one.on} (95%: {found.low:.0%} to {found.high:.0%})"


def labeled(figures: Figures) -> str:
    """Who labels how many items."""
    model = figures.distribution.label_model
    words = f"of items have a label: {figures.labeled:,}"
    return words if model is None else f"{words}; label model: {sum(model):,}"


def people(figures: Figures) -> str:
    """Who answered, in a few words."""
    number = figures.pace.people
    words = f"labels by {number:,} {'person' if number == 1 else 'people'}"
    more = [
        (figures.skips, "skipped"),
        (figures.disputed, "disputed"),
        (figures.flagged, "flagged"),
        (figures.simulated, "simulated"),
    ]
    return ", ".join([words, *(f"{count:,} {what}" for count, what in more if count)])


# ------------------------------------------------------------------ how good


def curve(figures: Figures) -> None:
    """How the end model got on, training by training."""
    with st.container(border=True, height="stretch"):
        st.subheader("Learning curve", anchor=False)
        chart = charts.learning_curve(figures.curve)
        if chart is not None:
            st.altair_chart(chart, alt="Accuracy of the end model against the number of human labels")
            st.caption(
                "Accuracy of the end model after each training, as measured then, with its 95% interval. People have"
                " answered since: the figures beside are of now."
            )
        elif not figures.curve:
            st.markdown("The end model was never trained: `labelkit run` trains it.")
        else:
            st.markdown(
                "A curve takes two trainings that could be measured. Each training adds a point, if there are gold test"
                " items or answered audit items."
            )


def quality(figures: Figures) -> None:
    """Every accuracy with its interval and its n, and what is missing."""
    audit = figures.audit
    with st.container(border=True, height="stretch"):
        st.subheader("How good are the labels?", anchor=False)
        measures = (*audit.measures, *figures.gold)
        if measures:
            components.mount("measures", {"rows": [measured(one) for one in measures]}, key="measures")
        st.markdown(audit_words(figures))
        if figures.stopping:
            st.markdown(f"**Stop asking?** {shared.literal(figures.stopping[:1].upper() + figures.stopping[1:])}.")


def measured(one: Measure) -> dict[str, Any]:
    """One accuracy for the component."""
    found = one.estimate
    return {
        "what": f"{one.of.capitalize()}, {one.on}",
        "told": f"{found.value:.1%}",
        "range": f"95% interval {shared.interval({'low': found.low, 'high': found.high, 'n': found.n})}",
        "value": found.value,
        "low": found.low,
        "high": found.high,
    }


def audit_words(figures: Figures) -> str:
    """What the audit says, or why it says nothing yet."""
    audit = figures.audit
    if not audit.drawn:
        return "No item was drawn for the audit yet: `labelkit rank` draws some, if `query.audit_share` asks for them."
    if not audit.answered:
        return f"**The audit says nothing yet:** {audit.drawn:,} items were drawn at random, none is answered."
    if not audit.measures:
        return f"{audit.answered:,} audit items are answered, but no model has run: `labelkit run`."
    words = f"{audit.answered:,} of {audit.drawn:,} audit items are answered; they never train anything."
    if audit.simulated:
        words += f" **{audit.simulated:,} of these answers are simulated.**"
    if audit.wanted:
        words += f" About {audit.wanted:,} more would make the interval ± 5 points."
    return words


def classes(figures: Figures) -> None:
    """How often each class is seen, by whom."""
    found = figures.distribution
    with st.container(border=True, height="stretch"):
        st.subheader("Labels", anchor=False)
        if not any(sum(counts or ()) for counts in (found.people, found.label_model, found.end_model)):
            st.markdown("Nothing is labeled yet.")
            return
        st.altair_chart(charts.distribution(found), alt="Shares of the classes by people, label model and end model")
        st.caption(
            "Shares of the items that each of them labels. People see what the queue chose, so theirs may differ."
        )


# ------------------------------------------------------------------ the work


def pace(figures: Figures) -> None:
    """Answers by day and person, and when the queue may be done."""
    found = figures.pace
    with st.container(border=True, height="stretch"):
        st.subheader("Pace", anchor=False)
        if not found.total:
            st.markdown("Nobody has answered yet.")
            with st.container(horizontal=True):
                st.page_link("views/annotate.py", label="Give the first answer", icon=":material/edit_note:")
            return
        with st.container(horizontal=True, gap="large"):
            st.metric("Answers", f"{found.total:,}", width="content")
            st.metric("Today", f"{found.today:,}", width="content")
            if found.seconds is not None:
                st.metric("Median answer", f"{found.seconds[1]:.1f} s", width="content")
            if found.hours is not None and found.forecast.left:
                st.metric("Work left in the queue", hours(found.hours[1]), width="content")
        st.altair_chart(charts.pace(found.days), alt="Answers by day and person")
        st.caption(counted(figures))
        st.caption(forecast(found.forecast))


def counted(figures: Figures) -> str:
    """What the answers are, so that other figures can be told from this one."""
    labels = f"{figures.answers:,} {'label' if figures.answers == 1 else 'labels'}"
    parts = [
        (figures.skips, "skipped"),
        (figures.pace.total - figures.answers - figures.skips, "flagged or taken back"),
    ]
    return (
        " + ".join([f"Answers: {labels}", *(f"{n:,} {what}" for n, what in parts if n > 0)])
        + ", without gold questions."
    )


def hours(value: float) -> str:
    """A time of work in words."""
    return f"{value * 60:.0f} min" if value < 1 else f"{value:,.1f} h"


def forecast(found: Forecast) -> str:
    """When the queue may be done, and how sure that is."""
    if found.days is None or found.low is None or found.high is None:
        return f"No forecast for the queue: {found.why}."
    high = "much later" if found.high == float("inf") else f"{found.high:,.0f}"
    return (
        f"The {found.left:,} answers that the queue wants take about {found.days:,.0f} more days, if people go on as in"
        f" the last {found.rested_on} days (95% of such days drawn at random: {found.low:,.0f} to {high})."
    )


def queue(figures: Figures) -> None:
    """What the queue consists of."""
    with st.container(border=True, height="stretch"):
        st.subheader("Queue", anchor=False)
        if not figures.queue.items:
            st.markdown("The queue is empty: `labelkit run` fills it.")
            return
        rows = [
            {
                "For": ROLES.get(part.role, part.role), "Chosen by": part.strategy,
                "Answered": 100 * (1 - part.open / part.items), "Open": part.open,
            }
            for part in figures.queue.parts
        ]  # fmt: skip
        look = {
            "For": st.column_config.TextColumn(width=130),
            "Chosen by": st.column_config.TextColumn(width=95),
            "Answered": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=90),
            "Open": st.column_config.NumberColumn(width=45),
        }
        st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config=look)
        st.caption(f"{figures.queue.open:,} open items want {figures.queue.places:,} answers.")


def functions(figures: Figures) -> None:
    """The best and the worst labeling functions, by what is known of them."""
    with st.container(border=True, height="stretch"):
        st.subheader("Labeling functions", anchor=False)
        if not figures.functions:
            st.markdown("None has voted yet. Write some in `labeling_functions/`, then `labelkit vote`.")
            return
        try:
            table = figured()
        except StepMissing as missing:
            st.markdown(shared.literal(f"{missing.message}. {missing.hint or ''}"))
            return
        judged = sorted((f for f in table.functions if f.accuracy.n), key=lambda f: f.accuracy.value)
        shown = judged if len(judged) <= 2 * LISTED else [*judged[:LISTED], *judged[-LISTED:]]
        if not shown:
            st.markdown("No label is known yet that would tell good functions from bad ones.")
        else:
            st.dataframe(
                pd.DataFrame([ranked(f) for f in shown]), hide_index=True, height="content",
                column_config={
                    "Function": st.column_config.TextColumn(width=150),
                    "Votes for": st.column_config.TextColumn(width=105),
                    "Right": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=95),
                    "95% interval": st.column_config.TextColumn(width=95),
                    "n": st.column_config.NumberColumn(width=50),
                    "Coverage": st.column_config.NumberColumn(format=shared.PERCENT, width=75),
                },
            )  # fmt: skip
            more = (
                f", the worst and best {LISTED} of {len(judged)} with known labels" if len(judged) > len(shown) else ""
            )
            st.caption(f"Worst first{more}. Against {shared.literal(table.reference)}.")
        st.page_link("views/functions.py", label="All functions", icon=":material/function:")


def figured() -> Any:
    """The analysis of the functions; the first time after a run it takes a moment."""
    with shared.project() as project:
        figures = project.function_figures()
        if figures.ready():
            return figures.table()
        with st.spinner("Counting all votes …"):
            return figures.table()


def ranked(function: Any) -> dict[str, Any]:
    """One row of the table."""
    estimate = function.accuracy
    return {
        "Function": function.name,
        "Votes for": ", ".join(function.polarity) or "–",
        "Right": 100 * estimate.value,
        "95% interval": f"{estimate.low:.0%} to {estimate.high:.0%}",
        "n": estimate.n,
        "Coverage": shared.in_percent(function.coverage),
    }


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
