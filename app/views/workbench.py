"""Workbench: try keyword and regex functions on all items, save them, and see which to write next."""

from __future__ import annotations

import pandas as pd
import shared
import streamlit as st
import workbench_form as form
import workbench_results as results
from streamlit.delta_generator import DeltaGenerator

from labelkit import LabelkitError, Project
from labelkit.steps.persons import Person

SECTIONS = ("Suggestions", "Saved functions", "Corrected items", "Search")


def show(who: Person) -> None:
    """The page."""
    st.title("Workbench", anchor=False)
    form.told_last()
    with shared.project() as project:
        bench = project.workbench
        bench.warm()
        left, right = st.columns([5, 7], gap="large")
        with left, st.container(border=True):
            declaration = form.widgets(bench.labels(), bench.fields())
            place = st.container()
        with right:
            tried = attempt(project, declaration)
        with place:
            saving(project, who, declaration, ready=tried)
        sections(project, who)


def attempt(project: Project, declaration: form.Declaration | None) -> bool:
    """What the function in the form would do; returns whether it could be tried."""
    if declaration is None:
        shared.empty(
            "Nothing to try yet",
            "Type a word on the left: you see at once which items it finds, and how right it seems. Enter adds it."
            " Or start from a suggestion below.",
        )
        return False
    try:
        trial = project.workbench.try_function(declaration, replaces=form.edited_name())
    except LabelkitError as error:
        shared.show_error(error)
        return False
    results.show(trial)
    return True


def saving(project: Project, who: Person, declaration: form.Declaration | None, *, ready: bool) -> None:
    """The name, and the button that writes the function into the file."""
    named = form.name_widgets()
    with st.container(horizontal=True):
        pressed = st.button(
            "Save changes" if form.edited_name() else "Save function",
            key="wb-save",
            type="primary",
            disabled=not ready,
            icon=":material/save:",
            help="Writes it into labeling_functions/workbench.toml; `labelkit vote` then runs it on all items.",
        )
        st.button("Clear", key="wb-clear", on_click=form.clear)
    if pressed and declaration is not None:
        with shared.told():
            entry = project.workbench.save(
                {**declaration, **named}, who, replaces=form.edited_name(), seen=form.edited_seen()
            )
            form.saved(entry.name, voting(project))


def voting(project: Project) -> str:
    """What happens with a change of the file, as Markdown."""
    state = project.trainer_state()
    if state is not None and state.running and state.votes:
        return "The trainer votes anew in a moment."
    return "That counts after the next `labelkit vote`."


def sections(project: Project, who: Person) -> None:
    """What lies below the form, one at a time: each costs something to make."""
    chosen = st.segmented_control(
        "Show", SECTIONS, default=SECTIONS[0], key="wb-section", label_visibility="collapsed", required=True
    )
    with shared.told():
        if chosen == SECTIONS[1]:
            saved_functions(project, who)
        elif chosen == SECTIONS[2]:
            corrected(project)
        elif chosen == SECTIONS[3]:
            search(project)
        else:
            suggestions(project)


def suggestions(project: Project) -> None:
    """Words worth trying, mined from items with labels."""
    if not project.workbench.suggestions_ready() and not st.session_state.get("wb-mine"):
        st.caption("Words and phrases that labeled items have in common and that no function finds yet.")
        st.button("Find suggestions", key="wb-mine-button", on_click=form.mine, icon=":material/lightbulb:")
        return
    with st.spinner("Counting words …"):
        found = project.workbench.suggestions()
    st.caption(f"{shared.literal(found.evidence)}. Ranked by the labels that each would mend or add.")
    for note in found.notes:
        st.caption(shared.literal(note))
    if not found.functions:
        shared.empty(
            "No suggestions",
            "No word adds anything that the functions do not say already. More answers bring more:"
            " annotators give them on the Annotate page.",
        )
        return
    for place, one in enumerate(found.functions):
        with st.container(horizontal=True, vertical_alignment="center", key=f"plain-suggestion-{place}"):
            st.button("Try", key=f"wb-try-{place}", on_click=form.fill, args=(one.function(),))
            st.text(f"{one.term}  →  {one.label}", width=260)
            if one.known:
                sure = f"{one.right} of {one.known} labeled ones right, likely {one.low:.0%} or more of all"
            else:
                sure = f"none labeled; by the models' labels {one.low:.0%} or more right"
            st.text(f"{one.items:,} items, {one.new:,} new · {sure}", width="stretch")


def saved_functions(project: Project, who: Person) -> None:
    """The functions of the workbench file."""
    functions = project.workbench.functions()
    if not functions:
        shared.empty(
            "No functions saved yet",
            "Try one above and save it: it is kept as data in `labeling_functions/workbench.toml`, beside the ones"
            " written in Python, and `labelkit vote` runs it.",
        )
        return
    if project.workbench.due():
        st.info(
            f"Functions were saved, changed or removed since the last vote. {voting(project)}",
            icon=":material/how_to_vote:",
        )
    states = {"voted": "votes counted", "due": "vote due", "problem": "cannot vote"}
    rows = [
        {
            "Function": f.entry.name,
            "Votes for": f.label,
            "Where": form.in_words(f.entry),
            "State": states[f.state] + (f": {f.why}" if f.why else ""),
            "By": f.entry.author,
            "Saved": f.entry.at,
            "Note": f.entry.note,
        }
        for f in functions
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content" if len(rows) <= 12 else 460)
    names = [f.entry.name for f in functions]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Function", names, key="wb-chosen", width=320)
        chosen = functions[names.index(name)]
        st.button("Edit", key="wb-edit", on_click=form.edit, args=(chosen,), icon=":material/edit:")
        remove(project, who, name, chosen.seen, st.container())


def remove(project: Project, who: Person, name: str, seen: str, place: DeltaGenerator) -> None:
    """Take a function out of the file, after a second look."""
    with place.popover("Remove", icon=":material/delete:"):
        st.text(f"Remove {name} from the file? Its votes end with the next vote.")
        if st.button("Remove it", key="wb-remove", type="primary"):
            with shared.told():
                project.workbench.remove(name, who, seen=seen)
                form.removed(name)


def corrected(project: Project) -> None:
    """Items on which people corrected a function."""
    found = project.workbench.corrected_functions()
    if not any(count for _, count in found):
        shared.empty(
            "Nobody has corrected a function yet",
            "Where people answer otherwise than a function votes, its items are listed here.",
        )
        return
    counts = dict(found)
    name = st.selectbox(
        "Function", [n for n, count in found if count], key="wb-corrected", width=420,
        format_func=lambda n: f"{n} ({counts[n]:,})",
    )  # fmt: skip
    told = project.workbench.corrected(name)
    st.caption(f"People corrected {told.corrected:,} of the {told.answered:,} votes that they have seen.")
    results.corrected(told)


def search(project: Project) -> None:
    """Items by words, to find out what people write."""
    query = st.text_input("Words in the items", key="wb-query", placeholder="refund card", max_chars=200)
    if not query.strip():
        shared.empty("Look for words", "Type words to see items that have all of them.")
        return
    results.searched(project, query)


show(shared.need("build"))
