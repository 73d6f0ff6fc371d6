"""The dashboard's charts. Names of a project are data in them, never titles or expressions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from labelkit.steps.dashboard_quality import CurvePoint, Distribution

HEIGHT = 260


def learning_curve(points: Sequence[CurvePoint]) -> Any | None:
    """Accuracy against the number of human labels that the end model learned from; None without two measures."""
    import altair as alt

    rows = [
        {
            "human": point.human, "accuracy": one.estimate.value, "low": one.estimate.low, "high": one.estimate.high,
            "on": one.on, "n": one.estimate.n, "run": point.run,
        }
        for point in points
        for one in point.measures
    ]  # fmt: skip
    if len(rows) < 2:
        return None
    frame = pd.DataFrame(rows).drop_duplicates(["human", "on"], keep="last")
    base = alt.Chart(frame).encode(
        x=alt.X(
            "human:Q",
            title="Labels from people that the end model learned from",
            axis=alt.Axis(format=",d", tickMinStep=1),
        ),
        color=alt.Color("on:N", title=None, legend=alt.Legend(orient="top", symbolOpacity=1)),
    )
    accuracy = alt.Y("accuracy:Q", title=None, axis=alt.Axis(format="%"), scale=alt.Scale(zero=False, nice=True))
    tips = [
        alt.Tooltip("on:N", title="Measured on"), alt.Tooltip("accuracy:Q", title="Right", format=".1%"),
        alt.Tooltip("low:Q", title="From", format=".1%"), alt.Tooltip("high:Q", title="To", format=".1%"),
        alt.Tooltip("n:Q", title="n", format=","), alt.Tooltip("human:Q", title="Human labels", format=","),
    ]  # fmt: skip
    band = base.mark_area(opacity=0.16).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    line = base.mark_line(strokeWidth=2.5).encode(y=accuracy)
    dots = base.mark_circle(size=46, opacity=1).encode(y=accuracy, tooltip=tips)
    return (band + line + dots).properties(height=HEIGHT)


def distribution(found: Distribution) -> Any:
    """Shares of the classes by people, label model and end model, side by side."""
    import altair as alt

    columns = {"People": found.people, "Label model": found.label_model, "End model": found.end_model}
    rows = [
        {"label": label, "by": by, "share": count / sum(counts), "items": count}
        for by, counts in columns.items()
        if counts is not None and sum(counts)
        for label, count in zip(found.labels, counts, strict=True)
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=160)),
            yOffset=alt.YOffset("by:N", sort=list(columns)),
            x=alt.X("share:Q", title=None, axis=alt.Axis(format="%")),
            color=alt.Color("by:N", title=None, sort=list(columns), legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("label:N", title="Label"), alt.Tooltip("by:N", title="By"),
                alt.Tooltip("share:Q", title="Share", format=".1%"), alt.Tooltip("items:Q", title="Items", format=","),
            ],
        )
        .properties(height=max(HEIGHT, 46 * len(found.labels)))
    )  # fmt: skip


def pace(days: Sequence[tuple[date, dict[str, int]]], most_people: int = 7) -> Any:
    """Answers by day, stacked by person; those beyond the busiest few are one."""
    import altair as alt

    totals: dict[str, int] = {}
    for _, names in days:
        for name, number in names.items():
            totals[name] = totals.get(name, 0) + number
    busiest = sorted(totals, key=lambda name: (-totals[name], name))[:most_people]
    others = f"{len(totals) - len(busiest)} others"
    rows = [
        {"day": day.isoformat(), "person": name if name in busiest else others, "answers": number}
        for day, names in days
        for name, number in names.items()
    ]
    shown = [day.isoformat() for day, _ in days]
    every = max(1, len(shown) // 8)
    legend = alt.Legend(orient="top", columns=4, labelLimit=110)
    return (
        alt.Chart(pd.DataFrame(rows, columns=["day", "person", "answers"]))
        .mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2)
        .encode(
            x=alt.X(
                "day:O", title=None, scale=alt.Scale(domain=shown),
                axis=alt.Axis(values=shown[::-1][::every], labelAngle=0, labelExpr="slice(datum.value, 5)"),
            ),
            y=alt.Y("sum(answers):Q", title=None, axis=alt.Axis(format=",d", tickMinStep=1)),
            color=alt.Color("person:N", title=None, sort=[*busiest, others], legend=legend),
            tooltip=[
                alt.Tooltip("day:O", title="Day"), alt.Tooltip("person:N", title="Person"),
                alt.Tooltip("sum(answers):Q", title="Answers", format=","),
            ],
        )
        .properties(height=HEIGHT)
    )  # fmt: skip
