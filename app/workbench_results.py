"""What the workbench shows of a try, of corrected items and of a search. Items are only ever text."""

from __future__ import annotations

import math
import re
from typing import Any

import components
import pandas as pd
import shared
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from labelkit import Project
from labelkit.steps.browsing import ItemFilter
from labelkit.steps.workbench_corrected import Corrected
from labelkit.steps.workbench_trial import SampleItem, Trial

FOUND = 20


def show(trial: Trial) -> None:
    """Figures and items of one try."""
    places = st.columns(4, gap="small")
    metric(places[0], "Votes", f"{trial.votes:,}", f"{share(trial.votes, trial.items)} of {trial.items:,} items")
    metric(places[1], "New", f"{trial.new:,}", "where no function votes yet")
    metric(places[2], "Conflicts", f"{trial.conflict:,}", f"of {trial.overlap:,} where others vote")
    judged(places[3], trial)
    for note in trial.notes:
        st.caption(shared.literal(note))
    if not trial.votes:
        keywords = trial.function.kind == "keywords"
        hint = "Try another word, or allow it inside words." if keywords else "Try another pattern."
        shared.empty("No item matches", hint)
        return
    hits, against = st.tabs([f"Found ({trial.votes:,})", f"Doubtful ({len(trial.conflicts)})"])
    with hits:
        listed = listed_words(trial)
        if listed:
            st.caption(listed)
        items(trial.hits, trial, key="wb-hits", title="Items that the function finds")
    with against:
        if not trial.conflicts:
            st.caption("Nothing contradicts it.")
        items(trial.conflicts, trial, key="wb-against", title="Items on which something contradicts it")
        overlaps(trial)


def listed_words(trial: Trial) -> str:
    """Why fewer items are listed than were found; nothing where all are."""
    shown, words = len(trial.hits), []
    if shown < trial.votes - trial.hidden:
        words.append(f"{shown} of {trial.votes:,}, drawn at random.")
    if trial.hidden:
        one = trial.hidden == 1
        words.append(
            f"{trial.hidden:,} {'is' if one else 'are'} in the test split or the audit and not shown: functions must"
            " not be written after what measures them."
        )
    return " ".join(words)


def metric(place: DeltaGenerator, title: str, value: str, below: str) -> None:
    """A figure with what it means below it."""
    with place.container(border=True, gap=None, height="stretch"):
        st.metric(title, value)
        st.caption(shared.literal(below))


def judged(place: DeltaGenerator, trial: Trial) -> None:
    """How right it seems: by known labels, or else only how far it agrees with the label model."""
    chance = "" if math.isnan(trial.chance) else f", by chance {shared.percent(trial.chance)}"
    if trial.accuracy.n:
        below = f"{trial.accuracy.low:.0%} to {trial.accuracy.high:.0%}, n = {trial.accuracy.n:,}{chance}"
        metric(place, "Accuracy", shared.percent(trial.accuracy.value), below)
        st.caption(f"Accuracy is against {shared.literal(trial.reference)}.")
    elif trial.agreement.n:
        metric(place, "Agreement", shared.percent(trial.agreement.value), f"n = {trial.agreement.n:,}{chance}")
        st.caption(f"None of these items has a known label. Agreement is with {trial.decided_by}, no accuracy.")
    else:
        metric(place, "Accuracy", "–", "no label is known")


def share(part: int, whole: int) -> str:
    """A share in percent, finer where it is small."""
    value = part / whole if whole else 0.0
    return f"{value:.1%}" if value >= 0.001 or not part else f"{value:.3%}"


def items(found: tuple[SampleItem, ...], trial: Trial, *, key: str, title: str) -> None:
    """Items with their matches marked."""
    label = str(trial.function.label)
    shown = []
    for one in found:
        facts = [{"name": "id", "value": one.id}]
        if one.known is not None:
            facts.append({"name": "known label", "value": one.known, "against": one.known != label})
        if one.decided is not None:
            facts.append({"name": trial.decided_by, "value": one.decided, "against": one.decided != label})
        facts += [{"name": name, "value": vote, "against": True} for name, vote in one.others]
        shown.append({"segments": one.segments, "facts": facts})
    hits(shown, key=key, title=title)


def hits(shown: list[dict[str, Any]], *, key: str, title: str) -> None:
    """A list of items, each a text in parts and facts about it."""
    if shown:
        components.mount("hits", {"title": title, "items": shown}, key=key)


def overlaps(trial: Trial) -> None:
    """Functions that vote on the same items."""
    if not trial.overlaps:
        return
    rows = [
        {"Function": one.function, "Votes there too": one.items, "For another label": one.conflicts}
        for one in trial.overlaps[:50]
    ]
    st.caption("Functions that vote on the same items")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content" if len(rows) <= 6 else 260)


def corrected(told: Corrected) -> None:
    """Items on which people corrected a function."""
    shown = [
        {
            "segments": [[one.text, False]],
            "facts": [
                {"name": "id", "value": one.id},
                {"name": "people", "value": one.answer},
                {"name": told.function, "value": one.vote, "against": True},
            ],
        }
        for one in told.items
    ]
    if len(told.items) < told.corrected:
        st.caption(f"The first {len(told.items)}:")
    hits(shown, key="wb-corrected-items", title="Corrected items")


def searched(project: Project, query: str) -> None:
    """Items that have all the words of a query, with the words marked."""
    browsing = project.browsing()
    if not browsing.index_ready(most_seconds=0.5):
        st.info("The words of the texts are being indexed: search again in a moment.", icon=":material/hourglass:")
        return
    found = browsing.page(ItemFilter(text=query), limit=FOUND)
    st.caption(f"{found.total:,} items" + (f", the first {FOUND}" if found.total > FOUND else ""))
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(word)}\w*" for word in query.split()), re.IGNORECASE)
    shown = [
        {
            "segments": segments(row.text, pattern),
            "facts": [{"name": "id", "value": row.id}, {"name": "label", "value": row.label or "–"}],
        }
        for row in found.rows
    ]
    hits(shown, key="wb-found", title="Items found")


def segments(text: str, pattern: re.Pattern[str]) -> list[tuple[str, bool]]:
    """A text in parts; True for those that match."""
    parts: list[tuple[str, bool]] = []
    at = 0
    for match in pattern.finditer(text):
        parts += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    parts.append((text[at:], False))
    return [part for part in parts if part[0]]
