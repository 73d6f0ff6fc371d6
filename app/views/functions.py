"""Functions: what each labeling function does, and how well."""

from __future__ import annotations

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError
from labelkit.errors import StepMissing

SHARES = ("coverage", "overlap", "conflict")


def show() -> None:
    """The page."""
    st.title("Labeling functions", anchor=False)
    try:
        with shared.project() as project:
            analysis = project.lfs()
    except StepMissing as error:
        shared.empty(error.message, "Write some in `labeling_functions/`, then `labelkit vote` in a terminal.")
        return
    with st.container(horizontal=True):
        for title, value in (
            ("Functions", f"{len(analysis.functions):,}"),
            ("Coverage", shared.percent(analysis.coverage, 1)),
            ("Overlap", shared.percent(analysis.overlap, 1)),
            ("Conflict", shared.percent(analysis.conflict, 1)),
        ):
            st.metric(title, value, border=True, width=160)
    rows = [
        {
            "Function": f.name,
            "Kind": f.kind,
            "Votes for": ", ".join(f.polarity) or "–",
            **{share: shared.in_percent(getattr(f, share)) for share in SHARES},
            "Accuracy": shared.in_percent(f.accuracy.value) if f.accuracy.n else None,
            "95% interval": f"{f.accuracy.low:.0%} to {f.accuracy.high:.0%}" if f.accuracy.n else "–",
            "n": f.accuracy.n,
            "Contradicted": f.contradicted,
            "Faults": f.faults,
            "Place": f.place,
        }
        for f in analysis.functions
    ]
    bar = {
        share: st.column_config.ProgressColumn(share.title(), format=shared.PERCENT, min_value=0, max_value=100)
        for share in SHARES
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={**bar, "Accuracy": st.column_config.NumberColumn(format=shared.PERCENT)},
    )
    st.caption(f"Accuracy is against {shared.literal(analysis.reference)}.")
    if analysis.next_steps:
        st.subheader("Next steps")
        for step in analysis.next_steps:
            st.markdown(f"- {shared.literal(step)}")
    for note in analysis.notes:
        st.info(shared.literal(note), icon=":material/info:")
    for function in analysis.functions:
        for fault in function.fault_examples:
            st.warning(
                shared.literal(f"{function.name} on item {fault.item_id}: {fault.problem}"),
                icon=":material/bug_report:",
            )


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
