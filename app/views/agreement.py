"""Agreement: how far annotators agree, who differs from whom, which classes are confused, how good each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import shared
import streamlit as st

from labelkit.annotate import Anchoring
from labelkit.labelmodels.annotators import Reliability
from labelkit.steps.agreeing import AgreementReport
from labelkit.types import Estimate

MEASURES = {
    "percent": ("Percent agreement", "how often two answers to an item are the same"),
    "cohen": ("Cohen's κ", "beyond what the two annotators' own habits would give; pooled over pairs"),
    "fleiss": ("Fleiss' κ", "beyond chance, with habits that all share"),
    "krippendorff": ("Krippendorff's α", "as Fleiss, fair to few and to missing answers"),
    "gwet_ac1": ("Gwet's AC1", "beyond chance, also where one class is frequent"),
    "krippendorff_ordinal": ("Krippendorff's α, ordered", "near classes count as half agreed"),
}
MOST_NAMES = 14  # with more people or classes a table says more than a picture
CELL = 64


def show() -> None:
    """The page."""
    st.title("Agreement", anchor=False)
    ordered = bool(st.session_state.get("ordered", False))
    with shared.told(), shared.project() as project:
        told = report(project.reviewing.state(), ordered)
        if not told.answers:
            shared.empty("Nobody has answered with a label yet.", "People answer the queue in **Annotate**.")
            return
        summary(told)
        warnings(told)
        measures(told)
        if told.shared:
            pairs(told)
        confusions(told)
        people(told)
        anchoring(told.anchoring)


@st.cache_data(max_entries=8, show_spinner="Comparing the answers…")
def report(state: str, ordered: bool) -> AgreementReport:
    """The figures; made anew when answers, decisions, items or settings change (``state``)."""
    with shared.project() as project:
        return project.agreement(ordered=ordered)


def summary(told: AgreementReport) -> None:
    """How much there is to compare."""
    with st.container(horizontal=True):
        for title, value in (
            ("Labels", told.answers),
            ("Annotators", told.annotators),
            ("Items answered", told.items),
            ("By two or more", told.shared),
            ("Disputed", told.disputed),
        ):
            st.metric(title, f"{value:,}", border=True, width=160)
    if told.gold:
        questions = "a gold question" if told.gold == 1 else "gold questions"
        st.caption(
            f"{told.answers:,} labels: {told.answers - told.gold:,} of the queue and {told.gold:,} on {questions}."
            " Skips are not among them."
        )
    ready = told.disputed - told.waiting
    if ready:
        word = "item" if ready == 1 else "items"
        st.page_link("views/review.py", label=f"Decide {ready:,} disputed {word}", icon=":material/balance:")
    if told.waiting:
        word = "item waits" if told.waiting == 1 else "items wait"
        st.caption(f"{told.waiting:,} disputed {word} for a third person's answer.")


def warnings(told: AgreementReport) -> None:
    """What a lead should look at; nothing happens by itself."""
    found = [warning for row in told.quality for warning in row.warnings]
    if not found:
        return
    st.subheader("Look at these", anchor=False)
    for warning in found:
        st.warning(
            f"**{shared.literal(warning.annotator)}:** {shared.literal(warning.what)}.  \n"
            f"{shared.literal(warning.next_step)}.",
            icon=":material/visibility:",
        )


def measures(told: AgreementReport) -> None:
    """Each measure with its interval, or why there is none."""
    st.subheader("How far do people agree?", anchor=False)
    rows = [{"measure": MEASURES[f.measure][0], "value": f.value, "low": f.low, "high": f.high} for f in told.figures]
    defined = pd.DataFrame([row for row in rows if row["value"] is not None])
    if len(defined):
        st.altair_chart(measure_chart(defined), width="stretch")
    table = [
        {
            "Measure": MEASURES[f.measure][0],
            "Value": f.value,
            "95% interval": "–" if f.low is None else f"{f.low:.3f} to {f.high:.3f}",
            "What it says": f.undefined[:1].upper() + f.undefined[1:] if f.undefined else MEASURES[f.measure][1],
        }
        for f in told.figures
    ]
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        column_config={
            "Value": st.column_config.NumberColumn(format="%.3f", width="small"),
            "What it says": st.column_config.TextColumn(width="large"),
        },
    )
    st.checkbox(
        "The classes are in an order that means something",
        key="ordered",
        help="Adds Krippendorff's alpha for ordinal data: confusing neighbours counts less than confusing ends.",
    )
    for note in told.notes:
        st.caption(shared.literal(note[:1].upper() + note[1:] + "."))


def measure_chart(rows: pd.DataFrame) -> Any:
    """A point and its interval for each measure."""
    low = min(0.0, float(rows[["value", "low"]].min(axis=None)))
    scale = alt.Scale(domain=[low, 1.0], nice=False)
    order = list(rows["measure"])
    base = alt.Chart(rows).encode(y=alt.Y("measure:N", sort=order, title=None, axis=alt.Axis(labelLimit=240)))
    x = alt.X("value:Q", scale=scale, title=None, axis=alt.Axis(grid=True, tickCount=6))
    _, tone = colors()
    line = base.mark_rule(strokeWidth=4, opacity=0.4, color=tone).encode(
        x=alt.X("low:Q", scale=scale, title=None), x2="high:Q"
    )
    point = base.mark_point(filled=True, size=110, opacity=1, color=tone).encode(x=x)
    return (line + point).properties(height=38 * len(rows) + 30)


def pairs(told: AgreementReport) -> None:
    """Who agrees with whom."""
    st.subheader("Who agrees with whom?", anchor=False)
    rows = [
        {
            "One": pair.first,
            "Other": pair.second,
            "Items": pair.n,
            "Same answer": shared.in_percent(pair.percent.value or 0.0),
            "95% interval": _interval(pair.percent.low, pair.percent.high, "%"),
            "Cohen's κ": pair.cohen.value,
            "95% interval of κ": _interval(pair.cohen.low, pair.cohen.high),
            "Note": pair.cohen.undefined,
        }
        for pair in told.pairs
    ]
    names = sorted({name for pair in told.pairs for name in (pair.first, pair.second)})
    if 2 < len(names) <= MOST_NAMES:
        cells = [
            {
                "x": x,
                "y": y,
                "shade": row["Same answer"],
                "text": f"{row['Same answer']:.0f}%",
                "below": f"n {row['Items']}",
            }
            for row in rows
            for x, y in ((row["One"], row["Other"]), (row["Other"], row["One"]))
        ]
        st.altair_chart(heat(cells, names, names, x_title="", y_title=""), width="content")
        st.caption("The share of common items on which two people say the same, and the number of these items.")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "Same answer": st.column_config.ProgressColumn(format=shared.PERCENT, min_value=0, max_value=100),
            "Cohen's κ": st.column_config.NumberColumn(format="%.3f"),
            "Note": st.column_config.TextColumn(width="large"),
        },
    )


def confusions(told: AgreementReport) -> None:
    """Which classes are taken for each other: between people, and against what is known."""
    between, known = sum(map(sum, told.between)), sum(map(sum, told.known))
    if not between and not known:
        return
    st.subheader("Which classes are confused?", anchor=False)
    tables = [
        (between, told.between, "Between people", "one person", "another person",
         "How often two answers to the same item are these two classes."),
        (known, told.known, "Against known labels", "answered", "known",
         "Known: gold labels, and decisions of somebody else than the annotator."),
    ]  # fmt: skip
    for column, (total, matrix, title, x_title, y_title, words) in zip(st.columns(2, gap="large"), tables, strict=True):
        with column:
            st.markdown(f"**{title}**")
            if not total:
                st.caption("There is nothing to compare with yet.")
            else:
                confusion(matrix, told.classes, x_title, y_title)
                st.caption(words)


def confusion(matrix: list[list[int]], classes: list[str], x_title: str, y_title: str) -> None:
    """One confusion matrix, shaded by the share of its row."""
    if len(classes) > MOST_NAMES:
        st.dataframe(pd.DataFrame(matrix, index=classes, columns=classes))
        return
    cells = [
        {"x": classes[c], "y": classes[r], "shade": 100 * n / max(sum(row), 1), "text": f"{n:,}", "below": ""}
        for r, row in enumerate(matrix)
        for c, n in enumerate(row)
    ]
    st.altair_chart(heat(cells, classes, classes, x_title=x_title, y_title=y_title), width="stretch")


def heat(
    cells: list[dict[str, Any]], columns: Sequence[str], rows: Sequence[str], *, x_title: str, y_title: str
) -> Any:
    """A table whose cells are darker the nearer ``shade`` is to 100."""
    names = alt.Axis(labelLimit=130, labelAngle=-35, labelOverlap=False, orient="top", domain=False, ticks=False)
    sides = alt.Axis(labelLimit=130, domain=False, ticks=False)
    base = alt.Chart(pd.DataFrame(cells)).encode(
        x=alt.X("x:N", sort=list(columns), title=x_title or None, axis=names),
        y=alt.Y("y:N", sort=list(rows), title=y_title or None, axis=sides),
    )
    ink, tone = colors()
    boxes = base.mark_rect(cornerRadius=6, color=tone).encode(
        opacity=alt.Opacity("shade:Q", scale=alt.Scale(domain=[0, 100], range=[0.06, 0.75]), legend=None)
    )
    plain = {"baseline": "middle", "fontSize": 13, "fontWeight": 600, "color": ink}
    text = base.mark_text(**plain, dy=-6 if any(cell["below"] for cell in cells) else 0).encode(text="text:N")
    below = base.mark_text(baseline="middle", fontSize=10, dy=10, color=ink).encode(text="below:N")
    return (boxes + text + below).properties(height=CELL * len(rows) + 60, width=CELL * 1.4 * len(columns))


def colors() -> tuple[str, str]:
    """Colour of writing and the shade of pictures, on a light or a dark page."""
    dark = st.context.theme.type == "dark"
    theme = "theme.dark" if dark else "theme.light"
    ink = st.get_option(f"{theme}.textColor") or ("#ffffff" if dark else "#000000")
    return ink, st.get_option(f"{theme}.primaryColor") or "#3b5bdb"


def people(told: AgreementReport) -> None:
    """Each annotator's figures."""
    st.subheader("How good is each annotator?", anchor=False)
    rows = [
        {
            "Annotator": row.annotator,
            "Labels": row.labels,
            "Skips": row.skips,
            "Flags": row.flags,
            "Gold questions": share(row.gold),
            "Known items": share(row.decided),
            "Agrees with others": share(row.agreement),
            "Reliability": "–" if row.reliability is None else share(row.reliability),
            "Seconds": row.seconds,
            "Too fast": share(row.fast),
            "Earlier half": share(row.before),
            "Later half": share(row.after),
        }
        for row in told.quality
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            **{name: st.column_config.NumberColumn(width=55) for name in ("Labels", "Skips", "Flags")},
            "Seconds": st.column_config.NumberColumn(format="%.1f", width=65, help="median"),
            "Reliability": st.column_config.TextColumn(help="estimated by the annotator model"),
        },
    )
    st.caption(
        "Shares with their 95% interval and n. Known items have a gold label or a decision of somebody else; many of"
        " the decided ones were disputed, so they are harder than others. The halves are the earlier and the later"
        " answers that known labels or other people bear out. These figures warn; they change nothing by themselves."
    )


def anchoring(found: Anchoring) -> None:
    """Whether seeing the model's guess before answering changes answers."""
    if found.difference is None or found.low is None or found.high is None:
        return
    st.subheader("Do hints sway people?", anchor=False)
    for column, (title, estimate) in zip(
        st.columns(2, gap="large"),
        (("Guess shown before the answer", found.before), ("Guess hidden until answered", found.hidden)),
        strict=True,
    ):
        with column:
            st.progress(estimate.value, text=f"{title}  \n**{estimate.value:.0%}** agree with the guess")
            st.caption(f"95% interval {estimate.low:.0%} to {estimate.high:.0%}, n = {estimate.n:,}")
    verdict = "Seeing it changes answers" if found.shows else "No effect beyond chance"
    st.markdown(
        f"**{verdict}:** {100 * found.difference:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f})."
    )


def share(estimate: Estimate | Reliability) -> str:
    """A share, its interval and n in one cell."""
    if not estimate.n:
        return "–"
    return f"{estimate.value:.0%} ({estimate.low:.0%}–{estimate.high:.0%}), n {estimate.n:,}"


def _interval(low: float | None, high: float | None, unit: str = "") -> str:
    if low is None or high is None:
        return "–"
    return f"{low:.0%} to {high:.0%}" if unit else f"{low:.3f} to {high:.3f}"


shared.need("review")
show()
