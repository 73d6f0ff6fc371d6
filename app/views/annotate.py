"""Annotate: one item at a time, one key per label.

A press can only ever count for the item it was shown with: the buttons carry item and lease in their
keys and arguments, a press that is not about the item on turn is ignored, and the project file checks
the lease once more.
"""

from __future__ import annotations

import time
import uuid

import shared
import streamlit as st

from labelkit.errors import AnnotationError, LabelkitError, StepMissing
from labelkit.project import LeasedItem, LeaseReply, Project

DIGITS = "1234567890"
GUIDELINES_HEIGHT = 560


def show() -> None:
    """The page."""
    state = st.session_state
    if "annotator" not in state and st.query_params.get("annotator"):
        begin(st.query_params["annotator"])
    if "annotator" not in state:
        ask_name()
        return
    st.query_params["annotator"] = state.annotator  # a reload finds the name again
    with shared.project() as project:
        try:
            next_item(project)
        except StepMissing as error:
            shared.empty(error.message, "`labelkit run` in a terminal makes the queue; then reload this page.")
            return
        labels, reasons, guidelines = project.schema.names, project.skip_reasons, project.guidelines
        header(project)
        left_over = None if state.current is not None else project.status().next
    message()
    if state.current is None:
        nothing_left(left_over or "")
    elif guidelines:
        left, right = st.columns([7, 4], gap="large")
        with left:
            card(state.current, labels, dict(reasons))
        with right, st.container(border=True, height=GUIDELINES_HEIGHT, key="guidelines"):
            st.markdown(guidelines)
    else:
        card(state.current, labels, dict(reasons))


# ------------------------------------------------------------------ who


def ask_name() -> None:
    """Ask once who is answering."""
    with st.container(horizontal_alignment="center"), st.container(width=420), st.form("who", border=True):
        st.markdown("#### Who is answering?")
        st.markdown("Your name is stored with every answer. Use the same one each time.")
        name = st.text_input("Your name", key="login-name", max_chars=100)
        if st.form_submit_button("Start", type="primary", key="login-submit"):
            begin(name)
            if "annotator" in st.session_state:
                st.rerun()


def begin(name: str) -> None:
    """Start answering under a name, if it can be used."""
    with shared.told():
        st.session_state.update(
            annotator=Project.annotator_name(name),
            client=uuid.uuid4().hex,
            sequence=0,
            current=None,
            undo=[],
            note=None,
        )


def leave() -> None:
    """Give the items back and ask for a name again."""
    with shared.told(), shared.project() as project:
        project.release(st.session_state.annotator)
    for key in ("annotator", "client", "sequence", "current", "undo", "note", "shown_at"):
        st.session_state.pop(key, None)
    st.query_params.pop("annotator", None)


# ------------------------------------------------------------------ the item on turn


def next_item(project: Project) -> None:
    """Make sure that an item is on turn, if there is one."""
    state = st.session_state
    if state.current is None:
        leased = project.claim(state.annotator)
        take(leased[0] if leased else None)


def take(item: LeasedItem | None) -> None:
    """Put an item on turn."""
    st.session_state.update(current=item, shown_at=time.monotonic())


def on_turn(number: int, token: str) -> LeasedItem | None:
    """The item on turn, if a press was about it; else None: the press came from an earlier screen."""
    current: LeasedItem | None = st.session_state.get("current")
    if current is None or (current.number, current.token) != (number, token):
        return None
    return current


def press(number: int, token: str, label: str | None, skip: str | None, flag: bool) -> None:
    """A button was pressed that was rendered with this item and lease."""
    state, item = st.session_state, on_turn(number, token)
    if item is None:
        return
    state.sequence += 1
    reply = LeaseReply(
        label=label,
        skip=skip,
        flag=flag,
        comment=state.get(f"comment:{token}") or None,
        seconds=round(time.monotonic() - state.shown_at, 3),
        shown={"hints": []},
        client=state.client,
        sequence=state.sequence,
    )
    try:
        with shared.project() as project:
            status = project.answer_lease(item, reply, annotator=state.annotator)
    except AnnotationError as error:
        state.note = ("error", str(error))
        if not flag:  # a flag without its comment can be sent again; a refused lease is of no more use
            take(None)
        return
    except LabelkitError as error:
        state.note = ("error", f"Not saved: {error}")
        return
    if status == "repeated":
        state.note = ("info", "You had answered this item already, in another tab; that answer stands.")
    else:
        state.undo.append(token)
        state.note = ("late", item.id) if status == "late" else None
    take(None)


def undo(token: str) -> None:
    """Take the last answer back and show its item again."""
    state = st.session_state
    if not state.get("undo") or state.undo[-1] != token:
        return
    try:
        with shared.project() as project:
            if state.current is not None:
                project.release(state.annotator, tokens=[state.current.token])
            take(None)
            item = project.withdraw(token, annotator=state.annotator)
    except AnnotationError as error:
        state.note = ("error", str(error))
    except LabelkitError as error:
        state.note = ("error", f"Not undone: {error}")
        return
    else:
        take(item)
        state.note = ("undone", "") if item else ("info", "Undone. Others have answered that item since.")
    state.undo.pop()


# ------------------------------------------------------------------ what is seen


def header(project: Project) -> None:
    """Who, how far, and the way out."""
    state = st.session_state
    done = project.annotator_progress(state.annotator)
    total = done.answered + done.left
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        with st.container(key="progress"):
            st.progress(
                done.answered / total if total else 1.0,
                text=f"**{done.answered:,}** of {total:,} answered · {done.lately:,} in the last 24 hours",
            )
        with st.container(horizontal=True, width="content", vertical_alignment="center", key="plain-who"):
            st.text(state.annotator)
            st.button("Leave", key="leave", type="tertiary", icon=":material/logout:", on_click=leave)


def message() -> None:
    """What came of the last press, where it needs words."""
    note = st.session_state.get("note")
    if note is None:
        return
    kind, text = note
    if kind == "error":
        st.error(shared.literal(text), icon=":material/error:")
    elif kind == "late":
        st.warning(f"Saved, but after the item's time was over: {shared.literal(text)}", icon=":material/schedule:")
    elif kind == "undone":
        st.info("Your answer is taken back; this is its item again.", icon=":material/undo:")
    else:
        st.info(shared.literal(text), icon=":material/info:")


def card(item: LeasedItem, labels: tuple[str, ...], reasons: dict[str, str]) -> None:
    """The item and everything one can answer."""
    mark = f"{item.number}:{item.token}"
    with st.container(border=True, key="item"):
        with st.container(key="item-text"):
            st.text(item.text or "(no text)")
        with st.container(horizontal=True, key="item-fields", gap="medium"):
            with st.container(key="item-id", width="content"):
                st.text(item.id)
            for name, value in item.fields.items():
                if value not in (None, ""):
                    st.text(f"{name}: {value}")
    with st.container(horizontal=True, key="labels"):
        for place, label in enumerate(labels):
            with st.container(key=f"label-{label}", width="content"):
                st.button(
                    shared.literal(label),
                    key=f"answer:{mark}:{label}",
                    shortcut=DIGITS[place] if place < len(DIGITS) else None,
                    on_click=press,
                    args=(item.number, item.token, label, None, False),
                )
    with st.container(horizontal=True, key="others"):
        others(item, mark, reasons)


def others(item: LeasedItem, mark: str, reasons: dict[str, str]) -> None:
    """Undo, skip, comment, flag."""
    last = st.session_state.undo[-1] if st.session_state.undo else None
    with st.container(key="undo", width="content"):
        st.button(
            "Undo", key=f"undo:{mark}:{last}", icon=":material/undo:", shortcut="U", disabled=last is None,
            on_click=undo, args=(last,),
        )  # fmt: skip
    with st.container(key="skip", width="content"), st.popover("Skip", icon=":material/redo:"):
        for code, words in reasons.items():
            st.button(
                words, key=f"skip:{mark}:{code}", type="tertiary", on_click=press,
                args=(item.number, item.token, None, code, False),
            )  # fmt: skip
    # Not in a popover: what was typed there is lost when Escape closes it.
    st.text_input(
        "Comment", key=f"comment:{item.token}", max_chars=10_000, label_visibility="collapsed",
        placeholder="Comment: goes with your answer", icon=":material/chat_bubble:", width="stretch",
    )  # fmt: skip
    with st.container(key="flag", width="content"):
        st.button(
            "Flag", key=f"flag:{mark}", icon=":material/flag:", on_click=press,
            args=(item.number, item.token, None, None, True),
            help="Instead of answering: something is wrong with this item. Say what in the comment.",
        )  # fmt: skip


def nothing_left(then: str) -> None:
    """The queue has nothing for this person now."""
    shared.empty("Nothing is waiting for you.", "Everything in the queue is answered or with somebody else. Thank you!")
    if then and "serve" not in then:
        st.markdown(f"For the person who runs the project: next is {then}")
    with st.container(horizontal=True):
        st.button("Look again", key="again", icon=":material/refresh:")
        if st.session_state.undo:
            st.button(
                "Undo", key=f"undo:{st.session_state.undo[-1]}", icon=":material/undo:", shortcut="U",
                on_click=undo, args=(st.session_state.undo[-1],),
            )  # fmt: skip


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
